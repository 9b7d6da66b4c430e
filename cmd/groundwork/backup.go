package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"groundwork/internal/app"
)

func (c *cli) backupCmd() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write everything into one file, beside a running server", Args: cobra.ExactArgs(1),
		Long: "backup writes documents with their originals, texts, vectors, attributes and groups, stores with their calibration, keys (as\n" +
			"hashes), kept answers, adapters, evaluation runs and reports into one new file (tar.gz, checksums, readable by its owner only).\n" +
			"Servers and workers go on meanwhile: the file shows the library at one moment, whole. It holds your documents in clear, and no\n" +
			"configuration and no secret. `groundwork restore --check FILE` reads it again.",
		Example: "  groundwork backup /backups/groundwork-2026-11-27.tar.gz\n  groundwork backup --config cluster.yaml night.tar.gz --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, "")
			show := c.stages()
			b, err := app.TakeBackup(cmd.Context(), cfg, app.Options{Version: version, Log: c.quiet(cfg)}, args[0], show.step)
			show.end()
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(b)
			}
			c.printf("%s: %d bytes in %.1f s; %s\n", b.File, b.Bytes, b.Seconds, counted(b.Counts))
			return nil
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where documents, index and keys live (server.data_dir)")
	return cmd
}

// counted is counts in words.
func counted(counts map[string]int) string {
	var out []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%d %s", counts[what], strings.ReplaceAll(what, "_", " ")))
	}
	return strings.Join(out, ", ")
}

func (c *cli) restoreCmd() *cobra.Command {
	var dataDir string
	var force, check bool
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Make an installation what a backup holds", Args: cobra.ExactArgs(1),
		Long: "restore reads a file of `groundwork backup` into the stores of the configuration, whatever stores it came from: first it compares\n" +
			"every checksum, then it builds everything beside what is there, verifies it, and puts it in its place in one step. Whatever\n" +
			"fails or breaks off before leaves everything as it was. Stores that hold something are refused; --force replaces those in the\n" +
			"data directory. No server may run on it. Vectors of another embedding model or chunker than the configuration's are left out:\n" +
			"the next server indexes those documents anew.",
		Example: "  groundwork restore --check night.tar.gz\n  groundwork restore night.tar.gz --data-dir /tmp/tried\n  groundwork restore night.tar.gz --config cluster.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if check {
				return c.checkBackup(args[0])
			}
			return c.operate(dataDir, func(o *app.Operator) error {
				show := c.stages()
				r, err := o.Restore(cmd.Context(), args[0], force, show.step)
				show.end()
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(r)
				}
				c.printf("restored the backup of %s in %.1f s: %s\n", r.Backup.CreatedAt.Format("2006-01-02 15:04:05 MST"), r.Seconds, counted(r.Counts))
				c.printf("verified: %d documents are searchable; a server indexes %d anew\n", r.Audit.Documents, r.Queued)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "where to (server.data_dir)")
	cmd.Flags().BoolVar(&force, "force", false, "replace what the data directory holds")
	cmd.Flags().BoolVar(&check, "check", false, "only compare the file's checksums; nothing is restored")
	return cmd
}

func (c *cli) checkBackup(file string) error {
	show := c.stages()
	k, err := app.CheckBackup(file, show.step)
	show.end()
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(k)
	}
	c.printf("%s is whole: of %s, by Groundwork %s; %s\n", file, k.Head.CreatedAt.Format("2006-01-02 15:04:05 MST"), k.Head.Version, counted(k.Counts))
	return nil
}
