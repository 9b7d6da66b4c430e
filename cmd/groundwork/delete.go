package main

import (
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// receipt is what a deletion removed, as the API shows it.
type receipt struct {
	ID          string `json:"id"`
	ObjectID    string `json:"object_id"`
	StoreID     string `json:"store_id"`
	SHA256      string `json:"sha256"`
	RequestedAt int64  `json:"requested_at"`
	DeletedAt   *int64 `json:"deleted_at"`
	Removed     struct {
		Library struct {
			Versions int `json:"versions"`
			Passages int `json:"passages"`
			Answers  int `json:"answers"`
		} `json:"library"`
		Index struct {
			Chunks  int `json:"chunks"`
			Vectors int `json:"vectors"`
		} `json:"index"`
		Files struct {
			Originals int `json:"originals"`
		} `json:"files"`
	} `json:"removed"`
	Hash string `json:"hash,omitempty"`
}

func (c *cli) deleteCmd() *cobra.Command {
	var store, dataDir string
	cmd := &cobra.Command{
		Use: "delete DOCUMENT_ID…", Short: "Delete documents everywhere, and print a receipt for each", Args: cobra.MinimumNArgs(1),
		Long: "delete removes documents (file-…) from a store: text, passages, vectors, full text, kept answers that were made from them, and\n" +
			"the originals. The receipt counts what went, place by place; nothing of it is left in the data directory by then.",
		Example: "  groundwork delete --store handbook file-…\n  groundwork delete --store handbook --json file-… file-…",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.receipts(cmd, dataDir, args, func(api *client, id string) (r receipt, err error) {
				var reply struct {
					Groundwork struct {
						Receipt receipt `json:"receipt"`
					} `json:"groundwork"`
				}
				err = api.call(cmd.Context(), http.MethodDelete, "/v1/documents/"+url.PathEscape(id)+"?store="+url.QueryEscape(store), nil, &reply)
				return reply.Groundwork.Receipt, err
			})
		},
	}
	cmd.Flags().StringVar(&store, "store", "default", "store, by name or id")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where documents, index and keys live (server.data_dir)")
	return cmd
}

func (c *cli) receiptCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "receipt ID", Short: "Show what a deletion removed", Args: cobra.ExactArgs(1),
		Long: "receipt shows the receipt of a deletion again: by its own id (del_…), or by that of the document, file or store that was\n" +
			"deleted. Receipts hold ids, counts and the hash of the original, and are kept.",
		Example: "  groundwork receipt file-…\n  groundwork receipt --json del_…",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.receipts(cmd, dataDir, args, func(api *client, id string) (r receipt, err error) {
				err = api.call(cmd.Context(), http.MethodGet, "/v1/receipts/"+url.PathEscape(id), nil, &r)
				return r, err
			})
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where documents, index and keys live (server.data_dir)")
	return cmd
}

// receipts prints what get gives for each id, one after the other.
func (c *cli) receipts(cmd *cobra.Command, dataDir string, ids []string, get func(api *client, id string) (receipt, error)) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", dataDir, "")
	api, stop, err := c.connect(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	defer stop()
	for _, id := range ids {
		r, err := get(api, id)
		if err == nil {
			err = c.printReceipt(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) printReceipt(r receipt) error {
	if c.json {
		return c.printJSON(r)
	}
	when := "is being deleted; ask for the receipt again in a moment"
	if r.DeletedAt != nil {
		when = "deleted " + time.Unix(*r.DeletedAt, 0).UTC().Format(time.RFC3339)
	}
	c.printf("%s %s\n  receipt   %s\n", r.ObjectID, when, r.ID)
	c.printf("  library   %d versions, %d passages, %d kept answers\n", r.Removed.Library.Versions, r.Removed.Library.Passages, r.Removed.Library.Answers)
	c.printf("  index     %d chunks with their terms, %d vectors\n", r.Removed.Index.Chunks, r.Removed.Index.Vectors)
	c.printf("  files     %d originals\n  sha256    %s\n  hash      %s\n", r.Removed.Files.Originals, r.SHA256, r.Hash)
	return nil
}
