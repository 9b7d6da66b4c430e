package rag_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// shelf is a tiny library, index and embedder in memory: cosine over words.
type shelf struct {
	passages []rag.Passage
	err      error
}

// passage makes a passage of document doc; its offsets start at 100.
func passage(doc string, seq int, text string) rag.Passage {
	start := 100 + 1000*seq
	return rag.Passage{ChunkID: fmt.Sprintf("%s-%02d", doc, seq), DocumentID: "file-" + doc, Filename: doc + ".md", Seq: seq,
		Start: start, End: start + len([]rune(text)), Heading: []string{"Rules"}, Header: doc + " > Rules", Text: text}
}

const buckets = 64

func vector(text string) []float32 {
	v := make([]float32, buckets)
	for _, t := range analyze.Terms(text) {
		h := 0
		for _, r := range t {
			h = h*31 + int(r)
		}
		v[(h%buckets+buckets)%buckets]++
	}
	norm := float32(0)
	for _, x := range v {
		norm += x * x
	}
	for i := range v {
		if norm > 0 {
			v[i] /= sqrt(norm)
		}
	}
	return v
}

func sqrt(x float32) float32 {
	z := float32(1)
	for range 30 {
		z = (z + x/z) / 2
	}
	return z
}

func (s *shelf) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	return vector(text), s.err
}

func (s *shelf) EmbedSentences(_ context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, text := range texts {
		out[i] = vector(text)
	}
	return out, s.err
}

func (s *shelf) Dense(_ context.Context, scope rag.Scope, q []float32, k int) ([]rag.Hit, error) {
	return s.rank(scope, k, func(p rag.Passage) float64 {
		dot := float32(0)
		for i, x := range vector(p.Text) {
			dot += x * q[i]
		}
		return float64(dot)
	}), nil
}

func (s *shelf) Text(_ context.Context, scope rag.Scope, terms []string, k int) ([]rag.Hit, error) {
	return s.rank(scope, k, func(p rag.Passage) float64 {
		n := 0.0
		for _, t := range analyze.Terms(p.Text) {
			if slices.Contains(terms, t) {
				n++
			}
		}
		return n
	}), nil
}

func (s *shelf) IDF(_ context.Context, _ rag.Scope, terms []string) ([]float64, error) {
	out := make([]float64, len(terms))
	for i := range out {
		out[i] = 1
	}
	return out, nil
}

func (s *shelf) rank(scope rag.Scope, k int, score func(rag.Passage) float64) []rag.Hit {
	var hits []rag.Hit
	for _, p := range s.passages {
		get := func(key string) (any, bool) { v, ok := p.Attributes[key]; return v, ok }
		if x := score(p); x > 0 && scope.Only.Match(get, nil) {
			hits = append(hits, rag.Hit{ChunkID: p.ChunkID, Score: x})
		}
	}
	slices.SortFunc(hits, func(a, b rag.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ChunkID, b.ChunkID))
	})
	return hits[:min(k, len(hits))]
}

func (s *shelf) Unknown(_ context.Context, _ rag.Scope, keys []string) (unknown, known []string, err error) {
	has := map[string]bool{}
	for _, p := range s.passages {
		for key := range p.Attributes {
			has[key] = true
		}
	}
	return slices.DeleteFunc(keys, func(key string) bool { return has[key] }), slices.Sorted(maps.Keys(has)), s.err
}

func (s *shelf) Passages(_ context.Context, _ rag.Scope, ids []string) ([]rag.Passage, error) {
	var out []rag.Passage
	for _, id := range ids {
		for _, p := range s.passages {
			if p.ChunkID == id {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// model is a scripted chat model: it says its pieces, then fails with err.
type model struct {
	cuts   bool // it read less than it was sent
	pieces []string
	err    error
	limits rag.Limits
	seen   []rag.Prompt
}

func (m *model) Generate(_ context.Context, p rag.Prompt, emit func(string) error) (rag.Usage, error) {
	m.seen = append(m.seen, p)
	for _, piece := range m.pieces {
		if err := emit(piece); err != nil {
			return rag.Usage{}, err
		}
	}
	return rag.Usage{PromptTokens: 200, CompletionTokens: len(m.pieces), FinishReason: "stop", Cut: m.cuts}, m.err
}

func (m *model) CountTokens(_ context.Context, texts []string) ([]int, error) {
	out := make([]int, len(texts))
	for i, t := range texts {
		out[i] = len(strings.Fields(t))
	}
	return out, nil
}

func (m *model) Limits() rag.Limits { return m.limits }

type bundle struct {
	*rag.Pipeline
	shelf *shelf
	model *model
}

func setup(t *testing.T, answer ...string) bundle {
	t.Helper()
	s := &shelf{passages: []rag.Passage{
		passage("leave", 0, "Annual leave is 30 days a year. You can carry over up to 10 days of annual leave into the next year. Sick leave is not limited."),
		passage("leave", 1, "Leave requests go to your manager at least two weeks ahead."),
		passage("travel", 0, "Travel must be booked through the travel desk. Hotels cost at most 120 euros a night."),
		passage("pets", 0, "Dogs may come to the Lisbon office on Fridays."),
	}}
	m := &model{pieces: answer, limits: rag.Limits{Model: "test", ContextTokens: 4096, ContextBudget: 600}}
	return bundle{shelf: s, model: m, Pipeline: &rag.Pipeline{
		Embedder: s, Searcher: s, Passages: s, Vocabulary: s, Generator: m, Analyze: analyze.Terms,
		Options: rag.Options{Candidates: 20, DenseWeight: 0.7, K: 3, Abstain: rag.AbstainOff, MaxTokens: 100},
		About:   rag.About{Embedding: "words", Generation: func() int { return 7 }, Code: "v0"},
	}}
}

func ask(text string) rag.Question {
	return rag.Question{ID: "ans_1", Scope: rag.Scope{Tenant: "default", Store: "vs_1"}, Messages: []rag.Message{{Role: "user", Content: text}}}
}

// stream collects what was emitted.
type stream struct {
	deltas []rag.Delta
	fail   error
}

func (s *stream) emit(d rag.Delta) error {
	s.deltas = append(s.deltas, d)
	return s.fail
}

func (s *stream) text() string {
	var b strings.Builder
	for _, d := range s.deltas {
		b.WriteString(d.Text)
	}
	return b.String()
}
