package tune

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"groundwork/rag/analyze"
)

const (
	sameQuestion = 0.8  // shared share of the terms of two questions that ask the same
	sameMeaning  = 0.95 // cosine of two questions about the same words of a document
	embedBatch   = 32
)

// embedAll embeds texts in batches; nil without an embedder.
func embedAll(ctx context.Context, embed Embed, texts []string, done func(int)) ([][]float32, error) {
	if embed == nil {
		return nil, nil
	}
	out := make([][]float32, 0, len(texts))
	for batch := range slices.Chunk(texts, embedBatch) {
		vectors, err := embed(ctx, batch)
		if err != nil {
			return nil, err
		}
		out = append(out, vectors...)
		done(len(out))
	}
	return out, nil
}

func termSets(texts []string) []map[string]bool {
	out := make([]map[string]bool, len(texts))
	for i, t := range texts {
		out[i] = set(analyze.Terms(t))
	}
	return out
}

// overlap is the share of all terms of both that both have.
func overlap(a, b map[string]bool) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	both := shared(a, b)
	return float64(both) / float64(len(a)+len(b)-both)
}

// cosine of two vectors of unit length; 0 when there are none.
func cosine(vectors [][]float32, i, j int) float64 {
	if vectors == nil {
		return 0
	}
	return dot(vectors[i], vectors[j])
}

func dot(a, b []float32) float64 {
	var sum float64
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// nearness ranks passages by how near they are to a passage and a question:
// by the words they share, the rarer the more, and by meaning where there are vectors.
type nearness struct {
	terms   []map[string]bool
	idf     map[string]float64
	vectors [][]float32
}

func newNearness(texts []string, vectors [][]float32) *nearness {
	n := &nearness{terms: termSets(texts), idf: map[string]float64{}, vectors: vectors}
	for _, terms := range n.terms {
		for term := range terms {
			n.idf[term]++
		}
	}
	for term, df := range n.idf {
		n.idf[term] = math.Log(1 + float64(len(texts))/df)
	}
	return n
}

// nearest are the passages nearest to question and to the passage at gold, best first, without gold.
func (n *nearness) nearest(question string, gold int) []int {
	asked := slices.Sorted(maps.Keys(set(analyze.Terms(question))))
	var ideal float64
	for _, term := range asked {
		ideal += n.idf[term]
	}
	type scored struct {
		at    int
		score float64
	}
	all := make([]scored, 0, len(n.terms))
	for at, terms := range n.terms {
		if at == gold {
			continue
		}
		var s float64
		for _, term := range asked {
			if terms[term] {
				s += n.idf[term]
			}
		}
		all = append(all, scored{at, s/math.Max(ideal, 1e-9) + cosine(n.vectors, gold, at)})
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	out := make([]int, len(all))
	for i, s := range all {
		out[i] = s.at
	}
	return out
}
