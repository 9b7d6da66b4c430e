package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/internal/app"
	"groundwork/internal/app/retrieval"
)

func (c *cli) evalRetrievalCmd() *cobra.Command {
	var data, dataDir string
	cmd := &cobra.Command{
		Use: "retrieval", Short: "Measure how well passages are found, leg by leg, on sets whose relevant passages are known", Args: cobra.NoArgs,
		Long: "retrieval searches every set of a folder with the product's own chunker, analyser, embedding model, index\n" +
			"and fusion, and prints nDCG@10, recall and MRR of plain SQLite FTS5, the text leg, the embedding leg, reciprocal rank\n" +
			"fusion and the product's hybrid search, with what hybrid gains over each leg (paired bootstrap, 95 % interval).\n" +
			"With llm.rerank set there is a line for the reranked search too.\n\n" +
			"recall is the share of a question's relevant passages among the first, any counts the questions with at least one of them.\n" +
			"The exit status is 1 when hybrid is significantly worse than its better leg on any set.\n\n" +
			"The folder holds retrieval/NAME/corpus.jsonl (_id, text, and perhaps title, doc), queries.jsonl (_id, text, and perhaps\n" +
			"doc) and qrels.tsv (question, passage, gain), or qa/NAME-….jsonl (as for eval run) with Markdown documents below NAME/.\n" +
			"Vectors are kept in the data directory's cache: the second run is quick. No server is needed.",
		Example: "  groundwork eval retrieval --data ../data\n  groundwork eval retrieval --data ../data --json\n" +
			"  GROUNDWORK_LLM__RERANK__FOLDER=models/ms-marco-minilm groundwork eval retrieval --data ../data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := measureSets(cmd.Context(), c, data, dataDir, "embedding", retrieval.Run)
			if err != nil {
				return err
			}
			return c.printRetrieval(report)
		},
	}
	c.setsFlag(cmd, &data)
	dataDirFlag(cmd, &dataDir)
	return cmd
}

// setsFlag is the folder with retrieval sets.
func (c *cli) setsFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", cmp.Or(c.getenv("GROUNDWORK_DATA"), filepath.Join("..", "shared", "data")), "folder with the sets")
}

// measureSets runs a measurement over the folder data, with a bar that counts what.
func measureSets[R any](ctx context.Context, c *cli, data, dataDir, what string,
	measure func(ctx context.Context, cfg configs.Config, opts app.Options, dir string, progress func(done, total int)) (R, error)) (report R, err error) {
	cfg, err := c.config()
	if err != nil {
		return report, err
	}
	override(&cfg, "", dataDir, "")
	var bar *progress
	defer func() {
		if bar != nil {
			bar.done()
		}
	}()
	return measure(ctx, cfg, app.Options{Version: version, Environ: c.environ, Log: c.quiet(cfg)}, data, func(done, total int) {
		if bar == nil {
			bar = c.progress(what, total)
		}
		bar.set(done)
	})
}

func (c *cli) printRetrieval(r eval.RetrievalReport) error {
	lost := r.Lost()
	if c.json {
		if err := c.printJSON(map[string]any{"report": r, "lost": lost}); err != nil {
			return err
		}
	} else {
		for _, s := range r.Sets {
			c.printf("%s: %d passages, %d questions\n", s.Name, s.Passages, s.Queries)
			c.printLegs(s.Legs, s.Against)
		}
		c.printf("mean over the sets\n")
		c.printLegs(r.Macro, nil)
		if plain := r.Macro[eval.LegFTS5].NDCG10; plain > 0 {
			c.printf("hybrid is %.3f times plain FTS5 by nDCG@10\n", r.Macro[eval.LegHybrid].NDCG10/plain)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("hybrid is significantly worse than its better leg on %s", strings.Join(lost, ", "))
	}
	return nil
}

func (c *cli) printLegs(legs map[string]eval.LegFigures, against map[string]eval.Difference) {
	c.printf("  %-7s %8s  %8s %6s %6s  %6s %6s %6s  %6s  %s\n", "", "nDCG@10", "recall@5", "@10", "@20", "any@5", "@10", "@20", "MRR", "hybrid's gain in nDCG@10")
	for _, leg := range eval.Legs {
		f, ok := legs[leg]
		if !ok {
			continue
		}
		c.printf("  %-7s %8.1f  %8.1f %6.1f %6.1f  %6.1f %6.1f %6.1f  %6.1f", leg, 100*f.NDCG10, 100*f.Recall5, 100*f.Recall10, 100*f.Recall20, 100*f.Any5, 100*f.Any10, 100*f.Any20, 100*f.MRR)
		if d, ok := against[leg]; ok {
			c.printf("  %+.1f (%+.1f to %+.1f)", 100*d.Mean, 100*d.Low, 100*d.High)
		}
		c.printf("\n")
	}
	c.printf("\n")
}
