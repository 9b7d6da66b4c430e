package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"groundwork/eval"
	"groundwork/eval/judge"
	"groundwork/eval/runs"
)

// judgeRun is what `eval judge` was asked for.
type judgeRun struct {
	dataDir, labels  string
	parallel, sample int
	model            endpoint
}

const judgeTokens = 200 // a judge may reason before it says its word

func (c *cli) evalJudgeCmd() *cobra.Command {
	var j judgeRun
	cmd := &cobra.Command{
		Use: "judge RUN [RUN]", Short: "Have a chat model judge a run's answers, or which of two runs' are better", Args: cobra.RangeArgs(1, 2),
		Long: "judge asks a chat model whether each answer of a run says what is expected: right, partly or wrong. With two runs it asks which answer is\n" +
			"better, in both orders: a judge that changes its mind with the order counts as a tie, and how often it does is told. Verdicts are kept\n" +
			"with the run and shown beside its figures, never among them; a command that was interrupted goes on.\n\n" +
			"How far to trust it: --labels names a file with verdicts of people ({\"id\", \"label\"} a line), and Cohen's kappa is printed with its\n" +
			"interval; --make-labels N writes such a file to fill in. Beside that the judge is compared with must_contain. A judge that is the\n" +
			"model that answered prefers itself: another one is better. What is sent to --judge-url are questions, expected and given answers.",
		Example: "  groundwork eval judge last --judge-url http://gpu:8000/v1 --judge-model qwen3-32b\n  groundwork eval judge last --labels labels.jsonl --make-labels 40\n  groundwork eval judge 20261127-0915 last --judge-url http://gpu:8000/v1 --judge-model qwen3-32b",
		RunE: func(cmd *cobra.Command, args []string) error {
			run, outcomes, err := c.loadRun(j.dataDir, args[0])
			if err != nil {
				return err
			}
			if outcomes = answered(outcomes); len(outcomes) == 0 {
				return fmt.Errorf("run %s has no answers to judge", run.ID)
			}
			if j.sample > 0 {
				return c.makeLabels(j, outcomes)
			}
			if len(args) == 1 {
				return c.judgeOne(cmd.Context(), j, run, outcomes)
			}
			other, more, err := c.loadRun(j.dataDir, args[1])
			if err != nil {
				return err
			}
			return c.judgeTwo(cmd.Context(), j, [2]runs.Run{run, other}, outcomes, answered(more))
		},
	}
	f := cmd.Flags()
	j.model.flags(cmd, "judge-url", "judge-model", "model that judges; default: the server's chat model")
	f.StringVar(&j.labels, "labels", "", "file with verdicts of people (JSONL: id, label)")
	f.IntVar(&j.sample, "make-labels", 0, "write so many answers to --labels for people to label, and ask no judge")
	f.IntVar(&j.parallel, "parallel", 1, "questions at once")
	dataDirFlag(cmd, &j.dataDir)
	return cmd
}

func answered(outcomes []eval.Outcome) []eval.Outcome {
	var out []eval.Outcome
	for _, o := range outcomes {
		if o.Answered {
			out = append(out, o)
		}
	}
	return out
}

// judged is what is kept and shown of a judge's verdicts on one run.
type judged struct {
	Judge   judgeHead             `json:"judge"`
	Counts  map[judge.Verdict]int `json:"counts"`
	Program judge.Agreement       `json:"agreement_with_must_contain"`
	People  *judge.Agreement      `json:"agreement_with_labels,omitempty"`
}

// judgeHead is the first line of a journal: what the verdicts hang on.
type judgeHead struct {
	Model  string `json:"model"`
	Prompt string `json:"prompt"`
	Other  string `json:"other,omitempty"` // of two runs: the one that was A
	Self   bool   `json:"judges_itself,omitempty"`
}

func (h judgeHead) journal() string {
	sum := sha256.Sum256([]byte(h.Model + "\x00" + h.Prompt + "\x00" + h.Other))
	kind := "judge-"
	if h.Other != "" {
		kind = "pairs-"
	}
	return kind + hex.EncodeToString(sum[:6])
}

// judge is the model that judges, and the end of the server that was started for it.
func (c *cli) judge(ctx context.Context, j judgeRun) (judge.Ask, string, func(), error) {
	stop := func() {}
	var chat chatter
	var err error
	if j.model.baseURL != "" {
		chat, err = j.model.foreign(1)
	} else {
		chat, stop, err = c.ownJudge(ctx, j)
	}
	if err != nil {
		return nil, "", stop, err
	}
	return func(ctx context.Context, prompt string) (string, error) { return chat.say(ctx, prompt, judgeTokens, 0) }, chat.model, stop, nil
}

func (c *cli) ownJudge(ctx context.Context, j judgeRun) (chatter, func(), error) {
	cfg, err := c.config()
	if err != nil {
		return chatter{}, func() {}, err
	}
	override(&cfg, "", j.dataDir, "")
	api, started, stop, err := c.connectFor(ctx, cfg, j.model)
	if err != nil {
		return chatter{}, func() {}, err
	}
	chat, err := j.model.own(ctx, api, started, 1)
	return chat, stop, err
}

// answeredBy tells whether model is the one that made a run's answers.
func answeredBy(run runs.Run, outcomes []eval.Outcome, model string) bool {
	name, _, _ := strings.Cut(run.Made.Model, "@")
	return name == model || len(outcomes) > 0 && outcomes[0].Fingerprint.Model == model
}

func (c *cli) warnSelf(self bool, model string) {
	if self {
		fmt.Fprintf(c.err, "warning: %s judges its own answers, and models prefer themselves; name another with --judge-url and --judge-model\n", model)
	}
}

func (c *cli) judgeOne(ctx context.Context, j judgeRun, run runs.Run, outcomes []eval.Outcome) error {
	people, err := readLabels(j.labels)
	if err != nil {
		return err
	}
	ask, model, stop, err := c.judge(ctx, j)
	defer stop()
	if err != nil {
		return err
	}
	head := judgeHead{Model: model, Prompt: judge.Prompt, Self: answeredBy(run, outcomes, model)}
	c.warnSelf(head.Self, model)
	all, err := judgeEach(ctx, c, j, run, head, outcomes, func(v judge.Judgement) string { return v.ID },
		func(ctx context.Context, o eval.Outcome) (judge.Judgement, error) { return judge.One(ctx, o, ask) })
	if err != nil {
		return err
	}
	out := newJudged(head, all, outcomes)
	if j.labels != "" {
		a := judge.WithLabels(all, people)
		out.People = &a
	}
	if c.json {
		return c.printJSON(map[string]any{"run": run, "judged": out, "verdicts": all})
	}
	c.printf("run %s  %s\n\n", run.ID, title(run))
	c.printJudged(out)
	return nil
}

func newJudged(head judgeHead, all []judge.Judgement, outcomes []eval.Outcome) judged {
	return judged{Judge: head, Counts: judge.Counts(all), Program: judge.WithProgram(all, outcomes)}
}

// judgeEach judges what no verdict is kept of, and gives all verdicts in the order of outcomes.
func judgeEach[V any](ctx context.Context, c *cli, j judgeRun, run runs.Run, head judgeHead, outcomes []eval.Outcome, id func(V) string, one func(context.Context, eval.Outcome) (V, error)) (all []V, err error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	override(&cfg, "", j.dataDir, "")
	journal, err := runStore(cfg).Open(run.ID, head.journal(), head)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	known := map[string]V{}
	for _, line := range journal.Lines {
		var v V
		if err := json.Unmarshal(line, &v); err != nil {
			return nil, fmt.Errorf("read the verdicts of run %s: %w", run.ID, err)
		}
		known[id(v)] = v
	}
	bar := c.progress("judging", len(outcomes))
	bar.skip(len(known))
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(j.parallel, 1))
	for _, o := range outcomes {
		mu.Lock()
		_, done := known[o.ID]
		mu.Unlock()
		if done {
			continue
		}
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			v, err := one(ctx, o)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				err = journal.Add(v)
			}
			if err != nil {
				return fmt.Errorf("question %s: %w; the same command goes on", o.ID, err)
			}
			known[o.ID] = v
			bar.set(len(known))
			return nil
		})
	}
	err = group.Wait()
	bar.done()
	for _, o := range outcomes {
		if v, ok := known[o.ID]; ok {
			all = append(all, v)
		}
	}
	return all, err
}

// printJudged prints what a judge said, as what it is: not a figure of the run.
func (c *cli) printJudged(j judged) {
	n := 0
	for _, count := range j.Counts {
		n += count
	}
	share := func(v judge.Verdict) eval.Share { return eval.Share{N: j.Counts[v], Of: n} }
	c.printf("judged by %s (an opinion beside the figures)\n", j.Judge.Model)
	for _, v := range []judge.Verdict{judge.Right, judge.Partly, judge.Wrong, judge.Unclear} {
		if v != judge.Unclear || j.Counts[v] > 0 {
			c.printf("  %-44s %s\n", v, share(v))
		}
	}
	if j.Judge.Self {
		c.printf("  the judge is the model that answered\n")
	}
	c.printAgreement("must_contain", j.Program)
	if j.People != nil {
		c.printAgreement("people's labels", *j.People)
	}
}

func (c *cli) printAgreement(with string, a judge.Agreement) {
	if a.N == 0 {
		c.printf("  agreement with %-29s nothing to compare\n", with)
		return
	}
	c.printf("  agreement with %-29s kappa %.2f (%.2f to %.2f), the same for %.0f %% of %d\n", with, a.Kappa, a.Low, a.High, 100*a.Same, a.N)
}

func (c *cli) judgeTwo(ctx context.Context, j judgeRun, run [2]runs.Run, a, b []eval.Outcome) error {
	by := map[string]eval.Outcome{}
	for _, o := range a {
		by[o.ID] = o
	}
	var common []eval.Outcome
	for _, o := range b {
		if other, there := by[o.ID]; there && other.Question == o.Question {
			common = append(common, o)
		}
	}
	if len(common) == 0 {
		return fmt.Errorf("runs %s and %s have no question in common", run[0].ID, run[1].ID)
	}
	ask, model, stop, err := c.judge(ctx, j)
	defer stop()
	if err != nil {
		return err
	}
	head := judgeHead{Model: model, Prompt: judge.Prompt, Other: run[0].ID, Self: answeredBy(run[0], a, model) || answeredBy(run[1], b, model)}
	c.warnSelf(head.Self, model)
	all, err := judgeEach(ctx, c, j, run[1], head, common, func(p judge.Pair) string { return p.ID },
		func(ctx context.Context, o eval.Outcome) (judge.Pair, error) {
			return judge.Both(ctx, by[o.ID], o, ask)
		})
	if err != nil {
		return err
	}
	contest := judge.Compare(all)
	if c.json {
		return c.printJSON(map[string]any{"a": run[0], "b": run[1], "judge": head, "contest": contest, "pairs": all})
	}
	share := func(n int) eval.Share { return eval.Share{N: n, Of: contest.N} }
	c.printf("A  %s  %s\nB  %s  %s\n\njudged by %s, each pair in both orders (an opinion beside the figures)\n", run[0].ID, title(run[0]), run[1].ID, title(run[1]), model)
	c.printf("  %-44s %s\n  %-44s %s\n  %-44s %s\n", "A is better", share(contest.A), "B is better", share(contest.B), "tie", share(contest.Ties))
	c.printf("  %-44s %s\n", "ties because the order changed the verdict", share(contest.Swapped))
	c.printf("  %-44s %+.3f (%+.3f to %+.3f)\n", "B's lead (1: always better, -1: never)", contest.Change.Mean, contest.Change.Low, contest.Change.High)
	return nil
}
