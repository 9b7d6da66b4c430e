package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func (c *cli) documentsCmd() *cobra.Command {
	var store, state, dataDir, model string
	var retry bool
	cmd := &cobra.Command{
		Use: "documents", Short: "List a store's documents with their states, and try failed ones again", Args: cobra.NoArgs,
		Long: "documents lists what is in a store: the state of each document, how far one is that is on its way, and why\n" +
			"one failed and what to do. --retry processes those that failed again, from the originals that are kept, and\n" +
			"waits until each is searchable or has failed once more.",
		Example: "  groundwork documents --store handbook\n  groundwork documents --store handbook --state failed\n  groundwork documents --store handbook --retry",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if retry && state != "" && state != "failed" {
				return errors.New("--retry is for documents that failed; leave out --state")
			}
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			api, stop, err := c.connect(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer stop()
			if retry {
				return c.retryFailed(cmd.Context(), api, store)
			}
			return c.listDocuments(cmd.Context(), api, store, state)
		},
	}
	cmd.Flags().StringVarP(&store, "store", "s", "documents", "store, by name or id")
	cmd.Flags().StringVar(&state, "state", "", "only those that are queued, parsing, embedding, ready or failed")
	cmd.Flags().BoolVar(&retry, "retry", false, "process those that failed again")
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

func (c *cli) listDocuments(ctx context.Context, api *client, store, state string) error {
	docs, err := api.documentsIn(ctx, store, state)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(append([]document{}, docs...))
	}
	names := map[string]string{}
	for _, d := range docs {
		names[d.ID] = d.Filename
	}
	for _, d := range docs {
		if d.AttachedTo != "" {
			d.Filename += " in " + cmp.Or(names[d.AttachedTo], d.AttachedTo)
		}
		line := d.why()
		if d.Status == "embedding" {
			line = fmt.Sprintf("%s (%d of %d passages)", d.Filename, d.ChunksDone, d.Chunks)
		}
		if d.Attempts > 1 || d.Attempts > 0 && d.WaitingFor != "" {
			line += fmt.Sprintf("; failed attempts: %d", d.Attempts)
		}
		if d.WaitingFor != "" {
			line += "; waits: " + d.WaitingFor
		}
		c.printf("%-9s  %s  %s\n", d.Status, d.ID, line)
	}
	return nil
}

// retryFailed queues what failed, and follows it as ingest follows what it sent.
func (c *cli) retryFailed(ctx context.Context, api *client, store string) error {
	began := time.Now()
	docs, err := api.documentsIn(ctx, store, "failed")
	if err != nil {
		return err
	}
	t := newTransfer(c, api, store, len(docs))
	t.r.Files = len(docs)
	defer t.bar.done()
	for _, d := range docs {
		again, err := api.retry(ctx, store, d.ID)
		switch statusOf(err) {
		case http.StatusConflict: // its original is lost, or somebody was faster
			if again, err = api.document(ctx, store, d.ID); err != nil {
				return err
			}
		case http.StatusNotFound: // deleted meanwhile
			t.r.Files--
			continue
		default:
			if err != nil {
				return err
			}
		}
		t.settle(again)
	}
	sent := make(chan struct{})
	close(sent)
	if err := t.follow(ctx, sent); err != nil {
		return err
	}
	t.r.Seconds = time.Since(began).Seconds()
	return c.report(t.r)
}
