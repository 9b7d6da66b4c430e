package main

import (
	"github.com/spf13/cobra"
)

func (c *cli) tuneCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tune", Short: "Fine-tune the chat model on your documents",
		Long: "tune makes a training set from a store's documents, checks that it holds nothing of a question set,\n" +
			"and writes it in the forms that trainers read.",
		Example: "  groundwork tune dataset --store handbook --out training --questions questions.jsonl\n  groundwork tune check training --questions questions.jsonl",
	}
	cmd.AddCommand(c.tuneDatasetCmd(), c.tuneCheckCmd(), c.tuneSetupCmd(), c.tuneRunCmd(), c.tuneListCmd(), c.tuneShowCmd())
	return cmd
}
