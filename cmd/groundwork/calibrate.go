package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"groundwork/eval"
	"groundwork/eval/plot"
	"groundwork/rag"
)

// calibrateFlags are what `calibrate` was asked.
type calibrateFlags struct {
	store, questions, dataDir, model, html string
	falseRefusals, falseAnswers            float64
	dryRun, reset                          bool
}

func (c *cli) calibrateCmd() *cobra.Command {
	var f calibrateFlags
	cmd := &cobra.Command{
		Use: "calibrate", Short: "Fit the decision to answer or to abstain to your own questions", Args: cobra.NoArgs,
		Long: "calibrate looks at the evidence that a store holds for questions of which you know whether its documents answer them (the\n" +
			"form is that of eval; a question without gold is not answered), and fits the thresholds of answer.abstain: balanced refuses\n" +
			"at most --max-false-refusals percent of the answerable questions, strict answers at most --max-false-answers percent of the\n" +
			"others. No answer is generated.\n\n" +
			"The thresholds are kept in the store's metadata (groundwork_abstain) and go before the defaults, for this store and this\n" +
			"embedding model. They hold at once. Questions yet to come are decided as the figures \"held out\" say; fifty questions of each\n" +
			"kind are a good number, five the least.",
		Example: "  groundwork calibrate --store sample --questions eval/sample/questions.jsonl --dry-run\n  groundwork calibrate --store handbook --questions questions.jsonl --html curve.html\n  groundwork calibrate --store handbook --reset",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.calibrate(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.store, "store", "s", "documents", "store to calibrate")
	flags.StringVar(&f.questions, "questions", "", "question set, with questions that the documents do not answer")
	flags.Float64Var(&f.falseRefusals, "max-false-refusals", 8, "percent of the answerable questions that balanced may refuse")
	flags.Float64Var(&f.falseAnswers, "max-false-answers", 10, "percent of the unanswerable questions that strict may answer")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print, and change nothing")
	flags.BoolVar(&f.reset, "reset", false, "go back to the default thresholds")
	flags.StringVar(&f.html, "html", "", "also write the curve to this file")
	addLocalFlags(cmd, &f.dataDir, &f.model)
	return cmd
}

// leastOfAKind are the questions of each kind without which no threshold is fitted.
const leastOfAKind = 5

func (c *cli) calibrate(ctx context.Context, f calibrateFlags) error {
	if (f.questions == "") == !f.reset {
		return errors.New("give either --questions, or --reset")
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", f.dataDir, f.model)
	var set []eval.Question
	if !f.reset {
		if set, _, err = readQuestions(f.questions, false); err != nil {
			return err
		}
	}
	api, stop, err := c.connectReady(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	if f.reset {
		return api.setCalibration(ctx, f.store, "")
	}
	all, embedding, err := c.weigh(ctx, &evaluator{texts: &texts{api: api}, store: f.store, k: 1}, set)
	if err != nil {
		return err
	}
	fitted, err := fit(all, f)
	if err != nil {
		return err
	}
	fitted.Embedding, fitted.At = embedding, time.Now().UTC().Format(time.DateOnly)
	if err := c.reportCalibration(fitted, f); err != nil || f.dryRun {
		return err
	}
	raw, err := json.Marshal(fitted.stored)
	if err != nil {
		return err
	}
	return api.setCalibration(ctx, f.store, string(raw))
}

// weigh gets the evidence of every question.
func (c *cli) weigh(ctx context.Context, e *evaluator, set []eval.Question) (all []eval.Scored, embedding string, err error) {
	bar := c.progress("weighing", len(set))
	defer bar.done()
	for i, q := range set {
		found, err := patient(ctx, func() (foundPassages, error) { return e.find(ctx, q.Question) })
		if err != nil {
			return nil, "", fmt.Errorf("question %s: %w", q.ID, err)
		}
		all, embedding = append(all, eval.Scored{Score: found.Evidence.Strength, Answerable: q.Answerable()}), found.Evidence.Embedding
		bar.set(i + 1)
	}
	return all, embedding, nil
}

// calibration is what was fitted, and how good it is.
type calibration struct {
	stored
	AUROC    float64                   `json:"auroc"`
	Points   map[string]eval.Point     `json:"points"`   // on the questions it was fitted to
	HeldOut  map[string]heldOutFigures `json:"held_out"` // each question decided by a threshold fitted without it
	Curve    []eval.Point              `json:"curve"`
	Examples [2]int                    `json:"answerable_and_unanswerable"`
}

// stored is what the store's metadata keeps.
type stored struct {
	rag.Calibration
	At        string `json:"at"`
	Questions int    `json:"questions"`
}

type heldOutFigures struct {
	FalseRefusals    eval.Share `json:"false_refusals"`
	FalseAnswers     eval.Share `json:"false_answers"`
	BalancedAccuracy float64    `json:"balanced_accuracy"`
}

func fit(all []eval.Scored, f calibrateFlags) (calibration, error) {
	var out calibration
	for _, s := range all {
		if s.Answerable {
			out.Examples[0]++
		} else {
			out.Examples[1]++
		}
	}
	if out.Examples[0] < leastOfAKind || out.Examples[1] < leastOfAKind {
		return out, fmt.Errorf("the set has %d answerable and %d unanswerable questions; at least %d of each are needed", out.Examples[0], out.Examples[1], leastOfAKind)
	}
	out.Curve = eval.Curve(all)
	out.AUROC, _ = eval.AUROC(all) // there are both kinds
	fits := map[string]func([]eval.Point) eval.Point{
		"balanced": func(c []eval.Point) eval.Point { return eval.Balanced(c, f.falseRefusals/100) },
		"strict":   func(c []eval.Point) eval.Point { return eval.Strict(c, f.falseAnswers/100) },
	}
	out.Points, out.HeldOut = map[string]eval.Point{}, map[string]heldOutFigures{}
	for name, fit := range fits {
		decided := eval.HeldOut(all, fit)
		accuracy, _ := eval.BalancedAccuracy(decided)
		out.Points[name] = fit(out.Curve)
		out.HeldOut[name] = heldOutFigures{eval.FalseRefusals(decided), eval.FalseAnswers(decided), accuracy}
	}
	out.stored = stored{Calibration: rag.Calibration{Balanced: out.Points["balanced"].Threshold, Strict: out.Points["strict"].Threshold}, Questions: len(all)}
	return out, nil
}

func (c *cli) reportCalibration(r calibration, f calibrateFlags) error {
	if f.html != "" {
		page := plot.Page{Title: "Calibration of " + f.store, Lines: []string{fmt.Sprintf("%d questions, AUROC %.3f", r.Questions, r.AUROC)}, Plots: []plot.Plot{rocPlot(r.Curve, r.Points)}}
		if err := writeHTML(f.html, page); err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(r)
	}
	c.printf("%d answerable and %d unanswerable questions; AUROC of the evidence %.3f\n\n", r.Examples[0], r.Examples[1], r.AUROC)
	c.printCurve(r.Curve)
	c.printf("\n%-9s %9s %15s %14s %18s   %s\n", "", "threshold", "false refusals", "false answers", "balanced accuracy", "held out: refusals, answers, accuracy")
	for _, name := range []string{"balanced", "strict"} {
		p, h := r.Points[name], r.HeldOut[name]
		c.printf("%-9s %9.3f %13.1f %% %12.1f %% %18.3f   %.1f %%, %.1f %%, %.3f\n", name, p.Threshold, 100*p.FalseRefusals, 100*p.FalseAnswers, p.BalancedAccuracy,
			h.FalseRefusals.Percent(), h.FalseAnswers.Percent(), h.BalancedAccuracy)
	}
	if f.dryRun {
		c.printf("\nnothing was changed\n")
	} else {
		c.printf("\nkept in the metadata of store %q\n", f.store)
	}
	return nil
}

// setCalibration puts a calibration into a store's metadata, or takes it out.
func (c *client) setCalibration(ctx context.Context, store, value string) error {
	path := "/v1/vector_stores/" + url.PathEscape(store)
	var now struct{ Metadata map[string]string }
	if err := c.call(ctx, http.MethodGet, path, nil, &now); err != nil {
		return err
	}
	if now.Metadata == nil {
		now.Metadata = map[string]string{}
	}
	now.Metadata[rag.CalibrationKey] = value
	if value == "" {
		delete(now.Metadata, rag.CalibrationKey)
	}
	return c.call(ctx, http.MethodPost, path, map[string]any{"metadata": now.Metadata}, nil)
}
