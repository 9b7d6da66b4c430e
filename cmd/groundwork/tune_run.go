package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/internal/app"
)

func (c *cli) tuneSetupCmd() *cobra.Command {
	return &cobra.Command{
		Use: "setup", Short: "Install what training needs (about 6 GB)", Args: cobra.NoArgs,
		Long: "setup makes a Python environment of its own for training, from hash-locked packages (PyTorch, Transformers, PEFT). Serving\n" +
			"adapters needs none of it. On a machine with a GPU, any environment that has these packages will do: `tune run --python`.",
		Example: "  groundwork tune setup",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			return app.TrainEnv(cfg, c.environ, func(step string) { fmt.Fprintln(c.err, step) }).Ensure(cmd.Context())
		},
	}
}

// trainRun is what `tune run` was asked for.
type trainRun struct {
	name, base, python, dataDir string
	hyper                       tune.Hyper
	dry                         bool
}

func (c *cli) tuneRunCmd() *cobra.Command {
	var r trainRun
	cmd := &cobra.Command{
		Use: "run DIR", Short: "Train an adapter on a training set; a run that was interrupted goes on", Args: cobra.ExactArgs(1),
		Long: "run trains a LoRA adapter for a model of the catalogue on the answers of a training set, in a process of its own. Time and\n" +
			"memory are estimated first and shown while it runs. It ends early when the held-out loss no longer falls. Ctrl-C stops it after\n" +
			"the step under way; after that, and after a kill, the same command goes on from the checkpoint. What comes out is an adapter\n" +
			"for llama.cpp (adapter.gguf) and for vLLM (adapter/), and the loss curve (loss.json, loss.svg).",
		Example: "  groundwork tune run training --name acme\n  groundwork tune run training --name acme --dry-run\n  groundwork tune run training --name acme --epochs 1 --rank 16 --python /opt/torch/bin/python",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.tuneRun(cmd.Context(), args[0], r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.name, "name", "", "name of the run (default: the folder's)")
	f.StringVar(&r.base, "model", "qwen2.5-coder-0.5b-instruct", "model of the catalogue to train on")
	f.StringVar(&r.python, "python", "", "interpreter that has the packages (default: tune.python, else that of `tune setup`)")
	f.StringVar(&r.dataDir, "data-dir", "", "where runs and adapters live (server.data_dir)")
	f.Float64Var(&r.hyper.Epochs, "epochs", 0, "default 2")
	f.IntVar(&r.hyper.Rank, "rank", 0, "of the adapter; default 8")
	f.IntVar(&r.hyper.Alpha, "alpha", 0, "default 16")
	f.StringVar(&r.hyper.Targets, "targets", "", "weights to adapt: attention, or all, which learns a little more and takes 7 % more time for each answer; default attention")
	f.Float64Var(&r.hyper.LearningRate, "learning-rate", 0, "default 0.0002")
	f.IntVar(&r.hyper.Batch, "batch", 0, "examples in one step; default 4")
	f.IntVar(&r.hyper.Micro, "micro-batch", 0, "of them at once; more is faster on a GPU; default 1")
	f.IntVar(&r.hyper.MaxTokens, "max-tokens", 0, "longer examples are left out; default 2048")
	f.IntVar(&r.hyper.Seed, "seed", 0, "default 1")
	f.StringVar(&r.hyper.Type, "dtype", "", "bfloat16 or float32; default: what the machine is fast in")
	f.StringVar(&r.hyper.Device, "device", "", "cpu or cuda; default: cuda where there is one")
	f.BoolVar(&r.dry, "dry-run", false, "only estimate")
	return cmd
}

func (c *cli) tuneRun(ctx context.Context, dir string, o trainRun) error {
	if _, _, err := tune.Read(dir); err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", o.dataDir, "")
	setup, err := c.setup(cfg)
	if err != nil {
		return err
	}
	if o.dry {
		_, estimate, _, err := estimated(cfg, setup, dir, o)
		fmt.Fprintln(c.err, estimate)
		if c.json && err == nil {
			return c.printJSON(estimate)
		}
		return err
	}
	run, err := c.newRun(cfg, setup, dir, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.err, run.Estimate)
	trainer, err := app.Trainer(ctx, cfg, c.environ, o.python)
	if err != nil {
		return err
	}
	if err := run.Train(ctx, trainer, c.showTraining); err != nil {
		return err
	}
	return c.showRun(run)
}

// estimated reads a training set and says what training on it costs on this machine.
func estimated(cfg configs.Config, setup *app.Setup, dir string, o trainRun) (m tune.Manifest, e tune.Estimate, base tune.Base, err error) {
	m, examples, err := tune.Read(dir)
	if err != nil {
		return m, e, base, err
	}
	base, size, err := setup.TuneBase(o.base)
	if err != nil {
		return m, e, base, err
	}
	e = tune.EstimateRun(examples, cmp.Or(o.hyper.Epochs, tune.Defaults.Epochs), size, cmp.Or(cfg.LLM.Threads, runtime.NumCPU()), tune.HasBF16() && o.hyper.Type != "float32")
	return m, e, base, nil
}

// newRun begins a run on the training set in dir, or takes it up.
func (c *cli) newRun(cfg configs.Config, setup *app.Setup, dir string, o trainRun) (tune.Run, error) {
	m, estimate, base, err := estimated(cfg, setup, dir, o)
	if err != nil {
		return tune.Run{}, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return tune.Run{}, err
	}
	return tune.NewRun(app.RunsDir(cfg), tune.Run{Name: cmp.Or(o.name, strings.ToLower(filepath.Base(abs))), Base: base, Dataset: abs, Data: m.Data, Hyper: o.hyper, Estimate: estimate})
}

// showTraining prints a line of progress for a person.
func (c *cli) showTraining(p tune.Progress) {
	switch p.Event {
	case "unpack":
		fmt.Fprintln(c.err, "unpacking the model (once; some minutes) …")
	case "start":
		how := "starts"
		if p.Resumed {
			how = "goes on"
		}
		fmt.Fprintf(c.err, "%s at step %d of %d on %s in %s; %d examples are too long and left out\n", how, p.Step, p.Of, p.Device, p.Type, p.LeftOut)
	case "step":
		fmt.Fprintf(c.err, "step %d of %d  loss %.3f  %.0f tokens/s  %s left  %d MB\n", p.Step, p.Of, p.Loss, p.Speed, (time.Duration(p.RestSeconds) * time.Second).String(), max(p.MemoryMB, p.GPUMemoryMB))
	case "heldout":
		fmt.Fprintf(c.err, "held-out loss %.3f\n", p.Loss)
	}
}

func (c *cli) tuneListCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "list", Short: "List training runs", Args: cobra.NoArgs, Example: "  groundwork tune list",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			runs, err := tune.Runs(app.RunsDir(cfg))
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(runs)
			}
			c.printf("%-20s %-8s %-28s %-12s %8s  %s\n", "NAME", "STATE", "MODEL", "STEP", "LOSS", "STARTED")
			for _, r := range runs {
				c.printf("%-20s %-8s %-28s %-12s %8.3f  %s\n", r.Name, r.State, r.Base.Model, fmt.Sprintf("%d of %d", r.Last.Step, r.Last.Of), r.Last.Loss, r.Started.Format(time.DateTime))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where runs live (server.data_dir)")
	return cmd
}

func (c *cli) tuneShowCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show one training run", Args: cobra.ExactArgs(1), Example: "  groundwork tune show acme",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			run, err := tune.OpenRun(app.RunsDir(cfg), args[0])
			if err != nil {
				return err
			}
			return c.showRun(run)
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where runs live (server.data_dir)")
	return cmd
}

func (c *cli) showRun(r tune.Run) error {
	if c.json {
		raw, err := os.ReadFile(filepath.Join(r.Dir(), "loss.json"))
		var curve json.RawMessage
		if err == nil {
			curve = raw
		}
		return c.printJSON(map[string]any{"run": r, "loss": curve})
	}
	c.printf("%s: %s, step %d of %d, loss %.3f\n  model    %s\n  data     %s (%s)\n", r.Name, r.State, r.Last.Step, r.Last.Of, r.Last.Loss, r.Base.Model, r.Dataset, r.Data[:12])
	if r.Last.Best != nil && r.Last.FirstHeldOut != nil {
		c.printf("  held out %.3f before, %.3f after\n", *r.Last.FirstHeldOut, *r.Last.Best)
	}
	if r.Error != "" {
		c.printf("  error    %s\n", r.Error)
	}
	if r.Adapter != "" {
		c.printf("  adapter  %s\n  curve    %s\n", r.Adapter, filepath.Join(r.Dir(), "loss.svg"))
	}
	return nil
}
