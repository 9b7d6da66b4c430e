package local

import (
	"context"
	"fmt"

	"groundwork/rag"
)

// Text gives the k best by BM25 (rag.TermIDF and rag.TermWeight) for an OR of
// the distinct terms.
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
	for _, term := range distinct(terms) {
		postings, err := x.postings(ctx, st, term)
		if err != nil {
			return nil, fmt.Errorf("search text: %w", err)
		}
		idf := rag.TermIDF(st.live(), len(postings))
		for _, p := range postings {
			row := p.ordinal()
			sums.add(row, idf*rag.TermWeight(p.count(), int(st.rows[row].length)))
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
		out[i] = rag.TermIDF(st.live(), some)
	}
	return out, nil
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
