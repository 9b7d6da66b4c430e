package local

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"groundwork/rag"
)

// Dense gives exactly what a scan of all vectors in float64 would give.
//
// With v = v̂ + r (v̂ from one byte a dimension, r the residual) and
// q = q̂ + e, the true score ⟨q,v⟩ = ⟨q̂,v̂⟩ + ⟨e,v̂⟩ + ⟨q,r⟩, so it differs from the
// integer product ⟨q̂,v̂⟩ by at most |q|·|r| + |e|·(|v|+|r|). Whatever can reach the
// k-th best lower bound is a candidate; the candidates are scored from the
// stored float32 in the order of their upper bounds, until none can get in.
func (x *Index) Dense(ctx context.Context, scope rag.Scope, vector []float32, k int) ([]rag.Hit, error) {
	if err := checkVector(vector, x.dim); err != nil {
		return nil, err
	}
	st := x.store(scope)
	if st == nil || k <= 0 {
		return nil, nil
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	if st.broken != nil {
		return nil, fmt.Errorf("search vectors: %w", st.broken)
	}
	q := newQuery(vector, st.stride)
	room := x.room.Get().(*[]candidate)
	defer x.room.Put(room)
	in := x.selection(st, scope.Only)
	candidates, err := st.candidates(ctx, q, search{k: min(k, st.size(in)), in: in}, (*room)[:0])
	if err != nil {
		return nil, err
	}
	*room = candidates
	hits, err := x.rescore(ctx, st, q, candidates, k)
	if err != nil {
		return nil, fmt.Errorf("search vectors: %w", err)
	}
	return hits, nil
}

type candidate struct {
	ordinal int
	upper   float64 // the true score is not above it
}

// slack covers the rounding of float64 in bounds and scores.
const slack = 1e-9

// A search is how many rows are wanted, and of which.
type search struct {
	k  int // not more than there are in in
	in *selection
}

// candidates appends the rows that may be among the k best to out, which is
// empty, and sorts it: highest upper bound first.
func (s *store) candidates(ctx context.Context, q query, want search, out []candidate) ([]candidate, error) {
	k := want.k
	if k == 0 {
		return out, nil
	}
	var (
		dots  [blockRows]int32
		lower = lowest{k: k, a: make([]float64, 0, k)}
		floor = math.Inf(-1)
		limit = 8*k + blockRows // of out, before it is pruned
		// The error is residual*a + b.
		a = q.norm + q.loss
		b = q.loss*maxNorm + slack
	)
	for n, block := range s.blocks {
		if n%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		first := n * blockRows
		if want.in.lacks(n) {
			continue
		}
		bounds := s.bounds[first:min(first+blockRows, len(s.bounds))]
		dotRows(q.c, block, dots[:len(bounds)])
		for i, r := range bounds {
			near := float64(r.scale) * q.scale * float64(dots[i])
			off := float64(r.residual)*a + b
			if near+off < floor || !s.rows[first+i].live() || !want.in.has(first+i) {
				continue
			}
			out = append(out, candidate{ordinal: first + i, upper: near + off})
			if lower.offer(near - off); lower.full() {
				floor = lower.a[0]
			}
		}
		if len(out) > limit {
			out = slices.DeleteFunc(out, func(c candidate) bool { return c.upper < floor })
			limit = max(limit, 2*len(out))
		}
	}
	out = slices.DeleteFunc(out, func(c candidate) bool { return c.upper < floor })
	slices.SortFunc(out, func(a, b candidate) int { return cmp.Compare(b.upper, a.upper) })
	return out, nil
}

// rescore scores candidates exactly, in batches, best bounds first.
func (x *Index) rescore(ctx context.Context, s *store, q query, candidates []candidate, k int) ([]rag.Hit, error) {
	top := best{k: k, hits: make(worstFirst, 0, min(k, len(candidates)))}
	for batch := range slices.Chunk(candidates, rescoreBatch) {
		if floor, ok := top.floor(); ok && batch[0].upper < floor {
			break
		}
		if err := x.offer(ctx, s, q, batch, &top); err != nil {
			return nil, err
		}
	}
	return top.sorted(), nil
}

// rescoreBatch is how many vectors are read at once: one by one, the calls
// cost more than the reading.
const rescoreBatch = 32

var vectorQuery = `SELECT id, vector FROM vector WHERE id IN (?` + strings.Repeat(`, ?`, rescoreBatch-1) + `)`

// vectorOverhead is about what a kept vector costs besides its bytes.
const vectorOverhead = 128

// offer scores one batch: vectors used lately from memory, the others from the
// file. The caller holds the store's lock, so none is removed meanwhile.
func (x *Index) offer(ctx context.Context, s *store, q query, batch []candidate, top *best) error {
	missing := make([]int64, 0, rescoreBatch)
	for _, c := range batch {
		row := &s.rows[c.ordinal]
		vector, ok := x.kept(row.id)
		if !ok {
			missing = append(missing, row.id)
			continue
		}
		score, err := dotBytes(q.exact, vector)
		if err != nil {
			return fmt.Errorf("vector %d: %w", row.id, err)
		}
		top.offer(rag.Hit{ChunkID: row.chunk, Score: score})
	}
	if len(missing) == 0 {
		return nil
	}
	return x.offerRead(ctx, s, q, missing, top)
}

// kept looks for a vector in memory. That it was used is noted one time in
// eight: what is used often stays all the same, and noting costs more than looking.
func (x *Index) kept(id int64) ([]byte, bool) {
	if rand.Uint32()%8 == 0 { //nolint:gosec // no secret hangs on it
		return x.exact.Get(id)
	}
	return x.exact.Peek(id)
}

// offerRead scores vectors that are read from the file, and keeps them.
func (x *Index) offerRead(ctx context.Context, s *store, q query, missing []int64, top *best) error {
	ids := make([]any, rescoreBatch)
	for i := range ids { // what is missing is filled with the last one
		ids[i] = missing[min(i, len(missing)-1)]
	}
	rows, err := x.vectors.QueryContext(ctx, ids...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var id int64
		var vector []byte
		if err := rows.Scan(&id, &vector); err != nil {
			return err
		}
		score, err := dotBytes(q.exact, vector)
		if err != nil {
			return fmt.Errorf("vector %d: %w", id, err)
		}
		x.exact.Add(id, vector)
		top.offer(rag.Hit{ChunkID: s.rows[s.ordinal(id, 0)].chunk, Score: score})
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != len(missing) {
		return fmt.Errorf("%d of %d vectors are not in the file", len(missing)-n, len(missing))
	}
	return nil
}
