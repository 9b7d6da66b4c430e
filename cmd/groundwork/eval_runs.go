package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"groundwork/eval"
	"groundwork/eval/judge"
	"groundwork/eval/runs"
)

func (c *cli) evalListCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "list", Short: "List the runs that are kept, newest first", Args: cobra.NoArgs,
		Example: "  groundwork eval list\n  groundwork eval list --json",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			all, err := runStore(cfg).List()
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]any{"data": all})
			}
			if len(all) == 0 {
				c.printf("there are no runs yet; `groundwork eval --store STORE --questions FILE` makes one\n")
			}
			for _, r := range all {
				c.printf("%s  %s\n", r.ID, title(r))
			}
			return nil
		},
	}
	dataDirFlag(cmd, &dataDir)
	return cmd
}

func dataDirFlag(cmd *cobra.Command, dataDir *string) {
	cmd.Flags().StringVar(dataDir, "data-dir", "", "where the runs are kept (server.data_dir)")
}

// title is a run in one line.
func title(r runs.Run) string {
	model := r.Made.Model
	if model == "" {
		model = "retrieval over " + r.Made.Store
	}
	out := fmt.Sprintf("%s, %d questions of %s", model, r.Questions, r.Made.QuestionsFile)
	if r.Made.Label != "" {
		out = r.Made.Label + ": " + out
	}
	if !r.Done() {
		out += " (broke off)"
	}
	return out
}

func (c *cli) evalShowCmd() *cobra.Command {
	var dataDir string
	var prices eval.Prices
	cmd := &cobra.Command{
		Use: "show RUN", Short: "Show the figures of a run, and what made it", Args: cobra.ExactArgs(1),
		Long:    "show prints a run's figures. RUN is an id of `eval list`, the beginning of one, or `last`.\nWith --json every question's outcome is printed too.",
		Example: "  groundwork eval show last\n  groundwork eval show 20261127-0915 --json",
		RunE: func(_ *cobra.Command, args []string) error {
			run, outcomes, err := c.loadRun(dataDir, args[0])
			if err != nil {
				return err
			}
			judged, err := c.judgedBefore(dataDir, run, outcomes)
			if err != nil {
				return err
			}
			return c.printRun(run, outcomes, prices, judged...)
		},
	}
	priceFlags(cmd, &prices)
	dataDirFlag(cmd, &dataDir)
	return cmd
}

func (c *cli) loadRun(dataDir, id string) (runs.Run, []eval.Outcome, error) {
	cfg, err := c.config()
	if err != nil {
		return runs.Run{}, nil, err
	}
	override(&cfg, "", dataDir, "")
	return runStore(cfg).Load(id)
}

func (c *cli) evalDiffCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "diff A B", Short: "Compare run B with run A, question by question", Args: cobra.ExactArgs(2),
		Long: "diff compares the questions that both runs asked, in pairs, and gives each figure's change with its\n" +
			"bootstrap interval. The exit status is 1 when any figure of B is significantly worse: all figures together\n" +
			"give a false alarm in one of twenty comparisons at most. Latency is not compared: it is the machine's.",
		Example: "  groundwork eval diff 20261127-0915 last",
		RunE: func(_ *cobra.Command, args []string) error {
			runA, a, err := c.loadRun(dataDir, args[0])
			if err != nil {
				return err
			}
			runB, b, err := c.loadRun(dataDir, args[1])
			if err != nil {
				return err
			}
			return c.printDiff(runA, runB, eval.Diff(a, b))
		},
	}
	dataDirFlag(cmd, &dataDir)
	return cmd
}

func (c *cli) printDiff(a, b runs.Run, changes []eval.Change) error {
	if len(changes) == 0 {
		return fmt.Errorf("runs %s and %s have no question in common", a.ID, b.ID)
	}
	if c.json {
		if err := c.printJSON(map[string]any{"a": a, "b": b, "changes": changes, "worse": eval.Worse(changes)}); err != nil {
			return err
		}
	} else {
		c.printf("A  %s  %s\nB  %s  %s\n\n", a.ID, title(a), b.ID, title(b))
		if a.Made.Questions != b.Made.Questions || a.Made.Corpus != b.Made.Corpus {
			c.printf("note: the runs were not made of the same questions and documents\n\n")
		}
		c.printf("%-20s %9s  %6s  %6s  %-24s\n", "figure", "questions", "A", "B", "change (interval)")
		for _, ch := range changes {
			c.printf("%-20s %9d  %6.3f  %6.3f  %+.3f (%+.3f to %+.3f) %s\n", ch.Measure, ch.Questions, ch.A, ch.B, ch.Mean, ch.Low, ch.High, verdict(ch))
		}
	}
	if eval.Worse(changes) {
		return fmt.Errorf("run %s is significantly worse: %w", b.ID, errReported)
	}
	return nil
}

func verdict(c eval.Change) string {
	switch {
	case c.Worse:
		return "WORSE"
	case c.Better:
		return "better"
	}
	return ""
}

// judgedBefore is what judges said of a run.
func (c *cli) judgedBefore(dataDir string, run runs.Run, outcomes []eval.Outcome) (out []judged, err error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	override(&cfg, "", dataDir, "")
	err = runStore(cfg).Journals(run.ID, "judge-", func(first json.RawMessage, lines []json.RawMessage) error {
		var head judgeHead
		if err := json.Unmarshal(first, &head); err != nil {
			return fmt.Errorf("read what judges said of run %s: %w", run.ID, err)
		}
		all := make([]judge.Judgement, len(lines))
		for i, line := range lines {
			if err := json.Unmarshal(line, &all[i]); err != nil {
				return fmt.Errorf("read what judges said of run %s: %w", run.ID, err)
			}
		}
		out = append(out, newJudged(head, all, outcomes))
		return nil
	})
	return out, err
}

// printRun prints the figures of a run, and apart from them what judges said of it.
func (c *cli) printRun(run runs.Run, outcomes []eval.Outcome, prices eval.Prices, opinions ...judged) error {
	s := eval.Summarise(outcomes, prices)
	if c.json {
		return c.printJSON(map[string]any{"run": run, "summary": s, "questions": outcomes, "k": run.Made.K, "model": run.Made.Model, "judged": append([]judged{}, opinions...)})
	}
	c.printf("run %s  %s\n\n", run.ID, title(run))
	line := func(name string, value any) { c.printf("%-46s %s\n", name, value) }
	mean := func(v float64) string { return fmt.Sprintf("%5.1f %%", 100*v) }
	line(fmt.Sprintf("a gold passage among the first %d", run.Made.K), s.Hit)
	line(fmt.Sprintf("all gold passages among the first %d", run.Made.K), s.Recall)
	if s.AUROC != nil {
		line("evidence tells answerable from not (AUROC)", fmt.Sprintf("%7.3f", *s.AUROC))
	}
	if run.Made.Model == "" {
		return nil
	}
	line("answered right", s.Right)
	line("key facts in the answers", mean(s.Facts))
	line("expected numbers in the answers", mean(s.Numbers))
	line("words in common with the expected answer (F1)", mean(s.F1))
	line("wrongly refused", s.WronglyRefused)
	line("unanswerable and rightly refused", s.RightlyRefused)
	if s.BalancedAccuracy != nil {
		line("rightly answered or refused (balanced)", mean(*s.BalancedAccuracy))
	}
	line("answers with a citation", s.Cited)
	line("answers whose citations are all verbatim", s.Verbatim)
	line("citations that point at a gold quote", mean(s.CitationPrecision))
	line("gold quotes that are cited", mean(s.CitationRecall))
	line("citations that resolve to the document's text", mean(s.CitationsResolved))
	line("first token, 50 / 95 %", fmt.Sprintf("%5.1f / %.1f s", s.First.P50/1000, s.First.P95/1000))
	line("whole answer, 50 / 95 %", fmt.Sprintf("%5.1f / %.1f s", s.Total.P50/1000, s.Total.P95/1000))
	line("tokens read / written", fmt.Sprintf("%d / %d", s.Tokens.Prompt, s.Tokens.Completion))
	if prices != (eval.Prices{}) {
		line("cost", fmt.Sprintf("%.4f", s.Cost))
	}
	for _, j := range opinions {
		c.printf("\n")
		c.printJudged(j)
	}
	return nil
}
