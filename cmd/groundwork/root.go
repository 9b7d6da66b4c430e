package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/internal/app"
)

// version is set by the linker.
var version = "dev"

// environment is all that a command sees of the process.
type environment struct {
	args     []string
	environ  []string
	in       io.Reader
	out, err io.Writer
}

// cli is what the commands share.
type cli struct {
	environment
	configFile string
	server     string
	key        string
	json       bool
}

func run(ctx context.Context, env environment) error {
	if len(env.args) > 0 && env.args[0] == app.ParseChild {
		if app.RunParseChild() != 0 {
			return errReported
		}
		return nil
	}
	c := &cli{environment: env}
	root := c.root()
	root.SetArgs(env.args)
	root.SetIn(env.in)
	root.SetOut(env.out)
	root.SetErr(env.err)
	return root.ExecuteContext(ctx)
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "groundwork",
		Short: "Answers from your own documents, with a small open model on your own machine",
		Long: "Groundwork takes your documents in, and answers questions over them with a small open model\n" +
			"that runs on your machine. Every answer carries citations that were checked.\n\n" +
			"Start with `groundwork doctor`, then `groundwork serve`.",
		Example: "  groundwork serve\n  groundwork ingest ./handbook --store handbook\n  groundwork ask --store handbook \"How many days of leave do I get?\"",
		Version: version, SilenceUsage: true, SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&c.configFile, "config", "", "configuration file (YAML); `groundwork config` prints every key")
	flags.StringVar(&c.server, "server", c.getenv("GROUNDWORK_SERVER"), "address of a running server (http://host:port); default: the one on the data directory, else none")
	flags.StringVar(&c.key, "key", c.getenv("GROUNDWORK_KEY"), "API key for that server")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	root.AddCommand(c.serveCmd(), c.ingestCmd(), c.documentsCmd(), c.searchCmd(), c.askCmd(), c.replayCmd(), c.demoCmd(), c.modelsCmd(), c.keysCmd(),
		c.doctorCmd(), c.healthCmd(), c.configCmd(), c.evalCmd(), c.calibrateCmd(), c.compareCmd(), c.tuneCmd(), c.benchCmd(),
		c.deleteCmd(), c.receiptCmd(), c.workerCmd(), c.verifyCmd(), c.reindexCmd(), c.migrateCmd(), c.backupCmd(), c.restoreCmd())
	return root
}

func (c *cli) getenv(name string) string {
	for _, kv := range c.environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

func (c *cli) config() (configs.Config, error) {
	return configs.Load(c.configFile, c.environ)
}

func (c *cli) logger(cfg configs.Config) *slog.Logger {
	return app.Logger(c.err, cfg.Log)
}

// quiet is the logger of commands that talk to a person: warnings only.
func (c *cli) quiet(cfg configs.Config) *slog.Logger {
	cfg.Log.Level = "error"
	return app.Logger(c.err, cfg.Log)
}

func (c *cli) printf(format string, args ...any) {
	fmt.Fprintf(c.out, format, args...)
}

// printJSON prints v on its own, indented.
func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (c *cli) configCmd() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "Print every configuration key with its default", Args: cobra.NoArgs,
		Example: "  groundwork config > groundwork.yaml\n  GROUNDWORK_LLM__CHAT__MODEL=small groundwork serve",
		RunE: func(*cobra.Command, []string) error {
			_, err := c.out.Write(configs.Default)
			return err
		},
	}
}
