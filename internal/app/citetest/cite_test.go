// Package citetest plants mistakes in right answers and counts which of them the citations give away.
package citetest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// fixed is everything around the pipeline: it finds the given passages and says the given answer.
type fixed struct {
	passages []rag.Passage
	answer   string
}

func (f fixed) EmbedQuery(context.Context, string) ([]float32, error) { return []float32{1}, nil }

func (f fixed) EmbedSentences(_ context.Context, texts []string) ([][]float32, error) {
	return make([][]float32, len(texts)), nil
}

func (f fixed) Dense(context.Context, rag.Scope, []float32, int) ([]rag.Hit, error) {
	hits := make([]rag.Hit, len(f.passages))
	for i, p := range f.passages {
		hits[i] = rag.Hit{ChunkID: p.ChunkID, Score: 1 - float64(i)/100}
	}
	return hits, nil
}

func (f fixed) Text(context.Context, rag.Scope, []string, int) ([]rag.Hit, error) { return nil, nil }

func (f fixed) IDF(_ context.Context, _ rag.Scope, terms []string) ([]float64, error) {
	return make([]float64, len(terms)), nil
}

func (f fixed) Passages(context.Context, rag.Scope, []string) ([]rag.Passage, error) {
	return f.passages, nil
}

func (f fixed) Generate(_ context.Context, _ rag.Prompt, emit func(string) error) (rag.Usage, error) {
	return rag.Usage{FinishReason: "stop"}, emit(f.answer)
}

func (f fixed) CountTokens(_ context.Context, texts []string) ([]int, error) {
	return make([]int, len(texts)), nil
}

func (f fixed) Limits() rag.Limits {
	return rag.Limits{Model: "fixed", ContextTokens: 1 << 20, ContextBudget: 1 << 20}
}

// answered is the answer of it, cited.
func answered(tb testing.TB, it item) rag.Answer {
	tb.Helper()
	f := fixed{it.sources, it.answer}
	p := rag.Pipeline{Embedder: f, Searcher: f, Passages: f, Generator: f, Analyze: analyze.Terms,
		Options: rag.Options{Candidates: given, DenseWeight: 1, K: given, Abstain: rag.AbstainOff, MaxTokens: 100},
		About:   rag.About{Generation: func() int { return 1 }}}
	a, err := p.Ask(tb.Context(), rag.Question{Messages: []rag.Message{{Role: "user", Content: it.question}}}, func(rag.Delta) error { return nil })
	require.NoError(tb, err)
	return a
}

// flagged: some sentence is not fully supported.
func flagged(a rag.Answer) bool {
	for _, c := range a.Citations {
		if c.Verdict != rag.Supported {
			return true
		}
	}
	return len(a.Unsupported) > 0 || len(a.Citations) == 0
}
