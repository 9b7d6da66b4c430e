package main

import (
	"github.com/spf13/cobra"

	"groundwork/eval"
	"groundwork/internal/app/retrieval"
)

func (c *cli) evalChunksCmd() *cobra.Command {
	var data, dataDir string
	cmd := &cobra.Command{
		Use: "chunks", Short: "Measure how much of the gold spans goes to the model, and for how many tokens", Args: cobra.NoArgs,
		Long: "chunks cuts documents as the product does, chooses what goes to the model for each question, and prints which share of the\n" +
			"gold spans it holds (token recall), which share of it is gold (precision), and its tokens. Beside it stands the way of most\n" +
			"tutorials: windows of 1,000 characters, 200 of them shared, the five nearest by the same embedding model. The product\n" +
			"may send a quarter, half and all of the tokens that these take on average. Tokens are the embedding model's.\n\n" +
			"The folder holds retrieval/NAME/queries.jsonl (_id, text, doc, references: start and end in code points) and corpus/DOC.md\n" +
			"beside it. Vectors are kept in the data directory's cache: the second run is quick. No server is needed.",
		Example: "  groundwork eval chunks --data ../data\n  groundwork eval chunks --data ../data --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			reports, err := measureSets(cmd.Context(), c, data, dataDir, "questions", retrieval.Chunks)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"documents": reports})
			}
			c.printChunks(reports)
			return nil
		},
	}
	c.setsFlag(cmd, &data)
	dataDirFlag(cmd, &dataDir)
	return cmd
}

func (c *cli) printChunks(reports []retrieval.ChunkReport) {
	line := func(name string, s, peer eval.SpanScore) {
		c.printf("  %-22s %7.1f %10.1f %8.0f %6.2f\n", name, 100*s.Recall, 100*s.Precision, s.Tokens, s.Tokens/max(1, peer.Tokens))
	}
	for _, r := range reports {
		c.printf("%s: %d questions\n", r.Document, r.Queries)
		c.printf("  %-22s %7s %10s %8s %6s\n", "", "recall", "precision", "tokens", "x")
		line("1,000/200, five", r.Windows, r.Windows)
		for _, share := range retrieval.Shares() {
			line("product, up to "+retrieval.ShareName(share), r.Product[retrieval.ShareName(share)], r.Windows)
		}
		c.printf("\n")
	}
}
