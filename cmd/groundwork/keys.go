package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"groundwork/internal/app"
	"groundwork/rag"
)

func (c *cli) keysCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Create, list and revoke API keys",
		Long: "Without keys the server answers on the loopback only. As soon as there is one, every request under /v1 needs a key.\n" +
			"A key belongs to a tenant and may be limited to verbs (ask, write, admin), stores and groups. A key with groups only\n" +
			"asks, and for it there is nothing but the documents that allow one of its groups.",
		Example: "  groundwork keys create --name intranet --verbs ask --stores handbook\n  groundwork keys list\n  groundwork keys revoke key_…",
	}
	cmd.AddCommand(c.keysCreateCmd(), c.keysListCmd(), c.keysRevokeCmd())
	return cmd
}

// withKeys opens the key store of the data directory; a running server sees the change at once.
func (c *cli) withKeys(ctx context.Context, dataDir string, do func(app.Keys) error) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	override(&cfg, "", dataDir, "")
	keys, closeKeys, err := app.OpenKeys(ctx, cfg)
	if err != nil {
		return err
	}
	defer closeKeys()
	return do(keys)
}

func (c *cli) keysCreateCmd() *cobra.Command {
	var name, tenant, dataDir string
	var verbs, stores, groups []string
	cmd := &cobra.Command{
		Use: "create", Short: "Create a key and print it, once", Args: cobra.NoArgs,
		Example: "  groundwork keys create --name intranet --verbs ask\n  groundwork keys create --name loader --verbs ask,write --stores handbook --json\n" +
			"  groundwork keys create --name hr-assistant --group hr --group everybody",
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, v := range verbs {
				if !slices.Contains([]string{"ask", "write", "admin"}, v) {
					return fmt.Errorf("unknown verb %q; use ask, write or admin", v)
				}
			}
			return c.withKeys(cmd.Context(), dataDir, func(keys app.Keys) error {
				key, token, err := keys.CreateKey(cmd.Context(), rag.Key{Tenant: tenant, Name: name, Verbs: verbs, Stores: stores, Groups: groups})
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"id": key.ID, "tenant": key.Tenant, "name": key.Name, "verbs": key.Verbs, "stores": key.Stores, "groups": key.Groups, "key": token})
				}
				c.printf("%s\n", token)
				fmt.Fprintf(c.err, "key %s of tenant %q may %s; it is shown only now\n", key.ID, key.Tenant, strings.Join(key.Verbs, ", "))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what the key is for")
	cmd.Flags().StringVar(&tenant, "tenant", rag.DefaultTenant, "tenant the key belongs to")
	cmd.Flags().StringSliceVar(&verbs, "verbs", []string{"ask"}, "ask, write, admin")
	cmd.Flags().StringSliceVar(&stores, "stores", nil, "stores the key is limited to (names or ids); default: all of the tenant's")
	cmd.Flags().StringArrayVar(&groups, "group", nil, "group the key reads as: only documents that allow one of its groups; may be repeated; needs --verbs ask; default: everything")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "the server's data directory (server.data_dir)")
	return cmd
}

func (c *cli) keysListCmd() *cobra.Command {
	var dataDir, tenant string
	cmd := &cobra.Command{
		Use: "list", Short: "List keys (never their secrets)", Args: cobra.NoArgs, Example: "  groundwork keys list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withKeys(cmd.Context(), dataDir, func(keys app.Keys) error {
				list, err := keys.Keys(cmd.Context(), tenant)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(keyRows(list))
				}
				for _, k := range keyRows(list) {
					c.printf("%s  %-12s  %-16s  verbs=%s  stores=%s  groups=%s  created=%s  revoked=%s\n", k.ID, k.Tenant, k.Name,
						strings.Join(k.Verbs, ","), strings.Join(k.Stores, ","), strings.Join(k.Groups, ","), k.Created, k.Revoked)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", rag.DefaultTenant, "tenant whose keys")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "the server's data directory (server.data_dir)")
	return cmd
}

// keyRow is a key as it is printed.
type keyRow struct {
	ID      string   `json:"id"`
	Tenant  string   `json:"tenant"`
	Name    string   `json:"name"`
	Verbs   []string `json:"verbs"`
	Stores  []string `json:"stores"`
	Groups  []string `json:"groups,omitempty"`
	Created string   `json:"created"`
	Revoked string   `json:"revoked,omitempty"`
}

func keyRows(keys []rag.Key) []keyRow {
	rows := []keyRow{}
	for _, k := range keys {
		row := keyRow{ID: k.ID, Tenant: k.Tenant, Name: k.Name, Verbs: k.Verbs, Stores: k.Stores, Groups: k.Groups, Created: k.CreatedAt.UTC().Format(time.RFC3339)}
		if k.RevokedAt != nil {
			row.Revoked = k.RevokedAt.UTC().Format(time.RFC3339)
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *cli) keysRevokeCmd() *cobra.Command {
	var dataDir, tenant string
	cmd := &cobra.Command{
		Use: "revoke ID", Short: "Revoke a key; requests with it fail from now on", Args: cobra.ExactArgs(1), Example: "  groundwork keys revoke key_…",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withKeys(cmd.Context(), dataDir, func(keys app.Keys) error {
				if _, err := keys.RevokeKey(cmd.Context(), tenant, args[0]); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(map[string]any{"id": args[0], "revoked": true})
				}
				c.printf("%s is revoked\n", args[0])
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", rag.DefaultTenant, "tenant the key belongs to")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "the server's data directory (server.data_dir)")
	return cmd
}
