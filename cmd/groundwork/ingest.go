package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// ingesting is what `ingest` was asked for.
type ingesting struct {
	store, dataDir, model      string
	sync, watch, dryRun, force bool
	every, settle              time.Duration
	ignore                     []string
}

func (c *cli) ingestCmd() *cobra.Command {
	var in ingesting
	var said func() (labels, error)
	cmd := &cobra.Command{
		Use: "ingest PATH…", Short: "Take files and folders in and wait until they are searchable", Args: cobra.MinimumNArgs(1),
		Long: "ingest uploads files, and folders with all that is in them, into a store (made when it does not\n" +
			"exist), and waits until each document is searchable or failed. Files that are there already, under\n" +
			"the same path and with the same content, cost nothing: an interrupted run is repeated to finish it.\n\n" +
			"--sync makes the store what one folder is: new and changed files are sent, unchanged ones are only\n" +
			"compared, and documents without a file are removed. Look first with --dry-run. It changes nothing\n" +
			"when the folder is empty, or more than a quarter of the documents would be removed, unless you\n" +
			"agree or --force says so.\n" +
			"--watch does the same again and again, as soon as a file changes, until Ctrl-C.\n\n" +
			"Left out are names that start with a dot, lock files of offices (~$report.docx), backups (*~),\n" +
			"unfinished downloads, and what --ignore names. Links and unreadable files are reported.",
		Example: "  groundwork ingest ./handbook --store handbook\n  groundwork ingest report.pdf notes.docx --store work --json\n" +
			"  groundwork ingest ./policies --store handbook --attribute team=hr --attribute year=2026 --allow hr\n" +
			"  groundwork ingest --sync ./handbook --store handbook --ignore 'drafts/*' --dry-run\n" +
			"  groundwork ingest --watch ./handbook --store handbook",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := said()
			if err == nil {
				err = in.check(args)
			}
			if err != nil {
				return err
			}
			return c.runIngest(cmd.Context(), in, l, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&in.store, "store", "s", "documents", "store to put them in")
	flags.BoolVar(&in.sync, "sync", false, "make the store what the folder is: documents without a file are removed")
	flags.BoolVar(&in.watch, "watch", false, "--sync, and again whenever a file changes, until Ctrl-C")
	flags.BoolVar(&in.dryRun, "dry-run", false, "with --sync: only print what would be done")
	flags.BoolVar(&in.force, "force", false, "with --sync: remove however many documents have no file (with --watch: the first time)")
	flags.DurationVar(&in.every, "every", 10*time.Minute, "with --watch: compare everything at least this often")
	flags.DurationVar(&in.settle, "settle", 2*time.Second, "with --sync: a file is sent when it has not changed for this long")
	flags.StringArrayVar(&in.ignore, "ignore", nil, "names or paths below the folder to leave out, such as '*.log' or 'drafts/*'; may be repeated")
	said = addLabelFlags(cmd)
	addLocalFlags(cmd, &in.dataDir, &in.model)
	return cmd
}

// check refuses flags that do not go together.
func (in *ingesting) check(args []string) error {
	in.sync = in.sync || in.watch
	switch {
	case !in.sync && (in.dryRun || in.force):
		return errors.New("--dry-run and --force belong to --sync")
	case in.watch && in.dryRun:
		return errors.New("--watch and --dry-run do not go together; look with --sync --dry-run first")
	case in.sync && len(args) != 1:
		return fmt.Errorf("--sync makes a store what one folder is, and there are %d; name one", len(args))
	case in.watch && in.every < time.Second:
		return errors.New("--every is at least 1s")
	}
	return checkPatterns(in.ignore)
}

func (c *cli) runIngest(ctx context.Context, in ingesting, l labels, args []string) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", in.dataDir, in.model)
	api, stop, err := c.connect(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	api.labels = l
	if in.watch {
		w := watching{syncing: newSyncing(c, api, in, args[0]), locate: func() *client { return c.relocate(cfg, api) }}
		return w.run(ctx)
	}
	var r result
	if in.sync {
		r, err = newSyncing(c, api, in, args[0]).once(ctx)
	} else {
		r, err = c.ingest(ctx, api, args, in.ignore, in.store)
	}
	if err != nil {
		return err
	}
	return c.report(r)
}

// report prints what became of the files; any that failed end the command with status 1.
func (c *cli) report(r result) error {
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

// result is what became of one ingest.
type result struct {
	Store   string     `json:"store"`
	Files   int        `json:"files"`
	Ready   int        `json:"ready"`
	Failed  []document `json:"failed"`
	Skipped []skipped  `json:"skipped"`
	Sync    *changes   `json:"sync,omitempty"`
	Seconds float64    `json:"seconds"`

	unfinished bool // some are still on their way
}

func (c *cli) reportIngest(r result) {
	if r.Sync != nil {
		c.reportChanges(*r.Sync)
	}
	if r.Sync == nil || !r.Sync.DryRun {
		c.printf("%d of %d documents are ready in store %q (%.1f s)\n", r.Ready, r.Files, r.Store, r.Seconds)
	}
	for _, d := range r.Failed {
		c.printf("  failed: %s\n", d.why())
	}
	for _, s := range r.Skipped {
		c.printf("  left out: %s: %s\n", s.Path, s.Reason)
	}
}

// ingest uploads files, then waits until each is ready or failed.
func (c *cli) ingest(ctx context.Context, api *client, paths, ignore []string, store string) (result, error) {
	began := time.Now()
	files, left, err := collect(paths, ignore)
	if err != nil {
		return result{}, err
	}
	t := newTransfer(c, api, store, len(files))
	if err := t.run(ctx, files); err != nil {
		return t.r, err
	}
	t.r.Files, t.r.Skipped = len(files), append(left, t.r.Skipped...)
	t.r.Seconds = time.Since(began).Seconds()
	return t.r, nil
}
