package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// uploads is how many files are sent side by side.
const uploads = 4

func (c *cli) ingestCmd() *cobra.Command {
	var store, dataDir, model string
	var said func() (labels, error)
	cmd := &cobra.Command{
		Use: "ingest PATH…", Short: "Take files and folders in and wait until they are searchable", Args: cobra.MinimumNArgs(1),
		Long: "ingest uploads files, and folders with all that is in them, into a store (made when it does not\n" +
			"exist), and waits until each document is searchable or failed. Files that are there already, under\n" +
			"the same path and with the same content, cost nothing: an interrupted run is repeated to finish it.\n" +
			"Names that start with a dot are left out.",
		Example: "  groundwork ingest ./handbook --store handbook\n  groundwork ingest report.pdf notes.docx --store work --json\n" +
			"  groundwork ingest ./policies --store handbook --attribute team=hr --attribute year=2026 --allow hr",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			l, err := said()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			api, stop, err := c.connect(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer stop()
			api.labels = l
			return c.ingestAndReport(cmd.Context(), api, args, store)
		},
	}
	cmd.Flags().StringVarP(&store, "store", "s", "documents", "store to put them in")
	said = addLabelFlags(cmd)
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

// result is what became of one ingest.
type result struct {
	Store   string        `json:"store"`
	Files   int           `json:"files"`
	Ready   int           `json:"ready"`
	Failed  []document    `json:"failed"`
	Seconds float64       `json:"seconds"`
	took    time.Duration // Seconds
}

func (c *cli) ingestAndReport(ctx context.Context, api *client, paths []string, store string) error {
	r, err := c.ingest(ctx, api, paths, store)
	if err != nil {
		return err
	}
	if c.json {
		if err := c.printJSON(r); err != nil {
			return err
		}
	} else {
		c.reportIngest(r)
	}
	if len(r.Failed) > 0 {
		return errReported
	}
	return nil
}

func (c *cli) reportIngest(r result) {
	c.printf("%d of %d documents are ready in store %q (%.1f s)\n", r.Ready, r.Files, r.Store, r.took.Seconds())
	for _, d := range r.Failed {
		c.printf("  failed: %s: %s (%s)\n", d.Filename, d.Error.Message, d.Error.Code)
	}
}

// file is one file to take in.
type file struct {
	source string // where it is
	path   string // its path in the store
}

// collect lists files under paths. A folder's files keep their path below it.
func collect(paths []string) ([]file, error) {
	var files []file
	for _, root := range paths {
		info, err := os.Stat(root)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, file{root, filepath.Base(root)})
			continue
		}
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path != root && strings.HasPrefix(entry.Name(), ".") {
				if entry.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if !entry.Type().IsRegular() {
				return nil
			}
			rel, err := filepath.Rel(root, path)
			files = append(files, file{path, filepath.ToSlash(rel)})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no file in %s", strings.Join(paths, ", "))
	}
	return files, nil
}

// ingest uploads files, then waits until each is ready or failed.
func (c *cli) ingest(ctx context.Context, api *client, paths []string, store string) (result, error) {
	started := time.Now()
	files, err := collect(paths)
	if err != nil {
		return result{}, err
	}
	bar := c.progress("reading", len(files))
	r := result{Store: store, Files: len(files), Failed: []document{}}
	pending := map[string]bool{}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(uploads)
	for _, f := range files {
		group.Go(func() error {
			doc, err := api.upload(groupCtx, store, f.path, func() (io.ReadCloser, error) { return os.Open(f.source) })
			mu.Lock()
			defer mu.Unlock()
			var refused *apiError
			switch {
			case errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden:
				doc = document{Filename: f.path, Status: "failed"}
				doc.Error = &struct {
					Code    string `json:"code"`
					Message string `json:"message"`
				}{refused.Code, refused.Message}
			case err != nil:
				return fmt.Errorf("%s: %w", f.source, err)
			}
			r.settle(doc, pending)
			bar.set(r.Ready + len(r.Failed))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return r, err
	}
	if err := c.await(ctx, api, &r, pending, bar); err != nil {
		return r, err
	}
	bar.done()
	r.took = time.Since(started)
	r.Seconds = r.took.Seconds()
	return r, nil
}

// settle counts doc when it is done, else remembers it.
func (r *result) settle(doc document, pending map[string]bool) {
	switch doc.Status {
	case "ready":
		r.Ready++
	case "failed":
		r.Failed = append(r.Failed, doc)
	default:
		pending[doc.ID] = true
		return
	}
	delete(pending, doc.ID)
}

// await polls the store until nothing is pending.
func (c *cli) await(ctx context.Context, api *client, r *result, pending map[string]bool, bar *progress) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for len(pending) > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped with %d documents on their way; the server goes on with them, and the same command waits for them again: %w", len(pending), ctx.Err())
		case <-tick.C:
		}
		docs, err := api.documents(ctx, r.Store)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, doc := range docs {
			seen[doc.ID] = true
			if pending[doc.ID] {
				r.settle(doc, pending)
			}
		}
		for id := range pending { // deleted meanwhile by somebody else
			if !seen[id] {
				delete(pending, id)
			}
		}
		bar.set(r.Ready + len(r.Failed))
	}
	return nil
}
