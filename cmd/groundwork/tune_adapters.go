package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/internal/app"
)

func (c *cli) tuneAdaptersCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "adapters", Short: "List the adapters that can be served", Args: cobra.NoArgs,
		Long: "adapters lists every version in the registry. The newest version of each name is served beside its model, as MODEL+NAME and\n" +
			"MODEL+NAME@STORE; a running server notices changes within seconds and loses no request over them.",
		Example: "  groundwork tune adapters --json",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			all, err := app.AdaptersOf(cfg).All()
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(append([]tune.Adapter{}, all...))
			}
			c.printf("%-24s %-28s %-14s %-20s %s\n", "ADAPTER", "MODEL", "DATA", "REGISTERED", "LICENCE")
			for _, a := range all {
				c.printf("%-24s %-28s %-14s %-20s %s\n", a.Tag(), a.Base.Model, short(a.Data), a.Created.Format(time.DateTime), a.Licence)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where adapters live (server.data_dir)")
	return cmd
}

// short is the beginning of a hash, enough to tell sets apart.
func short(hash string) string { return hash[:min(12, len(hash))] }

func (c *cli) tuneRegisterCmd() *cobra.Command {
	var dataDir, name, licence, file, folder, model string
	cmd := &cobra.Command{
		Use: "register [RUN]", Short: "Put an adapter into the registry, so that it is served", Args: cobra.MaximumNArgs(1),
		Long: "register takes the adapter of a training run that is done, or a file of yours (--file: GGUF, with --model), and makes it the next\n" +
			"version of its name. A running server starts a second model server with it, checks that no cache crosses adapters, switches,\n" +
			"and ends the first one after its last request.",
		Example: "  groundwork tune register acme\n  groundwork tune register --name acme --file adapter.gguf --model qwen2.5-coder-0.5b-instruct --licence \"Apache-2.0; internal data\"",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			setup, err := c.setup(cfg)
			if err != nil {
				return err
			}
			var a tune.Adapter
			if len(args) == 1 {
				run, err := tune.OpenRun(app.RunsDir(cfg), args[0])
				if err != nil {
					return err
				}
				a, err = c.registerRun(cfg, setup, run, cmp.Or(name, run.Name), licence)
				if err != nil {
					return err
				}
			} else if a, err = registerFile(cfg, setup, tune.Adapter{Name: name, Metrics: map[string]float64{}, Base: tune.Base{Model: model}, Licence: licence}, file, folder); err != nil {
				return err
			}
			if c.json {
				return c.printJSON(a)
			}
			c.printf("%s is registered; it is served as %s+%s\n", a.Tag(), a.Base.Model, a.Name)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "what follows the + in model names (default: the run's)")
	f.StringVar(&file, "file", "", "adapter in GGUF, instead of a run's")
	f.StringVar(&folder, "folder", "", "the same adapter as PEFT writes it, for vLLM")
	f.StringVar(&model, "model", "", "model of the catalogue that --file was trained on")
	f.StringVar(&licence, "licence", "", "note on what the model and the data allow")
	f.StringVar(&dataDir, "data-dir", "", "where runs and adapters live (server.data_dir)")
	return cmd
}

// registerRun registers the adapter of a training run that is done.
func (c *cli) registerRun(cfg configs.Config, setup *app.Setup, run tune.Run, name, licence string) (tune.Adapter, error) {
	if run.State != tune.Done {
		return tune.Adapter{}, fmt.Errorf("the run %q is %s; only what is done can be served", run.Name, run.State)
	}
	a := run.Card()
	a.Name, a.Licence = name, licence
	return registerFile(cfg, setup, a, run.Adapter, run.PEFT())
}

// registerFile registers an adapter's file, and folder when there is one.
func registerFile(cfg configs.Config, setup *app.Setup, a tune.Adapter, file, folder string) (tune.Adapter, error) {
	if file == "" || a.Base.Model == "" || a.Name == "" {
		return a, errors.New("name a run, or --file with --model and --name")
	}
	base, _, err := setup.TuneBase(a.Base.Model)
	if err != nil {
		return a, err
	}
	if a.Base.SHA256 != "" && a.Base.SHA256 != base.SHA256 {
		return a, fmt.Errorf("the run was trained on another file of %s than the one that is here", base.Model)
	}
	entry, err := setup.Find(base.Model)
	if err != nil {
		return a, err
	}
	a.Base, a.Licence = base, cmp.Or(a.Licence, entry.Licence+" (the model's)")
	return app.AdaptersOf(cfg).Register(a, file, folder)
}

func (c *cli) tuneRemoveCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Take an adapter out of the registry", Args: cobra.ExactArgs(1),
		Long:    "remove deletes all versions of NAME, or one (NAME-v2): then the version before it is served again.",
		Example: "  groundwork tune remove acme-v2",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			removed, err := app.AdaptersOf(cfg).Remove(args[0])
			for _, a := range removed {
				c.printf("%s is removed\n", a.Tag())
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where adapters live (server.data_dir)")
	return cmd
}
