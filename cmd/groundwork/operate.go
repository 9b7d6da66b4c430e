package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"groundwork/configs"
	"groundwork/internal/app"
)

func (c *cli) workerCmd() *cobra.Command {
	var listen, dataDir string
	cmd := &cobra.Command{
		Use: "worker", Short: "Run the ingest workers alone, beside a server on the same PostgreSQL", Args: cobra.NoArgs,
		Long: "worker takes documents from the queue: parse, chunk, embed, index. Start as many as you like, on any machine\n" +
			"that reaches store.sql, store.files and the index. A worker that dies loses nothing: its jobs are taken over.\n" +
			"It answers /healthz, /readyz and /metrics at server.listen.",
		Example: "  groundwork worker --config cluster.yaml --listen 127.0.0.1:8081 --data-dir /var/lib/groundwork/worker-1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, listen, dataDir, "")
			switch {
			case cfg.Store.SQL == "" || cfg.Store.Embedded():
				return errors.New("a worker shares its stores with a server: set store.sql to a PostgreSQL address and store.index to qdrant")
			case cfg.Store.Files == "":
				return errors.New("a worker reads the originals that a server took in: set store.files to a bucket, s3://…")
			case cfg.Ingest.Workers == 0:
				return errors.New("ingest.workers is 0: set how many jobs this worker takes at once")
			}
			return app.Run(cmd.Context(), cfg, app.Options{Version: version, Log: c.logger(cfg), Worker: true, OnListen: func(url string) {
				fmt.Fprintf(c.err, "groundwork %s works; it tells how it does at %s\n", version, url)
			}})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address of /healthz, /readyz and /metrics (server.listen)")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "a folder of this worker's own, for logs (server.data_dir)")
	return cmd
}

// operate runs do with the stores of the configuration, without models.
func (c *cli) operate(dataDir string, do func(o *app.Operator) error) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", dataDir, "")
	o, err := app.NewOperator(cfg, c.quiet(cfg))
	if err != nil {
		return err
	}
	return errors.Join(do(o), o.Close())
}

func (c *cli) migrateCmd() *cobra.Command {
	var dataDir, to string
	cmd := &cobra.Command{
		Use: "migrate", Short: "Copy everything into the stores of another configuration", Args: cobra.NoArgs,
		Long: "migrate copies originals, rows, vectors and terms from the stores of the present configuration into the empty ones of another,\n" +
			"whichever way: from one machine to PostgreSQL, Qdrant and S3, or back. Then it verifies the target and asks both sides 100 queries.\n" +
			"The source is only read, and no server may run on it meanwhile. A migration that broke off is simply run again.",
		Example: "  groundwork migrate --to cluster.yaml\n  groundwork migrate --config cluster.yaml --to single.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			target, err := configs.Load(to, c.environ)
			if err != nil {
				return err
			}
			return c.operate(dataDir, func(o *app.Operator) error {
				m, err := o.Migrate(cmd.Context(), target, c.steps())
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(m)
				}
				for _, t := range slices.Sorted(maps.Keys(m.Rows)) {
					c.printf("%-12s %d rows\n", t, m.Rows[t])
				}
				c.printf("%d originals, %d entries of the index; the target was verified; %d queries agree in %.1f %% of the first ten hits\n",
					m.Originals, m.Entries, m.Queries, 100*m.Overlap)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where the source's documents, index and keys live (server.data_dir)")
	cmd.Flags().StringVar(&to, "to", "", "configuration file of the target")
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// steps prints how far a migration is, now and then.
func (c *cli) steps() func(what string, done int) {
	last := ""
	return func(what string, done int) {
		if what != last || done%1000 == 0 {
			fmt.Fprintf(c.err, "%s: %d\n", what, done)
		}
		last = what
	}
}
