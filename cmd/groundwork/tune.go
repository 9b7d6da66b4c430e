package main

import (
	"github.com/spf13/cobra"
)

func (c *cli) tuneCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tune", Short: "Fine-tune the chat model on your documents",
		Long: "tune makes a training set from a store's documents, checks that it holds nothing of a question set, trains a LoRA adapter\n" +
			"on it, and keeps the adapters that are served beside their model, as MODEL+ADAPTER and MODEL+ADAPTER@STORE.",
		Example: "  groundwork tune dataset --store handbook --out training --questions questions.jsonl\n  groundwork tune run training --name acme\n  groundwork tune register acme",
	}
	cmd.AddCommand(c.tuneDatasetCmd(), c.tuneCheckCmd(), c.tuneSetupCmd(), c.tuneRunCmd(), c.tuneListCmd(), c.tuneShowCmd(),
		c.tuneAdaptersCmd(), c.tuneRegisterCmd(), c.tuneRemoveCmd())
	return cmd
}
