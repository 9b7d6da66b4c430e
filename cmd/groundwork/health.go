package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthCmd is the health check of images that hold no other program.
func (c *cli) healthCmd() *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use: "health", Short: "Ask the server or worker of this machine whether it lives; for health checks", Args: cobra.NoArgs,
		Long: "health asks /healthz (with --ready: /readyz) on server.listen, or on --server, and fails when the reply is\n" +
			"not 200 within 3 seconds.",
		Example: "  groundwork health\n  groundwork health --ready --server http://127.0.0.1:9000",
		RunE: func(cmd *cobra.Command, _ []string) error {
			base := strings.TrimSuffix(c.server, "/")
			if base == "" {
				cfg, err := c.config()
				if err != nil {
					return err
				}
				base = "http://" + reachable(cfg.Server.Listen)
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, base+path, nil)
			if err != nil {
				return err
			}
			resp, err := (&http.Client{Timeout: 3 * time.Second}).Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
			if err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answers %s: %s", base+path, resp.Status, body)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask whether it can do its work, dependencies included")
	return cmd
}

// reachable is the loopback address for a server that listens on all of them.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || host != "" && (ip == nil || !ip.IsUnspecified()) {
		return listen
	}
	return net.JoinHostPort("127.0.0.1", port)
}
