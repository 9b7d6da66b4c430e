package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/compare"
	"groundwork/eval/tune"
	"groundwork/internal/app"
	"groundwork/internal/disk"
)

// chainRun is what `compare chain` was asked for.
type chainRun struct {
	docs, store, questions, heldOut string
	name, model, dataDir, python    string
	html                            string
	set                             datasetRun
	hyper                           tune.Hyper
	minutes                         float64 // that training should take at most
}

func (c *cli) compareChainCmd() *cobra.Command {
	var r chainRun
	cmd := &cobra.Command{
		Use: "chain", Short: "From documents and labelled questions to the report: training set, training, comparison", Args: cobra.NoArgs,
		Long: "chain takes a folder of documents in, makes a training set of them and of the labelled questions whose documents are\n" +
			"not held out, trains an adapter, puts it into the registry and compares base and tuned model on the questions\n" +
			"whose documents are all held out and on those that nothing answers. What is trained on is never asked.\n\n" +
			"Every step goes on where it was interrupted, and what is done is not done again. The examples are capped by\n" +
			"--examples, so that the training set depends on no machine; what training will take on this one is said first.\n" +
			"It needs `groundwork tune setup` once; the models are fetched when they are missing.",
		Example: "  groundwork compare chain\n  groundwork compare chain --docs handbook --questions questions.jsonl --heldout heldout.txt --examples 600 --html report.html",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.chain(cmd.Context(), r) },
	}
	f := cmd.Flags()
	f.StringVar(&r.docs, "docs", sampleDocs, "folder to take in")
	f.StringVar(&r.questions, "questions", "eval/sample/questions.jsonl", "labelled question set")
	f.StringVar(&r.heldOut, "heldout", "eval/sample/heldout.txt", "documents that are not trained on: paths, one a line")
	f.StringVarP(&r.store, "store", "s", "", "store; default: the folder's name")
	f.StringVar(&r.name, "name", "pilot", "of the training run and the adapter")
	f.StringVar(&r.python, "python", "", "interpreter that trains (default: that of `tune setup`)")
	f.IntVar(&r.set.limit, "examples", 160, "to make at most; labelled questions come first")
	f.IntVar(&r.set.copies, "copies", 2, "of each labelled question, with its passages in another order")
	f.Float64Var(&r.set.abstain, "abstain", 0, "share of examples whose passages do not answer")
	f.IntVar(&r.set.budget, "context-budget", 400, "prompt tokens for passages, in training and in the comparison")
	f.Uint64Var(&r.set.seed, "seed", 1, "of the training set")
	f.Float64Var(&r.hyper.Epochs, "epochs", 0, "of training; default 2")
	f.IntVar(&r.hyper.Rank, "rank", 0, "of the adapter; default 8")
	f.StringVar(&r.hyper.Targets, "targets", "", "weights to adapt: attention or all; default attention")
	f.IntVar(&r.hyper.Batch, "batch", 0, "examples in one step; default 4")
	f.Float64Var(&r.hyper.LearningRate, "learning-rate", 0, "highest; default 0.0002")
	f.Float64Var(&r.minutes, "minutes", 25, "say so when training is likely to take longer than this")
	f.StringVar(&r.html, "html", "", "also write the report to this file")
	addLocalFlags(cmd, &r.dataDir, &r.model)
	return cmd
}

// chaining is a chain under way.
type chaining struct {
	cli     *cli
	is      chainRun
	cfg     configs.Config
	dir     string // of the chain: training set, questions, what each step took
	trainer tune.Trainer
	run     tune.Run
	report  compare.Report
}

func (c *cli) chain(ctx context.Context, r chainRun) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	r.model = cmp.Or(r.model, "qwen2.5-coder-0.5b-instruct")
	override(&cfg, "", r.dataDir, r.model)
	r.store = cmp.Or(r.store, storeName(r.docs))
	k := &chaining{cli: c, is: r, cfg: cfg, dir: filepath.Join(cfg.Server.DataDir, "chains", r.name)}
	if k.trainer, err = app.Trainer(ctx, cfg, c.environ, r.python); err != nil { // before anything that takes minutes
		return err
	}
	if err := c.setUp(ctx, cfg); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{{"training set", k.prepare}, {"training", k.train}, {"comparison", k.compare}} {
		fmt.Fprintf(c.err, "%s …\n", step.name)
		if err := k.timed(ctx, step.name, step.do); err != nil {
			return fmt.Errorf("%s: %w; the same command goes on from here", step.name, err)
		}
	}
	if err := c.showReport(k.report, r.html); err != nil || c.json {
		return err
	}
	return k.tellTimes()
}

// inputs are all that the training set is made of.
type inputs struct {
	Corpus    string  `json:"corpus"`
	Questions string  `json:"questions"`
	HeldOut   string  `json:"heldout"`
	Seed      uint64  `json:"seed"`
	Examples  int     `json:"examples"`
	Copies    int     `json:"copies"`
	Budget    int     `json:"context_budget"`
	Abstain   float64 `json:"abstain"`
}

// prepare takes the documents in and makes the training set and the questions to ask, unless they are there.
func (k *chaining) prepare(ctx context.Context) error {
	api, stop, err := k.cli.connectReady(ctx, k.cfg)
	if err != nil {
		return err
	}
	defer stop()
	taken, err := k.cli.ingest(ctx, api, []string{k.is.docs}, nil, k.is.store)
	if err != nil {
		return err
	}
	if len(taken.Failed) > 0 {
		return fmt.Errorf("%d of %d documents could not be taken in", len(taken.Failed), taken.Files)
	}
	want := inputs{Seed: k.is.set.seed, Examples: k.is.set.limit, Copies: k.is.set.copies, Budget: k.is.set.budget, Abstain: k.is.set.abstain}
	if want.Corpus, err = api.corpusHash(ctx, k.is.store); err != nil {
		return err
	}
	var set []eval.Question
	if set, want.Questions, err = questionSet(k.is.questions); err != nil {
		return err
	}
	held, err := heldOut(k.is.heldOut)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(k.is.heldOut)
	if err != nil {
		return err
	}
	want.HeldOut = shortHash(raw)
	if k.has(want) {
		return nil
	}
	_, ask := tune.Learnable(set, held)
	if len(ask) == 0 {
		return errors.New("no question is left to ask: none is about held-out documents alone, and none has no answer")
	}
	if err := writeLines(k.path("questions.jsonl"), ask); err != nil {
		return err
	}
	d := k.is.set
	d.store, d.out, d.labelled, d.heldOut, d.holdOut = k.is.store, k.path("training"), []string{k.is.questions}, k.is.heldOut, true
	d.own = true
	if _, err := k.cli.dataset(ctx, api, k.cfg, d); err != nil {
		return err
	}
	return writeLines(k.path("inputs.json"), []inputs{want}) // last: now it is whole
}

// has tells whether the training set of these inputs is there and whole.
func (k *chaining) has(want inputs) bool {
	var have inputs
	raw, err := os.ReadFile(k.path("inputs.json"))
	if err != nil || json.Unmarshal(raw, &have) != nil || have != want {
		return false
	}
	_, _, err = tune.Read(k.path("training"))
	return err == nil
}

// train trains, and registers what came out once.
func (k *chaining) train(ctx context.Context) error {
	setup, err := k.cli.setup(k.cfg)
	if err != nil {
		return err
	}
	o := trainRun{name: k.is.name, base: k.is.model, hyper: k.is.hyper}
	run, err := k.cli.newRun(k.cfg, setup, k.path("training"), o)
	if err != nil {
		return err
	}
	if run.State != tune.Done {
		fmt.Fprintln(k.cli.err, run.Estimate)
		if math.Sqrt(run.Estimate.Seconds*run.Estimate.Fewest) > k.is.minutes*60 { // in the middle
			fmt.Fprintf(k.cli.err, "that is likely more than %.0f minutes: fewer --examples take less, and make another training set\n", k.is.minutes)
		}
	}
	if err := run.Train(ctx, k.trainer, k.cli.showTraining); err != nil {
		return err
	}
	k.run = run
	all, err := app.AdaptersOf(k.cfg).All()
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Name == run.Name && a.SHA256 == run.SHA256 {
			return nil
		}
	}
	_, err = k.cli.registerRun(k.cfg, setup, run, run.Name, "")
	return err
}

// compare asks what is left to ask, and makes the report.
func (k *chaining) compare(ctx context.Context) error {
	file := k.path("questions.jsonl")
	set, hash, err := questionSet(file)
	if err != nil {
		return err
	}
	api, stop, err := k.cli.connectReady(ctx, k.cfg)
	if err != nil {
		return err
	}
	defer stop()
	if err := k.served(ctx, api); err != nil {
		return err
	}
	f := compareFlags{store: k.is.store, questions: file, tuned: k.is.name, seed: 1, parallel: 1, budget: k.is.set.budget, again: true,
		view: compareView{heldOut: k.is.heldOut, trainingHours: k.run.Hours(), answers: defaultAnswers}}
	k.report, err = k.cli.compareOver(ctx, api, k.cfg, f, hash, set)
	return err
}

// served waits until the server has the adapter: a running one takes it up within seconds, with a model server of its own.
func (k *chaining) served(ctx context.Context, api *client) error {
	model, err := api.baseModel(ctx, k.is.store)
	if err != nil {
		return err
	}
	path := "/v1/models/" + url.PathEscape(model+"+"+k.is.name+"@"+k.is.store)
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		err := api.call(ctx, http.MethodGet, path, nil, nil)
		var e *apiError
		if err != nil && (!errors.As(err, &e) || e.Status != http.StatusNotFound) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(adapterPoll)), backoff.WithMaxElapsedTime(k.cfg.LLM.StartTimeout))
	if err != nil {
		return fmt.Errorf("the adapter %s is registered and not served: %w", k.is.name, err)
	}
	return nil
}

const adapterPoll = 500 * time.Millisecond

func (k *chaining) path(name string) string { return filepath.Join(k.dir, name) }

// writeLines writes one line of JSON for each, as a whole or not at all.
func writeLines[T any](path string, lines []T) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return disk.Replace(path, out.Bytes())
}
