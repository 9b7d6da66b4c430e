package retrieval

import (
	"context"

	"groundwork/rag"
)

// judge is a reranker that remembers how it failed: an answer goes without it, a measurement must not.
type judge struct {
	rag.Reranker
	err error
}

func newJudge(r rag.Reranker) *judge { return &judge{Reranker: r} }

// Rerank implements rag.Reranker.
func (j *judge) Rerank(ctx context.Context, query string, texts []string) ([]float64, error) {
	scores, err := j.Reranker.Rerank(ctx, query, texts)
	if err != nil {
		j.err = err
	}
	return scores, err
}

// reranked are the passages found for each question with the reranker.
func (s *searcher) reranked(ctx context.Context, j *judge, top int) ([][]string, error) {
	s.pipeline.Reranker, s.pipeline.Options.Rerank = j, top
	var out [][]string
	for _, q := range s.set.Queries {
		found, err := s.hybrid(ctx, q.Text)
		if err != nil {
			return nil, err
		}
		if j.err != nil {
			return nil, j.err
		}
		out = append(out, found)
	}
	return out, nil
}
