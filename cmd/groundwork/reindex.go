package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/internal/app"
)

// reindexFlags are what `reindex` was asked.
type reindexFlags struct {
	dataDir, from, old, questions, store   string
	samples                                int
	minOverlap                             float64
	yes, force, dryRun, replace, uncompare bool
}

func (c *cli) reindexCmd() *cobra.Command {
	var f reindexFlags
	cmd := &cobra.Command{
		Use: "reindex", Short: "Index every document anew, from its original", Args: cobra.NoArgs,
		Long: "reindex makes every document anew from its original file.\n\n" +
			"After a change of the embedding model or of the chunker a new index is built beside the old one, by this command itself and with the\n" +
			"new configuration; a server with the old one goes on answering and taking documents meanwhile. What was built is kept when the\n" +
			"command ends early, and what comes meanwhile is caught up with. Then both are asked the same questions: headings and first sentences\n" +
			"of the documents, or those of --questions. Where the new one finds clearly less, nothing is changed and the command fails. At last,\n" +
			"with servers and workers stopped, it takes the place of the old one in one step: start them with the new configuration.\n\n" +
			"Where the index fits the configuration (Qdrant lost its data, verify found faults), a new version of every document is queued, and\n" +
			"running servers and workers do the rest; what the index still holds answers until then. An index that cannot be read is replaced by an empty one.",
		Example: "  groundwork reindex --config new.yaml --dry-run\n  groundwork reindex --config new.yaml --questions questions.jsonl --store handbook --yes\n" +
			"  groundwork reindex --config cluster.yaml --from originals",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.from != "originals" {
				return fmt.Errorf("--from %s is not known; use originals", f.from)
			}
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", f.dataDir, "")
			beside, err := app.NeedsRebuild(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if beside && !f.replace {
				return c.rebuild(cmd.Context(), cfg, f)
			}
			return c.queueAll(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dataDir, "data-dir", "", "where documents, index and keys live (server.data_dir)")
	flags.StringVar(&f.from, "from", "originals", "what to build the index from")
	flags.BoolVar(&f.dryRun, "dry-run", false, "build and compare, but leave the old index in its place")
	flags.BoolVar(&f.yes, "yes", false, "put the new index in place without asking")
	flags.BoolVar(&f.force, "force", false, "also when it finds less, or some documents could not be made anew")
	flags.Float64Var(&f.minOverlap, "min-overlap", 0.5, "least share that the first ten passages of both must have in common")
	flags.StringVar(&f.questions, "questions", "", "ask these (the form is that of eval) of --store, instead of sampled ones")
	flags.StringVar(&f.store, "store", "", "store that --questions are about")
	flags.IntVar(&f.samples, "samples", 200, "how many questions to make from the documents")
	flags.StringVar(&f.old, "old", "", "configuration file of the old index, where its model is not in the catalogue")
	flags.BoolVar(&f.uncompare, "no-compare", false, "do not compare")
	flags.BoolVar(&f.replace, "replace", false, "do not build beside: begin with an empty index, which servers fill")
	return cmd
}

// queueAll leaves the work to servers and workers.
func (c *cli) queueAll(ctx context.Context, f reindexFlags) error {
	if f.dryRun {
		return errors.New("nothing is built beside an index that fits the configuration: without --dry-run every document is queued, and the old version answers until the new one is ready")
	}
	return c.operate(f.dataDir, func(o *app.Operator) error {
		n, err := o.Reindex(ctx)
		if err != nil {
			return err
		}
		if c.json {
			return c.printJSON(map[string]any{"queued": n})
		}
		c.printf("%d documents are queued; a running server or worker indexes them\n", n)
		return nil
	})
}

// rebuilt is what `reindex --json` prints of an index that was built beside another.
type rebuilt struct {
	Built      app.Built       `json:"built"`
	Comparison *app.Comparison `json:"comparison"`
	Swapped    bool            `json:"swapped"`
}

func (c *cli) rebuild(ctx context.Context, cfg configs.Config, f reindexFlags) (err error) {
	r, err := app.OpenRebuild(ctx, cfg, app.Options{Version: version, Environ: c.environ, Log: c.quiet(cfg)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var out rebuilt
	if !r.Decided() {
		swap, err := c.buildAndCompare(ctx, r, f, &out)
		if err != nil || !swap {
			return errors.Join(c.printRebuilt(out), err)
		}
	}
	bar := c.documents("documents that came meanwhile")
	err = r.Swap(ctx, bar.step)
	bar.end()
	if err != nil {
		return fmt.Errorf("the new index is built and kept, but it is not in its place: %w; then run the same command again", err)
	}
	out.Swapped = true
	return c.printRebuilt(out)
}

// buildAndCompare tells whether the new index may take its place.
func (c *cli) buildAndCompare(ctx context.Context, r *app.Rebuild, f reindexFlags, out *rebuilt) (swap bool, err error) {
	old, probes, err := c.probes(ctx, r, f)
	if err != nil {
		return false, err
	}
	bar := c.documents("documents")
	out.Built, err = r.Build(ctx, bar.step)
	bar.end()
	if err != nil {
		return false, err
	}
	if !f.uncompare {
		compared, err := r.Compare(ctx, old, probes, f.samples, f.minOverlap)
		if err != nil {
			return false, err
		}
		out.Comparison = &compared
	}
	switch {
	case f.dryRun:
		return false, nil
	case f.force:
	case out.Comparison != nil && out.Comparison.Verdict != "":
		return false, fmt.Errorf("nothing was changed: %s; --force puts the new index in place all the same", out.Comparison.Verdict)
	case len(out.Built.Lost) > 0:
		return false, fmt.Errorf("nothing was changed: %d documents that are searchable now could not be made anew, such as %s; --force puts the new index in place all the same", len(out.Built.Lost), out.Built.Lost[0])
	}
	return f.yes || c.agrees(*out), nil
}

// agrees asks on a terminal.
func (c *cli) agrees(out rebuilt) bool {
	if !c.watched() || c.json {
		return false
	}
	_ = c.printRebuilt(out) // what cannot be written is not agreed to
	fmt.Fprint(c.err, "Stop servers and workers. Put the new index in the place of the old one? [y/N] ")
	line, _ := bufio.NewReader(c.in).ReadString('\n')
	return strings.EqualFold(strings.TrimSpace(line), "y")
}

// probes are what the flags name: the old configuration, and questions.
func (c *cli) probes(ctx context.Context, r *app.Rebuild, f reindexFlags) (old *configs.Config, probes []app.Probe, err error) {
	if f.old != "" {
		cfg, err := configs.Load(f.old, c.environ)
		if err != nil {
			return nil, nil, err
		}
		old = &cfg
	}
	if f.questions == "" {
		return old, nil, nil
	}
	if f.store == "" {
		return nil, nil, errors.New("--questions needs --store")
	}
	scope, err := r.Store(ctx, f.store)
	if err != nil {
		return nil, nil, err
	}
	file, err := os.Open(f.questions)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	questions, err := eval.Read(file)
	if err != nil {
		return nil, nil, err
	}
	for _, q := range questions {
		p := app.Probe{Scope: scope, Text: q.Question}
		for _, g := range q.Gold {
			p.Places = append(p.Places, app.Place{Path: g.Path, Quote: g.Quote})
		}
		if len(p.Places) > 0 { // what no passage answers says nothing here
			probes = append(probes, p)
		}
	}
	if len(probes) == 0 {
		return nil, nil, fmt.Errorf("%s holds no question that a passage answers", f.questions)
	}
	return old, probes, nil
}

func (c *cli) printRebuilt(out rebuilt) error {
	if c.json {
		return c.printJSON(out)
	}
	if b := out.Built; b.Documents > 0 {
		c.printf("new index: %d documents ready, %d failed\n", b.Ready, b.Failed)
	}
	if k := out.Comparison; k != nil {
		c.printf("%d questions from the %s      old     new\n", k.Queries, k.Source)
		c.printf("  passage among the first ten  %6d  %6d   (%d lost, %d gained)\n", k.OldFound, k.NewFound, k.Lost, k.Gained)
		c.printf("  median search               %5.1fms %5.1fms\n", k.OldMS, k.NewMS)
		c.printf("  in common of the first ten   %.2f\n", k.Overlap)
		for _, m := range k.Misses {
			c.printf("  lost: %s  %s\n", m.Path, m.Query)
		}
	}
	if out.Swapped {
		c.printf("the new index is in its place, and the old one is removed: start servers and workers with this configuration\n")
	} else {
		c.printf("the old index is in its place; with --yes, and servers and workers stopped, the new one takes it\n")
	}
	return nil
}

// documents is a bar whose end moves while documents come.
type documents struct {
	cli   *cli
	label string
	now   *progress
}

func (c *cli) documents(label string) *documents { return &documents{cli: c, label: label} }

func (d *documents) step(done, total int) {
	if d.now == nil {
		d.now = d.cli.progress(d.label, total)
		d.now.skip(done)
	}
	d.now.of(total)
	d.now.set(done)
}

func (d *documents) end() {
	if d.now != nil {
		d.now.done()
	}
}
