package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"groundwork/eval"
	"groundwork/eval/plot"
	"groundwork/internal/disk"
)

func (c *cli) evalAnswersCmd() *cobra.Command {
	var dataDir, html string
	cmd := &cobra.Command{
		Use: "answers [RUN]", Short: "Show how answers and refusals of a run trade off: by type, risk and coverage, ROC", Args: cobra.MaximumNArgs(1),
		Long: "answers looks closer at the answers of a run (default: the last one): right and refused by type of question, how well the\n" +
			"evidence tells answerable questions from others, what other thresholds would do, and how many answers are wrong when\n" +
			"only the questions of the strongest evidence are answered. --html plots the curves.\n\n" +
			"What a run refused was not generated, so risk is known up to there: run with answer.abstain off for the whole curve.",
		Example: "  groundwork eval answers\n  groundwork eval answers 20261127-0915 --html answers.html",
		RunE: func(_ *cobra.Command, args []string) error {
			run, outcomes, err := c.loadRun(dataDir, append(args, "last")[0])
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(outcomes, func(o eval.Outcome) bool { return o.Answered }) {
				return fmt.Errorf("run %s asked no model; make one without --answers=false", run.ID)
			}
			curve, risk := eval.Curve(eval.Evidence(outcomes)), eval.RiskCoverage(outcomes)
			types := byType(outcomes)
			if c.json {
				err = c.printJSON(map[string]any{"run": run, "summary": eval.Summarise(outcomes, eval.Prices{}), "types": types, "curve": curve, "risk": risk})
			} else {
				c.printAnswers(types, curve, risk, eval.Summarise(outcomes, eval.Prices{}))
			}
			if err != nil || html == "" {
				return err
			}
			return writeHTML(html, plot.Page{Title: "Answers of run " + run.ID, Lines: []string{title(run)}, Plots: []plot.Plot{riskPlot(risk), rocPlot(curve, nil)}})
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "also write the curves to this file")
	dataDirFlag(cmd, &dataDir)
	return cmd
}

// typeFigures are those of the questions of one type.
type typeFigures struct {
	Type    string     `json:"type"`
	Right   eval.Share `json:"right"`
	Refused eval.Share `json:"refused"`
}

func byType(outcomes []eval.Outcome) []typeFigures {
	var out []typeFigures
	at := map[string]int{}
	for _, o := range outcomes {
		i, ok := at[o.Type]
		if !ok {
			i = len(out)
			at[o.Type] = i
			out = append(out, typeFigures{Type: o.Type})
		}
		f := &out[i]
		f.Right.Of++
		f.Refused.Of++
		if o.Refused {
			f.Refused.N++
		}
		if o.Known && o.Right && !o.Refused || !o.Known && o.Refused {
			f.Right.N++
		}
	}
	return out
}

func (c *cli) printAnswers(types []typeFigures, curve []eval.Point, risk []eval.RiskPoint, s eval.Summary) {
	c.printf("%-16s %-24s %s\n", "type", "right (or rightly refused)", "refused")
	for _, f := range types {
		c.printf("%-16s %-26s %s\n", f.Type, f.Right, f.Refused)
	}
	if s.AUROC != nil && s.BalancedAccuracy != nil {
		c.printf("\nevidence tells answerable from unanswerable: AUROC %.3f; decided with balanced accuracy %.3f\n", *s.AUROC, *s.BalancedAccuracy)
		c.printCurve(curve)
	}
	c.printf("\n%9s  %s\n", "answered", "of these not right")
	for _, share := range []float64{0.1, 0.25, 0.5, 0.75, 0.9, 1} {
		if i := slices.IndexFunc(risk, func(r eval.RiskPoint) bool { return r.Coverage >= share-1e-9 }); i >= 0 {
			c.printf("%7.0f %%  %5.1f %%\n", 100*risk[i].Coverage, 100*risk[i].Risk)
		}
	}
}

// printCurve prints some points of the curve, one for each tenth of false refusals.
func (c *cli) printCurve(curve []eval.Point) {
	c.printf("%10s %15s %14s %18s\n", "threshold", "false refusals", "false answers", "balanced accuracy")
	next := -1.0
	for _, p := range curve {
		if p.FalseRefusals >= next {
			best := eval.Balanced(curve, p.FalseRefusals)
			if best.FalseRefusals >= next {
				c.printf("%10.3f %13.1f %% %12.1f %% %18.3f\n", best.Threshold, 100*best.FalseRefusals, 100*best.FalseAnswers, best.BalancedAccuracy)
			}
			next = p.FalseRefusals + 0.05
		}
		if next > 0.5 {
			return
		}
	}
}

// riskPlot draws wrong answers against answered questions.
func riskPlot(points []eval.RiskPoint) plot.Plot {
	line := plot.Line{Name: "the strongest evidence first"}
	for _, r := range points {
		line.Points = append(line.Points, [2]float64{r.Coverage, r.Risk})
	}
	return plot.Draw("Risk and coverage", plot.Shares("questions answered"), plot.Shares("answers not right"), []plot.Line{line})
}

// rocPlot draws right refusals against false ones; chosen points are marked.
func rocPlot(curve []eval.Point, chosen map[string]eval.Point) plot.Plot {
	at := func(p eval.Point) [2]float64 { return [2]float64{p.FalseRefusals, 1 - p.FalseAnswers} }
	line := plot.Line{Name: "every threshold"}
	for _, p := range curve {
		line.Points = append(line.Points, at(p))
	}
	lines := []plot.Line{line}
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		lines = append(lines, plot.Line{Name: name, Points: [][2]float64{at(chosen[name])}, Marked: true})
	}
	return plot.Draw("Refusals (ROC)", plot.Shares("answerable and refused"), plot.Shares("unanswerable and refused"), lines)
}

// writeHTML writes a page or report to path, whole or not at all; to nowhere when that is empty.
func writeHTML(path string, page interface{ WriteHTML(w io.Writer) error }) error {
	if path == "" {
		return nil
	}
	var out bytes.Buffer
	if err := page.WriteHTML(&out); err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe, which nothing can take the place of
		return os.WriteFile(path, out.Bytes(), 0o600)
	}
	return disk.Replace(path, out.Bytes())
}
