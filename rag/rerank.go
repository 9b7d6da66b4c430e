package rag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Reranker judges passages by reading each together with the query, as a
// cross-encoder does. It is better than the search and too slow for more than the best of it.
type Reranker interface {
	// Rerank gives one score a text, in their order; higher is better, and scores
	// of different queries or models cannot be compared. On an error the order stays as it was.
	Rerank(ctx context.Context, query string, texts []string) ([]float64, error)
}

// Reranking says what a reranker did.
type Reranking struct {
	Model    string
	Passages int    // that it put into order; 0 when it failed
	Failed   string // why the fused order stayed; empty when it did not
}

// rerank puts the best of found into the reranker's order. A reranker that fails
// costs its time and no answer: the fused order stays. nil: there is no reranker.
func (p *Pipeline) rerank(ctx context.Context, query string, found ranking, watch *stopwatch) (ranking, *Reranking) {
	if p.Reranker == nil {
		return found, nil
	}
	did := &Reranking{Model: p.About.Reranker}
	texts := found.texts(p.Options.Rerank)
	if len(texts) < 2 {
		return found, did
	}
	watch.lap("judge") // what went before
	scores, err := p.Reranker.Rerank(ctx, query, texts)
	watch.lap("rerank")
	if err == nil && len(scores) != len(texts) {
		err = fmt.Errorf("%d scores for %d passages", len(scores), len(texts))
	}
	if err != nil {
		did.Failed = "The reranker failed; the server's log says why."
		if known := new(Error); errors.As(err, &known) {
			did.Failed = known.Message
		}
		return found, did
	}
	did.Passages = len(texts)
	return found.reranked(scores), did
}

// texts are the n best passages as a reranker reads them: with what says where they stand.
func (r ranking) texts(n int) []string {
	out := make([]string, min(n, len(r.scores)))
	for i := range out {
		p := r.passages[r.scores[i].at]
		if out[i] = p.Text; p.Header != "" {
			out[i] = p.Header + "\n" + p.Text
		}
	}
	return out
}

// reranked puts the first passages into the order of their scores, equal ones as they were; the others stay behind them.
func (r ranking) reranked(scores []float64) ranking {
	out := slices.Clone(r.scores)
	first := out[:len(scores)]
	for i := range first {
		first[i].rerank = scores[i]
	}
	slices.SortStableFunc(first, func(a, b score) int { return cmp.Compare(b.rerank, a.rerank) })
	for i := range first {
		first[i].rerankRank = i + 1
	}
	return ranking{out, r.passages}
}
