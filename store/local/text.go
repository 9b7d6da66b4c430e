package local

import (
	"context"
	"fmt"
	"math"

	"groundwork/rag"
)

// BM25's constants and floor, as in SQLite's fts5_aux.c.
const (
	bm25K1   = 1.2
	bm25B    = 0.75
	floorIDF = 1e-6
)

// Text gives the k best by BM25, with the scores that FTS5's bm25() would
// give (positive here) for an OR of the distinct terms.
func (x *Index) Text(ctx context.Context, scope rag.Scope, terms []string, k int) ([]rag.Hit, error) {
	st := x.store(scope)
	if st == nil || k <= 0 {
		return nil, nil
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.broken != nil {
		return nil, fmt.Errorf("search text: %w", st.broken)
	}
	if st.live() == 0 {
		return nil, nil
	}
	sums := x.scratch.Get().(*accumulator)
	defer x.scratch.Put(sums)
	sums.reset(len(st.rows))
	mean := float64(st.tokens) / float64(st.live())
	for _, term := range distinct(terms) {
		postings, err := x.postings(ctx, st, term)
		if err != nil {
			return nil, fmt.Errorf("search text: %w", err)
		}
		weight := idf(st.live(), len(postings)) * (bm25K1 + 1)
		for _, p := range postings {
			row, count := p.ordinal(), float64(p.count())
			length := float64(st.rows[row].length)
			sums.add(row, weight*count/(count+bm25K1*(1-bm25B+bm25B*length/mean)))
		}
	}
	top := best{k: k}
	for _, ordinal := range sums.touched {
		score := sums.score[ordinal]
		if floor, full := top.floor(); full && score < floor {
			continue
		}
		top.offer(rag.Hit{ChunkID: st.rows[ordinal].chunk, Score: score})
	}
	return top.sorted(), nil
}

// IDF gives the weight of each term in the store, as Text uses it.
func (x *Index) IDF(ctx context.Context, scope rag.Scope, terms []string) ([]float64, error) {
	st := x.store(scope)
	if st == nil {
		st = newStore(0, scope, x.dim)
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.broken != nil {
		return nil, fmt.Errorf("weigh terms: %w", st.broken)
	}
	out := make([]float64, len(terms))
	for i, term := range terms {
		some := 0
		if encoded := encode(term); encoded != "" && st.live() > 0 {
			postings, err := x.postings(ctx, st, encoded)
			if err != nil {
				return nil, fmt.Errorf("weigh terms: %w", err)
			}
			some = len(postings)
		}
		out[i] = idf(st.live(), some)
	}
	return out, nil
}

// idf of a term that is in some of n chunks.
func idf(n, some int) float64 {
	return max(floorIDF, math.Log((float64(n-some)+0.5)/(float64(some)+0.5)))
}

// An accumulator sums the scores of rows. It is used again and again, because
// a fresh one for each search would keep the garbage collector busy.
type accumulator struct {
	score   []float64
	touched []uint32 // rows with a score
}

// reset makes room for n rows, all without a score.
func (a *accumulator) reset(n int) {
	for _, ordinal := range a.touched {
		a.score[ordinal] = 0
	}
	a.touched = a.touched[:0]
	if n > len(a.score) {
		a.score = make([]float64, n+n/4)
	}
}

// add adds a positive score.
func (a *accumulator) add(ordinal int, score float64) {
	if a.score[ordinal] == 0 {
		a.touched = append(a.touched, uint32(ordinal))
	}
	a.score[ordinal] += score
}
