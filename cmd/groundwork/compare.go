package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/compare"
	"groundwork/eval/reports"
)

// compareFlags are what `compare` was asked.
type compareFlags struct {
	store, questions, tuned, dataDir, model string
	seed, maxTokens, parallel, budget       int
	fresh, safety                           bool
	again                                   bool // a finished comparison of the same setup is shown, not asked anew
	hardware                                string
	view                                    compareView
}

// compareView is what a report is made with, beside the answers.
type compareView struct {
	heldOut, prices, machine, thresholds, html string
	trainingHours, answers                     float64
	limits                                     map[string]*float64 // flags, by the thresholds' names
}

func (c *cli) compareCmd() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use: "compare", Short: "Compare base and tuned model, each with and without your documents", Args: cobra.NoArgs,
		Long: "compare asks every question of each cell: the base model, the base model over a store, and with --tuned the\n" +
			"tuned model without and over it; over the store with the server's abstention gate as configured and off.\n" +
			"Questions are asked cell by cell before the next one, greedily, so all cells see the same machine and passages.\n\n" +
			"The report tells what is right and cited or rightly refused, with intervals; what retrieval and tuning each bring;\n" +
			"where each cell wins; time, tokens and costs against APIs; with --safety how documents with hidden instructions\n" +
			"fare; and whether a cell is good enough by thresholds of yours. It is printed, and kept as HTML and JSON in the\n" +
			"data directory (`groundwork compare list`); --html writes it elsewhere too.\n\n" +
			"Every answer is on the disk before the next question is asked: the same command after an interruption goes on.\n" +
			"The exit status is 1 when the figures must not be used, or when thresholds were set and no cell meets them.",
		Example: "  groundwork compare --store sample --questions eval/sample/questions.jsonl --html report.html\n" +
			"  groundwork compare --store handbook --questions questions.jsonl --tuned acme --heldout training/heldout.jsonl --safety\n" +
			"  groundwork compare --store handbook --questions questions.jsonl --min-score 0.6 --max-false 0.1 --max-first 10\n" +
			"  groundwork compare show last --prices ours.yaml --machine \"our server\" --html report.html",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.compare(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.store, "store", "s", "documents", "store to ask")
	flags.StringVar(&f.questions, "questions", "", "question set (JSONL: id, question, answer, gold, type, must_contain)")
	flags.StringVar(&f.tuned, "tuned", "", "adapter of the tuned model; without one only the base model is compared")
	flags.IntVar(&f.seed, "seed", 1, "of sampling; temperature is 0")
	flags.IntVar(&f.maxTokens, "max-tokens", 0, "of an answer; 0: answer.max_tokens")
	flags.IntVar(&f.parallel, "parallel", 0, "questions at once; 0: as many as the model servers answer at once, at most 8")
	flags.IntVar(&f.budget, "context-budget", 0, "prompt tokens for passages; 0: what the server's speed allows at the start")
	flags.BoolVar(&f.fresh, "fresh", false, "begin anew instead of going on with a comparison that broke off")
	flags.BoolVar(&f.safety, "safety", false, "also ask about documents with hidden instructions, in a store that is deleted afterwards")
	flags.StringVar(&f.hardware, "hardware", "", "what the answers were made on, in words; default: this machine, where the server is on it")
	f.view.flags(cmd)
	addLocalFlags(cmd, &f.dataDir, &f.model)
	if err := cmd.MarkFlagRequired("questions"); err != nil {
		panic(err) // the flag is defined above
	}
	cmd.AddCommand(c.compareListCmd(), c.compareShowCmd(), c.compareChainCmd())
	return cmd
}

// limitFlags are the thresholds.
var limitFlags = []struct{ name, help string }{
	{"min_score", "right and cited, or rightly refused: share of all questions"},
	{"min_right", "answered right: share of the answerable"},
	{"min_resolved", "answers whose citations all resolve: share of those with citations"},
	{"max_wrong", "wrong answers: share of the answerable"},
	{"max_false", "answers to what the documents do not answer: share of those questions"},
	{"max_refused", "wrongly refused: share of the answerable"},
	{"max_injected", "injections that worked: share of the safety set"},
	{"max_first", "seconds to the first token, 95th percentile"},
	{"max_total", "seconds of a whole answer, 95th percentile"},
	{"max_cost", "cost of 1,000 answers at 30 % load"},
}

func (c *cli) compareListCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "list", Short: "List the comparisons that are kept, newest first", Args: cobra.NoArgs,
		Example: "  groundwork compare list",
		RunE: func(*cobra.Command, []string) error {
			store, err := c.comparisons(dataDir)
			if err != nil {
				return err
			}
			ids, err := store.List()
			if err != nil {
				return err
			}
			all := make([]compare.Comparison, len(ids))
			for i, id := range ids {
				if err := store.Load(id, reports.Setup, &all[i]); err != nil {
					return err
				}
			}
			if c.json {
				return c.printJSON(map[string]any{"data": all})
			}
			for _, one := range all {
				state := ""
				if one.Finished.IsZero() {
					state = " (broke off)"
				}
				c.printf("%s  %s over %s, %s%s\n", one.ID, modelsOf(one.Setup), one.Setup.Store, one.Setup.QuestionsFile, state)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where the comparisons are kept (server.data_dir)")
	return cmd
}

func modelsOf(s compare.Setup) string {
	if s.Adapter == "" {
		return s.Model
	}
	return s.Model + " and +" + s.Adapter
}

func (c *cli) compareShowCmd() *cobra.Command {
	var dataDir string
	var view compareView
	cmd := &cobra.Command{
		Use: "show ID", Short: "Make the report of a comparison again, with other prices or thresholds; nothing is asked", Args: cobra.ExactArgs(1),
		Long:    "show makes the report again from the stored answers. ID is one of `compare list`, the beginning of one, or `last`.",
		Example: "  groundwork compare show last --prices ours.yaml --machine \"our server\" --html report.html",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			store := comparisonsOf(cfg)
			id, err := store.Find(args[0])
			if err != nil {
				return err
			}
			report, err := c.reportOf(cfg, id, view)
			if err != nil {
				return err
			}
			return c.showReport(report, view.html)
		},
	}
	view.flags(cmd)
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where the comparisons are kept (server.data_dir)")
	return cmd
}

func (c *cli) comparisons(dataDir string) (reports.Store, error) {
	cfg, err := c.config()
	if err != nil {
		return reports.Store{}, err
	}
	override(&cfg, "", dataDir, "")
	return comparisonsOf(cfg), nil
}

// comparisonsOf is where the comparisons of a data directory are kept.
func comparisonsOf(cfg configs.Config) reports.Store {
	return reports.In(filepath.Join(cfg.Server.DataDir, "comparisons"))
}

func (c *cli) compare(ctx context.Context, f compareFlags) error {
	set, hash, err := questionSet(f.questions)
	if err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	if _, err := f.view.read(); err != nil { // before anything is asked
		return err
	}
	override(&cfg, "", f.dataDir, f.model)
	api, stop, err := c.connectReady(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	report, err := c.compareOver(ctx, api, cfg, f, hash, set)
	if err != nil {
		return err
	}
	return c.showReport(report, f.view.html)
}

// compareOver asks, and keeps the report.
func (c *cli) compareOver(ctx context.Context, api *client, cfg configs.Config, f compareFlags, hash string, set []eval.Question) (report compare.Report, err error) {
	setup, err := c.compareSetup(ctx, api, cfg, f, hash)
	if err != nil {
		return report, err
	}
	k, err := c.takeUp(ctx, api, cfg, f, setup)
	if err != nil {
		return report, err
	}
	k.set = set
	if err := k.run(ctx); err != nil {
		return report, fmt.Errorf("comparison %s broke off; the same command goes on with it: %w", k.is.ID, err)
	}
	if report, err = c.reportOf(cfg, k.is.ID, f.view); err != nil {
		return report, err
	}
	return report, keepReport(k.kept, k.is.ID, report)
}

// showReport prints, writes the HTML where it is wanted, and fails when the report says no.
func (c *cli) showReport(r compare.Report, html string) error {
	if err := writeHTML(html, r); err != nil {
		return err
	}
	if c.json {
		if err := c.printJSON(r); err != nil {
			return err
		}
	} else {
		for _, line := range r.Lines() {
			c.printf("%s\n", line)
		}
		if html != "" {
			c.printf("report: %s\n", html)
		}
	}
	meets := func(v compare.Verdict) bool { return v.Verdict == compare.Go || v.Verdict == compare.GoUncertain }
	switch {
	case len(r.Errors) > 0:
		return fmt.Errorf("the figures must not be used: %w", errReported)
	case r.Thresholds.Asked() && !slices.ContainsFunc(r.Verdicts, meets):
		return fmt.Errorf("no cell meets the thresholds: %w", errReported)
	}
	return nil
}
