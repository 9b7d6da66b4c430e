package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) searchCmd() *cobra.Command {
	var store, dataDir, model string
	var k int
	var only []string
	var explain bool
	cmd := &cobra.Command{
		Use: "search QUERY", Short: "Show which passages a question finds, and why", Args: cobra.MinimumNArgs(1),
		Long: "search prints the passages in their order: fused score, rank and score in the dense and the text leg\n(and by the reranker, where there is one), and what was dropped and why. --explain adds what an answer would be made of: evidence, budget, the prompt\nas it would be sent, timings and the fingerprint. No model is asked.",
		Example: "  groundwork search --store handbook \"carry over leave\"\n  groundwork search --store handbook -k 10 --json \"carry over leave\"\n" +
			"  groundwork search --store handbook --explain \"carry over leave\"\n" +
			"  groundwork search --store handbook --filter team=hr --filter 'year>=2025' \"carry over leave\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			filter, err := filters(only)
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			api, stop, err := c.connectReady(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer stop()
			query := map[string]any{"query": strings.Join(args, " "), "store": store, "k": k, "explain": true, "filters": filter}
			return c.search(cmd, api, query, explain)
		},
	}
	cmd.Flags().StringVarP(&store, "store", "s", "documents", "store to search")
	cmd.Flags().IntVarP(&k, "top-k", "k", 5, "passages")
	cmd.Flags().BoolVar(&explain, "explain", false, "show what an answer would be made of, with the prompt")
	cmd.Flags().StringArrayVar(&only, "filter", nil, "search only documents that fit: name=value (also !=, >, >=, <, <=), or a filter as JSON; all of several must hold")
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

// ranked is one passage of POST /v1/search.
type ranked struct {
	Rank       *int     `json:"rank"`
	DocumentID string   `json:"document_id"`
	Filename   string   `json:"filename"`
	ChunkID    string   `json:"chunk_id"`
	Start      int      `json:"start"`
	End        int      `json:"end"`
	Page       *int     `json:"page"`
	Heading    []string `json:"heading"`
	Text       string   `json:"text"`
	Score      float64  `json:"score"`
	DenseRank  *int     `json:"dense_rank"`
	Dense      float64  `json:"dense_score"`
	TextRank   *int     `json:"text_rank"`
	TextScore  float64  `json:"text_score"`
	RerankRank *int     `json:"rerank_rank,omitempty"`
	Rerank     *float64 `json:"rerank_score,omitempty"`
	Dropped    *string  `json:"dropped"`

	Attributes map[string]any `json:"attributes,omitempty"`
}

func (c *cli) search(cmd *cobra.Command, api *client, query map[string]any, explain bool) error {
	var reply struct {
		Query string   `json:"query"`
		Store string   `json:"store"`
		Data  []ranked `json:"data"`

		Evidence    evidence     `json:"evidence"`
		Explanation *explanation `json:"explanation,omitempty"`
	}
	if err := api.call(cmd.Context(), http.MethodPost, "/v1/search", query, &reply); err != nil {
		return err
	}
	if !explain {
		reply.Explanation = nil
	}
	if c.json {
		return c.printJSON(reply)
	}
	if len(reply.Data) == 0 {
		c.printf("nothing was found in store %q\n", query["store"])
		return nil
	}
	c.printf("rank  fused  dense         text          passage\n")
	for _, r := range reply.Data {
		c.printf("%4s  %.3f  %-12s  %-12s  %s", place(r.Rank), r.Score, leg(r.DenseRank, r.Dense), leg(r.TextRank, r.TextScore), where(r.Filename, r.Heading, r.Page))
		if r.RerankRank != nil && r.Rerank != nil {
			c.printf("  (reranked %s)", leg(r.RerankRank, *r.Rerank))
		}
		if r.Dropped != nil {
			c.printf("  (dropped: %s)", *r.Dropped)
		}
		c.printf("\n")
		if r.Dropped == nil {
			c.printf("%s\n\n", indent(excerpt(r.Text, 300), "      "))
		}
	}
	if reply.Explanation != nil {
		c.explain(reply.Evidence, *reply.Explanation, reply.Data)
	}
	return nil
}

func where(filename string, heading []string, page *int) string {
	parts := append([]string{filename}, heading...)
	out := strings.Join(parts, " › ")
	if page != nil {
		out += fmt.Sprintf(", page %d", *page)
	}
	return out
}

func place(n *int) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprintf("%d", *n)
}

func leg(rank *int, score float64) string {
	if rank == nil {
		return "–"
	}
	return fmt.Sprintf("#%d %.3f", *rank, score)
}

// excerpt is the first n characters of text on one line.
func excerpt(text string, n int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= n {
		return string(runes)
	}
	return string(runes[:n]) + "…"
}

func indent(text, by string) string { return by + strings.ReplaceAll(text, "\n", "\n"+by) }
