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
	lists := make([]weighted, 0, len(terms))
	for _, term := range distinct(terms) {
		postings, err := x.postings(ctx, st, term)
		if err != nil {
			return nil, fmt.Errorf("search text: %w", err)
		}
		lists = append(lists, weighted{postings, rag.TermIDF(st.live(), len(postings))})
	}
	sums := x.scratch.Get().(*accumulator)
	defer x.scratch.Put(sums)
	sums.reset(len(st.rows))
	want := search{k: k, in: x.selection(st, scope.Only)}
	if !sums.addSome(st, lists, want) {
		sums.reset(len(st.rows))
		for _, l := range lists {
			sums.addAll(st, l, want.in)
		}
	}
	return sums.best(st, k), nil
}

// weighted is the posting list of a term with the term's weight.
type weighted struct {
	postings []posting
	idf      float64
}

// least is the weight of a term that half of all chunks hold.
var least = rag.TermIDF(1, 1)

// most is the largest part of a score that a term of weight 1 can give.
var most = rag.TermWeight(maxCount, 0)

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
	asked   []bool   // rows that addSome looks at
	touched []uint32 // rows with a score
}

// reset makes room for n rows, all without a score.
func (a *accumulator) reset(n int) {
	for _, ordinal := range a.touched {
		a.score[ordinal], a.asked[ordinal] = 0, false
	}
	a.touched = a.touched[:0]
	if n > len(a.score) {
		a.score, a.asked = make([]float64, n+n/4), make([]bool, n+n/4)
	}
}

// addAll adds a term's part to every row that holds it and is in the selection.
func (a *accumulator) addAll(st *store, l weighted, in *selection) {
	for _, p := range l.postings {
		row := p.ordinal()
		if !in.has(row) {
			continue
		}
		if a.score[row] == 0 {
			a.touched = append(a.touched, uint32(row))
		}
		a.score[row] += l.idf * rag.TermWeight(p.count(), int(st.rows[row].length))
	}
}

// addSome scores only rows that can be among the k best. Terms that half of
// the chunks hold have the longest lists and the least weight: where k rows get
// more from the other terms than those can give together, rows that hold none
// of the others need not be looked at. It reports whether that was so. Sums are
// those of addAll to the bit: the order in which parts are added is the same.
func (a *accumulator) addSome(st *store, lists []weighted, want search) bool {
	var common float64 // what the common terms can give
	for _, l := range lists {
		if l.idf <= least {
			common += l.idf * most
		} else {
			a.addAll(st, l, want.in)
		}
	}
	if common == 0 {
		return true
	}
	enough := 0
	for _, row := range a.touched {
		if a.score[row] > common*(1+slack) {
			enough++
		}
	}
	if enough < want.k {
		return false
	}
	for _, row := range a.touched {
		a.score[row], a.asked[row] = 0, true
	}
	for _, l := range lists {
		for _, p := range l.postings {
			if row := p.ordinal(); a.asked[row] {
				a.score[row] += l.idf * rag.TermWeight(p.count(), int(st.rows[row].length))
			}
		}
	}
	return true
}

// best gives the k best rows.
func (a *accumulator) best(st *store, k int) []rag.Hit {
	top := best{k: k, hits: make(worstFirst, 0, min(k, len(a.touched)))}
	for _, ordinal := range a.touched {
		score := a.score[ordinal]
		if floor, full := top.floor(); full && score < floor {
			continue
		}
		top.offer(rag.Hit{ChunkID: st.rows[ordinal].chunk, Score: score})
	}
	return top.sorted()
}
