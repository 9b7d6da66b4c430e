package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/eval/load"
)

// benchFlags are what `bench` was asked.
type benchFlags struct {
	store, questions, dataDir, model string
	rate                             float64
	clients                          int
	sweep                            bool
	bound, duration, warmup          time.Duration
	mix, keyFile, html               string
	keys, maxTokens, connections     int
	seed                             uint64
}

func (c *cli) benchCmd() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use: "bench", Short: "Put a server under load: rates, latencies, refusals, and where it stops carrying more", Args: cobra.NoArgs,
		Long: "bench sends questions (streamed answers), searches and uploads to a server and measures.\n\n" +
			"--rate is an open loop: requests come at random times at that mean rate, whether or not earlier ones\n" +
			"are done, and latencies count from the time a request was meant to start. --concurrency is a closed\n" +
			"loop: so many clients, each sends its next request when the last one is done. --sweep raises the\n" +
			"rate (from --rate, by half each step) and finds the knee: the highest rate at which 95 % of what\n" +
			"is offered is done, nothing fails and the 99th percentile stays under --bound.\n\n" +
			"429 and 503 are refusals, counted apart from failures. One key has server.streams_per_key answers at\n" +
			"once; use --keys or --key-file to be many users. Uploads go to a store of their own, which is deleted\n" +
			"at the end. Ctrl-C ends a run and prints what was measured until then.",
		Example: "  groundwork bench --store handbook --questions questions.jsonl --rate 0.5 --duration 2m\n" +
			"  groundwork bench --store handbook --questions questions.txt --concurrency 8 --html report.html\n" +
			"  groundwork bench --store handbook --questions questions.jsonl --sweep --bound 10s --keys 20\n" +
			"  groundwork bench --server https://rag.example.org --key-file keys.txt --store handbook --questions q.jsonl --rate 20 --mix ask=90,search=8,upload=2",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.bench(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.store, "store", "s", "documents", "store to ask")
	flags.StringVar(&f.questions, "questions", "", "questions: JSONL with a member \"question\", or text with one a line")
	flags.Float64Var(&f.rate, "rate", 0, "open loop: requests a second; with --sweep the first rate (default 1)")
	flags.IntVar(&f.clients, "concurrency", 0, "closed loop: clients")
	flags.BoolVar(&f.sweep, "sweep", false, "raise the rate in steps and find the knee")
	flags.DurationVar(&f.bound, "bound", 10*time.Second, "with --sweep: what the 99th percentile must not exceed")
	flags.DurationVar(&f.duration, "duration", 30*time.Second, "of the measurement, with --sweep of each step")
	flags.DurationVar(&f.warmup, "warmup", 2*time.Second, "before it: requests are sent and not counted")
	flags.StringVar(&f.mix, "mix", "ask=1", "shares of ask, search and upload, such as ask=90,search=8,upload=2")
	flags.IntVar(&f.keys, "keys", 0, "make so many keys in the data directory for the run, and revoke them after it")
	flags.IntVar(&f.connections, "connections", 256, "open at once, and at least one for each client; more requests wait, which counts as latency")
	flags.StringVar(&f.keyFile, "key-file", "", "file with API keys, one a line, used in turn")
	flags.IntVar(&f.maxTokens, "max-tokens", 0, "of an answer; 0: the server's default")
	flags.Uint64Var(&f.seed, "seed", 1, "of arrival times and kinds; the same seed sends the same")
	flags.StringVar(&f.html, "html", "", "also write a report with plots to this file")
	addLocalFlags(cmd, &f.dataDir, &f.model)
	if err := cmd.MarkFlagRequired("questions"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// plan checks the flags before anything is started.
func (f *benchFlags) plan() (load.Plan, error) {
	mix, err := load.ParseMix(f.mix)
	if err != nil {
		return load.Plan{}, err
	}
	switch {
	case f.keys > 0 && f.keyFile != "":
		return load.Plan{}, errors.New("--keys and --key-file are both given; use one of them")
	case f.sweep && f.clients > 0:
		return load.Plan{}, errors.New("--sweep raises a rate; leave --concurrency out")
	case !f.sweep && (f.rate > 0) == (f.clients > 0):
		return load.Plan{}, errors.New("say how much load: --rate, --concurrency or --sweep")
	case f.rate < 0 || f.clients < 0 || f.keys < 0 || f.connections < 1 || f.duration <= 0 || f.warmup < 0 || f.bound <= 0:
		return load.Plan{}, errors.New("--rate, --concurrency, --keys, --duration, --warmup and --bound must not be negative, and --duration, --bound and --connections not 0")
	}
	if f.sweep && f.rate == 0 {
		f.rate = 1
	}
	return load.Plan{Rate: f.rate, Clients: f.clients, Duration: f.duration, Warmup: f.warmup, Mix: mix, Seed: f.seed}, nil
}

func (c *cli) bench(ctx context.Context, f benchFlags) error {
	plan, err := f.plan()
	if err != nil {
		return err
	}
	questions, err := readLines(f.questions, questionOf)
	if err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", f.dataDir, f.model)
	api, stop, err := c.connectReady(ctx, cfg)
	if err != nil {
		return err
	}
	defer stop()
	target := load.Target{Base: api.base, Store: f.store, Questions: questions, MaxTokens: f.maxTokens, Connections: max(f.connections, f.clients),
		Uploads: fmt.Sprintf("bench-%d", time.Now().Unix())}
	if target.Model, err = api.storeModel(ctx, f.store); err != nil {
		return err
	}
	keys, revoke, err := c.benchKeys(ctx, cfg, api, f)
	if err != nil {
		return err
	}
	target.Keys = keys
	report, err := c.benchRun(ctx, plan, f, target)
	tidy := context.WithoutCancel(ctx)
	if plan.Mix[load.Upload] > 0 {
		err = errors.Join(err, api.removeStore(tidy, target.Uploads))
	}
	if err = errors.Join(err, revoke(tidy)); err != nil {
		return err
	}
	return c.benchReport(report, f.html, ctx.Err() != nil)
}

// benchRun carries the plan out and shows how far it is.
func (c *cli) benchRun(ctx context.Context, plan load.Plan, f benchFlags, target load.Target) (load.Report, error) {
	send, closeIdle, err := load.HTTP(target)
	if err != nil {
		return load.Report{}, err
	}
	defer closeIdle()
	report := load.Report{Title: "Groundwork under load", Target: target.Model, At: time.Now(), Mix: plan.Mix, Keys: len(target.Keys)}
	label := ""
	plan.Progress = func(p load.Progress) { c.benchProgress(label, p) }
	if !f.sweep {
		result, err := load.Run(ctx, plan, send)
		report.Runs = []load.Result{result}
		c.benchProgressEnd()
		return report, err
	}
	sweep := load.Sweep{Start: f.rate, Bound: f.bound}
	knee, steps, err := sweep.Run(ctx, plan, send, func(n int, rate float64) { label = fmt.Sprintf("step %d, %.1f/s: ", n, rate) })
	c.benchProgressEnd()
	report.Knee, report.Runs = &knee, steps
	return report, err
}

// benchProgress draws one line over itself on a terminal, and nothing else where nobody watches.
func (c *cli) benchProgress(label string, p load.Progress) {
	if c.watched() {
		fmt.Fprintf(c.err, "\r%s%d complete, %d refused, %d failed, %d open; %s left \x1b[K", label, p.OK, p.Refused, p.Failed, p.Open, p.Left.Round(time.Second))
	}
}

func (c *cli) benchProgressEnd() {
	if c.watched() {
		fmt.Fprint(c.err, "\r\x1b[K")
	}
}

func (c *cli) benchReport(r load.Report, html string, interrupted bool) error {
	if len(r.Runs) == 0 {
		return errors.New("interrupted before the first step was done; nothing was measured")
	}
	if err := writeHTML(html, r); err != nil {
		return err
	}
	if c.json {
		if err := c.printJSON(r); err != nil {
			return err
		}
	} else {
		c.printBench(r, html)
	}
	if interrupted {
		fmt.Fprintln(c.err, "interrupted: the figures are of what was measured until then")
		return errReported
	}
	return nil
}

func (c *cli) printBench(r load.Report, html string) {
	for i, run := range r.Runs {
		if i > 0 {
			c.printf("\n")
		}
		c.printf("%s\n", strings.Join(run.Lines(), "\n"))
	}
	if k := r.Knee; k != nil {
		switch {
		case k.Rate == 0:
			c.printf("\nknee: not even %.1f requests a second were carried: %s; start with a lower --rate\n", k.Limit, k.Why)
		case k.Limit == 0:
			c.printf("\nknee: not reached; %.1f requests a second were carried\n", k.Rate)
		default:
			c.printf("\nknee: %.1f requests a second; at %.1f %s\n", k.Rate, k.Limit, k.Why)
		}
	}
	if html != "" {
		c.printf("report: %s\n", html)
	}
}
