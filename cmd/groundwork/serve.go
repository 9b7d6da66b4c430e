package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/internal/app"
)

func (c *cli) serveCmd() *cobra.Command {
	var listen, dataDir, model string
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server: API, web page, workers and local model servers", Args: cobra.NoArgs,
		Long: "serve runs everything in one process and its child processes: the HTTP API, the web page,\n" +
			"the ingest workers, and the local model servers (unless llm.*.base_url names others).\n" +
			"SIGTERM ends it within server.shutdown_grace; a second signal ends it at once.",
		Example: "  groundwork serve\n  groundwork serve --listen 127.0.0.1:9000 --model small\n  GROUNDWORK_LLM__CHAT__BASE_URL=http://gpu-box:8000/v1 groundwork serve --model llama-3.1-8b-instruct",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, listen, dataDir, model)
			return app.Run(cmd.Context(), cfg, app.Options{Version: version, Log: c.logger(cfg), OnListen: func(url string) {
				fmt.Fprintf(c.err, "groundwork %s listens at %s\n", version, url)
			}})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address, such as 127.0.0.1:8080 (server.listen)")
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

func addLocalFlags(cmd *cobra.Command, dataDir, model *string) {
	cmd.Flags().StringVar(dataDir, "data-dir", "", "where documents, index and keys live (server.data_dir)")
	cmd.Flags().StringVar(model, "model", "", "chat model: a name of `groundwork models list`, or `small` (llm.chat.model)")
}

func override(cfg *configs.Config, listen, dataDir, model string) {
	if listen != "" {
		cfg.Server.Listen = listen
	}
	if dataDir != "" {
		cfg.Server.DataDir = dataDir
	}
	if model != "" {
		cfg.LLM.Chat.Model = model
	}
}

// connectReady is connect to a server that answers questions: it waits until its models are there.
func (c *cli) connectReady(ctx context.Context, cfg configs.Config) (*client, func(), error) {
	api, stop, err := c.connect(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := api.waitReady(ctx, cfg.LLM.StartTimeout, func(string) {}); err != nil {
		stop()
		return nil, nil, err
	}
	return api, stop, nil
}

// connect finds the server to talk to: the one named, the one that runs on the
// data directory, or one started in this process for as long as the command runs.
func (c *cli) connect(ctx context.Context, cfg configs.Config) (*client, func(), error) {
	if c.server != "" {
		return &client{base: strings.TrimSuffix(strings.TrimRight(c.server, "/"), "/v1"), key: c.key, http: newHTTP()}, func() {}, nil
	}
	if at, ok := app.Locate(cfg.Server.DataDir); ok {
		return &client{base: at.URL, key: at.Token, http: newHTTP()}, func() {}, nil
	}
	return c.start(ctx, cfg, "127.0.0.1:0")
}

// start runs a server in this process; the function it returns ends it.
func (c *cli) start(ctx context.Context, cfg configs.Config, listen string) (*client, func(), error) {
	cfg.Server.Listen = listen
	ctx, cancel := context.WithCancel(ctx)
	listening, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, cfg, app.Options{Version: version, Log: c.quiet(cfg), OnListen: func(url string) { listening <- url }})
	}()
	select {
	case err := <-ended:
		cancel()
		return nil, nil, err
	case url := <-listening:
		at, _ := app.Locate(cfg.Server.DataDir)
		return &client{base: url, key: at.Token, http: newHTTP()}, func() {
			cancel()
			if err := <-ended; err != nil {
				fmt.Fprintln(c.err, "the server did not end well:", err)
			}
		}, nil
	}
}

func newHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, ResponseHeaderTimeout: 12 * time.Minute}}
}

// readiness is the body of /readyz.
type readiness struct {
	Status string `json:"status"`
	Checks []struct {
		Name   string         `json:"name"`
		OK     bool           `json:"ok"`
		Detail string         `json:"detail"`
		Fix    string         `json:"fix"`
		Facts  map[string]any `json:"facts"`
	} `json:"checks"`
}

// ready asks /readyz once.
func (c *client) ready(ctx context.Context) (readiness, bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/readyz", http.NoBody)
	if err != nil {
		return readiness{}, false, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return readiness{}, false, fmt.Errorf("the server at %s cannot be reached: %w", c.base, err)
	}
	defer resp.Body.Close()
	var state readiness
	err = json.NewDecoder(resp.Body).Decode(&state)
	return state, resp.StatusCode == http.StatusOK, err
}

// waitReady waits until the server can answer questions; progress hears what it waits for.
func (c *client) waitReady(ctx context.Context, limit time.Duration, progress func(waiting string)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		state, ok, err := c.ready(ctx)
		if err != nil || ok {
			return err
		}
		last := state.waiting()
		progress(last)
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %s", last)
		case <-tick.C:
		}
	}
}

// waiting says what is not ready, and what to do about it.
func (r readiness) waiting() string {
	var parts []string
	for _, check := range r.Checks {
		if !check.OK {
			parts = append(parts, strings.TrimSuffix(fmt.Sprintf("%s: %s. %s", check.Name, check.Detail, check.Fix), ". "))
		}
	}
	return strings.Join(parts, "; ")
}

// connectOrServe is connect for a server that people go on using: it listens
// at the configured address, or at a free port when that is taken.
func (c *cli) connectOrServe(ctx context.Context, cfg configs.Config) (*client, func(), error) {
	if c.server != "" {
		return c.connect(ctx, cfg)
	}
	if _, running := app.Locate(cfg.Server.DataDir); running {
		return c.connect(ctx, cfg)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Server.Listen)
	if err != nil {
		fmt.Fprintf(c.err, "%s is taken; using a free port\n", cfg.Server.Listen)
		return c.start(ctx, cfg, "127.0.0.1:0")
	}
	if err := listener.Close(); err != nil {
		return nil, nil, err
	}
	return c.start(ctx, cfg, cfg.Server.Listen)
}
