package local

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

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
	candidates, err := st.candidates(ctx, q, min(k, st.live()))
	if err != nil {
		return nil, err
	}
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

// candidates gives the rows that may be among the k best, highest upper bound first.
func (s *store) candidates(ctx context.Context, q query, k int) ([]candidate, error) {
	if k == 0 {
		return nil, nil
	}
	var (
		dots  [blockRows]int32
		out   []candidate
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
		bounds := s.bounds[first:min(first+blockRows, len(s.bounds))]
		dotRows(q.c, block, dots[:len(bounds)])
		for i, r := range bounds {
			near := float64(r.scale) * q.scale * float64(dots[i])
			off := float64(r.residual)*a + b
			if near+off < floor || !s.rows[first+i].live {
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

// rescore scores candidates exactly, in batches, best bound first.
func (x *Index) rescore(ctx context.Context, s *store, q query, candidates []candidate, k int) ([]rag.Hit, error) {
	if len(candidates) == 0 {
		return nil, nil
	}
	conn, err := x.read.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // gives it back to the pool
	stmt, err := conn.PrepareContext(ctx, `SELECT vector FROM vector WHERE id = ?`)
	if err != nil {
		return nil, err
	}
	defer stmt.Close() //nolint:errcheck // only read from
	top := best{k: k}
	for _, c := range candidates {
		if floor, ok := top.floor(); ok && c.upper < floor {
			break
		}
		r := s.rows[c.ordinal]
		score, err := exactScore(ctx, stmt, q, r.id)
		if err != nil {
			return nil, fmt.Errorf("vector of chunk %s: %w", r.chunk, err)
		}
		top.offer(rag.Hit{ChunkID: r.chunk, Score: score})
	}
	return top.sorted(), nil
}

func exactScore(ctx context.Context, stmt *sql.Stmt, q query, id int64) (float64, error) {
	rows, err := stmt.QueryContext(ctx, id)
	if err != nil {
		return 0, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	if !rows.Next() {
		return 0, cmp.Or(rows.Err(), sql.ErrNoRows)
	}
	var b sql.RawBytes
	if err := rows.Scan(&b); err != nil {
		return 0, err
	}
	return dotBytes(q.exact, b)
}
