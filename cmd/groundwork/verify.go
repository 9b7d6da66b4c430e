package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"groundwork/internal/app"
)

func (c *cli) verifyCmd() *cobra.Command {
	var dataDir string
	var repair bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Compare documents, chunks, vectors, full text and originals; --repair mends them", Args: cobra.NoArgs,
		Long: "verify reads everything: every text, chunk and vector must be what was stored, every chunk of a searchable document must be\n" +
			"in the index once, found by its own terms, and nothing else may be; every original must hash to its name. It fails when\n" +
			"something is wrong, and changes nothing. --repair queues what is damaged to be made anew from its original (a server or\n" +
			"worker does that, and the old version answers meanwhile), makes full text and statistics anew, and drops what belongs to\n" +
			"no document. A document whose original is lost is shown as failed (original_lost); it goes on answering when its\n" +
			"passages are sound. Damaged originals are deleted, so that the right bytes can be uploaded.\n" +
			"On PostgreSQL with Qdrant it runs beside servers and workers; on the embedded stores no server may run.",
		Example: "  groundwork verify\n  groundwork verify --repair\n  groundwork verify --config cluster.yaml --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.operate(dataDir, func(o *app.Operator) error {
				progress := func(name string, done int) { fmt.Fprintf(c.err, "store %d: %s\n", done, name) }
				if repair {
					r, err := o.Repair(cmd.Context(), progress)
					if err != nil {
						return err
					}
					return c.printRepair(r)
				}
				audit, err := o.Verify(cmd.Context(), progress)
				if err != nil {
					return err
				}
				return c.printAudit(audit)
			})
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "mend what is wrong")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where documents, index and keys live (server.data_dir)")
	return cmd
}

func (c *cli) printAudit(a app.Audit) error {
	if c.json {
		if err := c.printJSON(a); err != nil {
			return err
		}
	} else {
		c.describeAudit(a)
	}
	if a.OK() {
		return nil
	}
	fix := "`groundwork verify --repair` mends them"
	if slices.ContainsFunc(a.Faults, func(f app.Fault) bool { return f.Kind == app.FaultOriginal }) {
		fix = "restore from a backup what lost its original, or upload it again; " + fix + " as far as they can be"
	}
	return fmt.Errorf("%d faults; %s", len(a.Faults), fix)
}

func (c *cli) describeAudit(a app.Audit) {
	c.printf("%d stores, %d documents, %d chunks, %d entries of the index, %d originals (%d bytes, %d known to be lost); %d documents on their way, %d failed\n",
		a.Stores, a.Documents, a.Chunks, a.Entries, a.Originals, a.Bytes, a.Lost, a.Waiting, a.Failed)
	for _, f := range a.Faults {
		c.printf("%s  %s %s %s%s  %s\n", f.Kind, f.Tenant, f.Store, f.Document, f.Original, f.Detail)
	}
}

func (c *cli) printRepair(r app.Repair) error {
	if c.json {
		if err := c.printJSON(r); err != nil {
			return err
		}
	} else {
		c.describeAudit(r.Audit)
		c.printf("%d documents are queued, a running server or worker makes them anew; %d stores of the index mended; %d strays removed\n", r.Queued, r.Mended, r.Removed)
		for _, l := range r.Lost {
			what := "its passages were damaged too: it answers no more"
			if l.Answers {
				what = "its passages are sound and go on answering"
			}
			c.printf("lost  %s %s %s  %s: the original is missing or damaged; %s\n", l.Tenant, l.Store, l.Document, l.Path, what)
		}
		for _, f := range r.Left {
			c.printf("left  %s %s%s  %s\n", f.Kind, f.Document, f.Original, f.Detail)
		}
	}
	if r.OK() {
		return nil
	}
	return fmt.Errorf("%d documents are lost and %d faults are left; restore the originals from a backup, or upload or delete them", len(r.Lost), len(r.Left))
}
