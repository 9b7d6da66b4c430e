package llm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"

	"groundwork/rag"
)

// scorer sends a request and lets accept look at the reply, whose error speaks against the server.
type scorer func(req *http.Request, accept func(reply []byte) error) error

// score asks in the dialect that is known to work, and in the other one when a server lacks the route.
func (r *Reranker) score(ctx context.Context, query string, texts []string, send scorer) ([]float64, error) {
	tei := r.tei.Load()
	scores, err := r.ask(ctx, tei, query, texts, send)
	switch status(err) {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnprocessableEntity:
		if other, failed := r.ask(ctx, !tei, query, texts, send); failed == nil {
			r.tei.Store(!tei)
			return other, nil
		}
	}
	return scores, err
}

func (r *Reranker) ask(ctx context.Context, tei bool, query string, texts []string, send scorer) (scores []float64, err error) {
	address, body := anyServer+"/rerank", map[string]any{"model": r.opts.Model, "query": query, "documents": texts, "top_n": len(texts), "return_documents": false}
	if tei {
		address, body = strings.TrimSuffix(anyServer, "/v1")+"/rerank", map[string]any{"query": query, "texts": texts, "truncate": true}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	err = send(req, func(reply []byte) error {
		var bad error
		if scores, bad = inPlace(reply, len(texts)); bad != nil {
			return r.pool.badScores(bad)
		}
		return nil
	})
	return scores, err
}

// inPlace reads the scores of a reply into the order of the texts. Each text must have one, and only one.
func inPlace(raw []byte, want int) ([]float64, error) {
	type item struct {
		Index     *int     `json:"index"`
		Relevance *float64 `json:"relevance_score"`
		Score     *float64 `json:"score"`
	}
	var reply struct {
		Results []item `json:"results"`
	}
	into := any(&reply)
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) { // TEI's
		into = &reply.Results
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	if len(reply.Results) != want {
		return nil, fmt.Errorf("%d scores for %d texts", len(reply.Results), want)
	}
	out, seen := make([]float64, want), make([]bool, want)
	for _, r := range reply.Results {
		if r.Index == nil || *r.Index < 0 || *r.Index >= want || seen[*r.Index] {
			return nil, fmt.Errorf("an index is missing, is there twice, or is not one of %d texts", want)
		}
		score := cmp.Or(r.Relevance, r.Score)
		if score == nil || math.IsNaN(*score) || math.IsInf(*score, 0) {
			return nil, fmt.Errorf("text %d has no score", *r.Index)
		}
		seen[*r.Index], out[*r.Index] = true, *score
	}
	return out, nil
}

func (c speaker) badScores(err error) error {
	return c.fail(rag.CodeUnavailable, err, "The reranking model server sent something that is no set of scores; check llm.rerank.base_url and the server's log.")
}
