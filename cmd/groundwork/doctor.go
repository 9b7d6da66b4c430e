package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/internal/app"
)

func (c *cli) doctorCmd() *cobra.Command {
	var deep bool
	var dataDir, model string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check everything a server needs, and say how to mend it", Args: cobra.NoArgs,
		Long:    "doctor looks at Python, the model runtime, model files, disk, memory, the address and, when a server\nruns, at its readiness: measured speeds, window and context budget. It changes nothing.",
		Example: "  groundwork doctor\n  groundwork doctor --deep --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			s, err := c.setup(cfg)
			if err != nil {
				return err
			}
			checks, err := s.Doctor(cmd.Context(), deep)
			if err != nil {
				return err
			}
			return c.reportChecks(append(checks, c.running(cmd.Context(), cfg.Server.DataDir)...))
		},
	}
	cmd.Flags().BoolVar(&deep, "deep", false, "read model files whole and compare their checksums")
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

// running are the checks of a server that runs, or none.
func (c *cli) running(ctx context.Context, dataDir string) []app.Check {
	base := c.server
	if at, ok := app.Locate(dataDir); ok && base == "" {
		base = at.URL
	}
	if base == "" {
		return nil
	}
	api := &client{base: strings.TrimRight(base, "/"), http: http.DefaultClient}
	state, _, err := api.ready(ctx)
	if err != nil {
		return []app.Check{{Name: "server", Detail: err.Error(), Fix: "Look at the server's log."}}
	}
	var checks []app.Check
	for _, s := range state.Checks {
		checks = append(checks, app.Check{Name: "server: " + s.Name, OK: s.OK, Detail: s.Detail, Fix: s.Fix})
	}
	return checks
}

func (c *cli) reportChecks(checks []app.Check) error {
	bad := false
	for _, check := range checks {
		bad = bad || !check.OK
	}
	if c.json {
		if err := c.printJSON(map[string]any{"ok": !bad, "checks": checks}); err != nil {
			return err
		}
	} else {
		for _, check := range checks {
			sign := "ok  "
			if !check.OK {
				sign = "BAD "
			}
			c.printf("%s %-18s %s\n", sign, check.Name, check.Detail)
			if !check.OK && check.Fix != "" {
				c.printf("     %-18s → %s\n", "", check.Fix)
			}
		}
	}
	if bad {
		return fmt.Errorf("something is missing: %w", errReported)
	}
	return nil
}

func join(words []string) string { return strings.Join(words, ", ") }
