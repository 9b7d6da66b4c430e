package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) askCmd() *cobra.Command {
	var store, dataDir, model string
	cmd := &cobra.Command{
		Use: "ask QUESTION", Short: "Ask a question over a store; the answer streams, then its sources", Args: cobra.MinimumNArgs(1),
		Example: "  groundwork ask --store handbook \"How many days of leave can I carry over?\"\n  groundwork ask --store handbook --json \"Who approves travel?\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			api, stop, err := c.connectReady(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer stop()
			return c.ask(cmd.Context(), api, store, strings.Join(args, " "))
		},
	}
	cmd.Flags().StringVarP(&store, "store", "s", "documents", "store to ask")
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

func (c *cli) ask(ctx context.Context, api *client, store, question string) error {
	model, err := api.storeModel(ctx, store)
	if err != nil {
		return err
	}
	emit := func(text string) { c.printf("%s", text) }
	if c.json {
		emit = func(string) {}
	}
	a, err := api.stream(ctx, userAsks(model, question), emit)
	if err != nil {
		if !c.json && a.Text != "" {
			c.printf("\n")
		}
		return err
	}
	if c.json {
		return c.printJSON(a)
	}
	c.printf("\n")
	c.printSources(a)
	return nil
}

func (c *cli) printSources(a answer) {
	g := a.Groundwork
	if g.Abstained {
		c.printf("\n  looked for: %s\n", g.Query)
		for _, n := range g.Nearest {
			c.printf("  nearest: %s\n", where(n.Filename, n.Heading, nil))
		}
	}
	text := []rune(a.Text)
	if len(g.Citations) > 0 {
		c.printf("\nsources:\n")
	}
	for _, cite := range g.Citations {
		for _, s := range g.Sources {
			if s.Index == cite.Source {
				c.printf("  [%d] %s, characters %d–%d: %s\n", cite.Source, where(s.Filename, s.Heading, s.Page), cite.Start, cite.End, cite.Verdict)
				c.printf("      “%s”\n", excerpt(cite.Quote, 240))
			}
		}
	}
	for _, u := range g.Unsupported {
		if u[0] >= 0 && u[1] <= len(text) && u[0] < u[1] {
			c.printf("  not supported by any passage: “%s”\n", string(text[u[0]:u[1]]))
		}
	}
	if g.Context["cut"] == true {
		c.printf("  the model server read only a part of the passages: its window is smaller than it says\n")
	}
	if ms, ok := g.TimingsMs["first_token"]; ok {
		c.printf("  first token after %.1f s, %s prompt tokens of a budget of %v\n", ms/1000, fmt.Sprint(g.Context["prompt_tokens"]), g.Context["budget"])
	}
}
