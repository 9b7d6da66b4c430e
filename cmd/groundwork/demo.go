package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// demoQuestions go with the sample corpus; the last one has no answer in it.
var demoQuestions = []string{
	"On which weekdays does Lodline get deployed?",
	"When can I walk in to IT support in Hamburg?",
	"Phone number of Matkapiste?",
}

func (c *cli) demoCmd() *cobra.Command {
	var docs, dataDir, model, store string
	var questions []string
	var exit bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Install the models, start, take documents in, ask questions", Args: cobra.NoArgs,
		Long: "demo does everything once: it fetches the model runtime and the models (pinned, checked, resumable),\n" +
			"starts the server, takes a folder of documents in, asks questions and prints the cited answers.\n" +
			"The server then runs until Ctrl-C. A second run repeats no work.",
		Example: "  groundwork demo --docs eval/sample/documents\n  groundwork demo --docs ./handbook --question \"Who approves travel?\" --exit",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if store == "" {
				store = storeName(docs)
			}
			if len(questions) == 0 && filepath.Clean(docs) == sampleDocs {
				questions = demoQuestions
			}
			return c.demo(cmd.Context(), demoRun{docs: docs, store: store, dataDir: dataDir, model: model, questions: questions, exit: exit})
		},
	}
	cmd.Flags().StringVar(&docs, "docs", sampleDocs, "folder or file to take in")
	cmd.Flags().StringArrayVarP(&questions, "question", "q", nil, "question to ask (repeatable); default: three about the sample corpus")
	cmd.Flags().StringVarP(&store, "store", "s", "", "store; default: the folder's name")
	cmd.Flags().BoolVar(&exit, "exit", false, "end after the answers instead of serving until Ctrl-C")
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

// sampleDocs is the sample corpus, seen from the repository's root.
const sampleDocs = "eval/sample/documents"

// storeName makes a store's name from a folder's: its last part that says something.
func storeName(docs string) string {
	abs, err := filepath.Abs(docs)
	if err != nil {
		abs = docs
	}
	if filepath.Clean(docs) == sampleDocs {
		return "sample"
	}
	name := strings.TrimSuffix(filepath.Base(abs), filepath.Ext(abs))
	if name == "" || name == "/" || name == "." {
		return "documents"
	}
	return strings.ReplaceAll(name, "@", "-")
}

type demoRun struct {
	docs, store, dataDir, model string
	questions                   []string
	exit                        bool
}

func (c *cli) demo(ctx context.Context, d demoRun) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", d.dataDir, d.model)
	if _, _, err := collect([]string{d.docs}, nil); err != nil {
		return err
	}
	if err := c.setUp(ctx, cfg); err != nil {
		return err
	}
	started := time.Now()
	api, stop, err := c.connectOrServe(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	r, err := c.ingest(ctx, api, []string{d.docs}, nil, d.store)
	if err != nil {
		return err
	}
	c.reportIngest(r)
	said := ""
	err = api.waitReady(ctx, cfg.LLM.StartTimeout, func(waiting string) {
		if waiting != said {
			said = waiting
			fmt.Fprintln(c.err, "waiting for", waiting)
		}
	})
	if err != nil {
		return err
	}
	c.printf("ready after %.1f s\n", time.Since(started).Seconds())
	for _, q := range d.questions {
		c.printf("\nQ: %s\nA: ", q)
		if err := c.ask(ctx, api, d.store, q); err != nil {
			return err
		}
	}
	if d.exit {
		return nil
	}
	c.printf("\nThe web page: %s   (Ctrl-C ends the server)\n", api.base)
	<-ctx.Done()
	return nil
}
