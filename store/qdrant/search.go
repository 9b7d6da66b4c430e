package qdrant

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	qc "github.com/qdrant/go-client/qdrant"

	"groundwork/rag"
)

const (
	maxReadings = 8  // of the index for one search, while publications come in between
	maxDropped  = 60 // editions that one query leaves out by name
	slack       = 16 // hits more than asked for, to see where a tie ends
	// float32Error is how far Qdrant's score may be from the sum in float64.
	float32Error = 2e-6
)

// statistics of a store, and the generation they belong to.
type statistics struct {
	chunks, generation int
	holding            []int // one a term
}

func (x *Index) statistics(ctx context.Context, scope rag.Scope, terms []uint32) (s statistics, err error) {
	s.chunks, s.holding, s.generation, err = x.ledger.Frequencies(ctx, scope, terms)
	if err != nil {
		return statistics{}, wrap("read the index's ledger", err)
	}
	for seen := x.seen.Load(); int64(s.generation) > seen && !x.seen.CompareAndSwap(seen, int64(s.generation)); {
		seen = x.seen.Load()
	}
	return s, nil
}

// Dense gives the nearest, with scores summed in float64 from the vectors as
// they were upserted. Stores of up to exactUpTo chunks are scanned, larger ones
// searched along their graph, unless the scope is narrowed: a graph that is walked
// past points out of scope may end too early.
func (x *Index) Dense(ctx context.Context, scope rag.Scope, vector []float32, k int) ([]rag.Hit, error) {
	if err := checkVector(vector, x.opts.Dimensions); err != nil {
		return nil, err
	}
	hits, err := x.stable(ctx, scope, nil, k, func(statistics) *query {
		return &query{
			x: x, scope: scope, k: k, margin: float32Error,
			request: &qc.QueryPoints{
				Query: qc.NewQueryDense(vector), Using: qc.PtrOf(denseVector),
				WithVectors: qc.NewWithVectorsInclude(denseVector),
				Params: &qc.SearchParams{
					HnswEf: qc.PtrOf(uint64(max(hnswEf, 4*k))), Quantization: x.rescoring(), //nolint:gosec // k > 0
					Exact: qc.PtrOf(scope.Only != nil),
				},
			},
			score: func(p *qc.ScoredPoint) (float64, bool) {
				stored := vectorOf(p.GetVectors(), denseVector).GetDenseVector().GetData()
				if len(stored) != len(vector) {
					return float64(p.GetScore()), true
				}
				return dot(vector, stored), true
			},
		}
	})
	return hits, wrap("search vectors", err)
}

func (x *Index) rescoring() *qc.QuantizationSearchParams {
	if !x.opts.Quantise {
		return nil
	}
	return &qc.QuantizationSearchParams{Rescore: qc.PtrOf(true), Oversampling: qc.PtrOf(2.0)}
}

// Text gives the k best by BM25: the points hold each term's weight in its chunk,
// the query brings the IDF from the store's own statistics.
func (x *Index) Text(ctx context.Context, scope rag.Scope, terms []string, k int) ([]rag.Hit, error) {
	dimensions := dimensionsOf(terms)
	hits, err := x.stable(ctx, scope, dimensions, k, func(s statistics) *query {
		var indices []uint32
		var values []float32
		for i, d := range dimensions {
			if s.holding[i] > 0 {
				indices, values = append(indices, d), append(values, float32(rag.TermIDF(s.chunks, s.holding[i])))
			}
		}
		if len(indices) == 0 {
			return nil
		}
		return &query{
			x: x, scope: scope, k: k,
			request: &qc.QueryPoints{Query: qc.NewQuerySparse(indices, values), Using: qc.PtrOf(textVector)},
			score: func(p *qc.ScoredPoint) (float64, bool) {
				return float64(p.GetScore()), p.GetScore() > 0
			},
		}
	})
	return hits, wrap("search text", err)
}

// IDF gives the weight of each term in the store, as Text uses it.
func (x *Index) IDF(ctx context.Context, scope rag.Scope, terms []string) ([]float64, error) {
	dimensions := make([]uint32, len(terms))
	for i, term := range terms {
		dimensions[i] = dimension(term)
	}
	s, err := x.statistics(ctx, scope, dimensions)
	if err != nil {
		return nil, wrap("weigh terms", err)
	}
	out := make([]float64, len(terms))
	for i, term := range terms {
		holding := s.holding[i]
		if term == "" {
			holding = 0
		}
		out[i] = rag.TermIDF(s.chunks, holding)
	}
	return out, nil
}

// dimensionsOf a query's terms, each once, in order.
func dimensionsOf(terms []string) []uint32 {
	all := map[uint32]bool{}
	for _, term := range terms {
		if term != "" {
			all[dimension(term)] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// stable reads until no publication came between the statistics and the end of
// the reading, or until two readings are equal: see the package's comment. ask
// gives nil when nothing can be found.
func (x *Index) stable(ctx context.Context, scope rag.Scope, terms []uint32, k int, ask func(statistics) *query) ([]rag.Hit, error) {
	if k <= 0 {
		return nil, nil
	}
	var last []rag.Hit
	for reading := range maxReadings {
		before, err := x.statistics(ctx, scope, terms)
		if err != nil {
			return nil, err
		}
		var hits []rag.Hit
		var q *query
		if before.chunks > 0 {
			q = ask(before)
		}
		if q != nil {
			if hits, err = q.run(ctx); err != nil {
				return nil, err
			}
		}
		after, err := x.statistics(ctx, scope, nil)
		if err != nil {
			return nil, err
		}
		if after.generation == before.generation {
			if q != nil && len(hits) == 0 && scope.Only == nil { // the ledger names chunks that the query must find
				return nil, missing(errors.New("the ledger counts chunks and the collection holds none of them"))
			}
			return hits, nil
		}
		if reading > 0 && slices.Equal(hits, last) {
			return hits, nil
		}
		last = hits
	}
	return last, nil
}

// query is one reading: as many queries as it takes to have k hits that are
// searchable, and to be sure that no other ties with the last one.
type query struct {
	x       *Index
	scope   rag.Scope
	k       int
	margin  float64 // how far a score of Qdrant may be from score's
	request *qc.QueryPoints
	score   func(*qc.ScoredPoint) (score float64, is bool)
}

func (q *query) run(ctx context.Context) ([]rag.Hit, error) {
	limit := min(q.k+slack, maxLimit)
	var dropped []edition
	for {
		points, err := q.ask(ctx, limit, dropped)
		if err != nil {
			return nil, err
		}
		stale, kept, err := q.stale(ctx, points, dropped)
		if err != nil {
			return nil, err
		}
		if len(kept) < len(dropped) { // an edition that was left out has become the searchable one
			dropped = kept
			continue
		}
		if more := len(stale); more > 0 && len(dropped)+more <= maxDropped {
			dropped = append(dropped, stale...)
			continue
		}
		hits := q.hits(points, stale)
		if limit == maxLimit || len(points) < limit || q.settled(hits, points) {
			return hits[:min(q.k, len(hits))], nil
		}
		limit = min(4*limit, maxLimit)
	}
}

// settled tells that no point beyond those that came can be among the k best.
func (q *query) settled(hits []rag.Hit, points []*qc.ScoredPoint) bool {
	last := float64(points[len(points)-1].GetScore())
	return len(hits) >= q.k && hits[q.k-1].Score > last+q.margin
}

func (q *query) ask(ctx context.Context, limit int, dropped []edition) ([]*qc.ScoredPoint, error) {
	r := q.request
	r.CollectionName, r.Limit = q.x.collection, qc.PtrOf(uint64(limit)) //nolint:gosec // positive
	r.WithPayload = qc.NewWithPayloadInclude(fieldDocument, fieldVersion)
	r.Filter = within(q.scope, append(narrowing(q.scope.Only), live(true))...)
	for _, e := range dropped {
		r.Filter.MustNot = append(r.Filter.MustNot, qc.NewFilterAsCondition(
			&qc.Filter{Must: []*qc.Condition{document(e.document), version(e.version)}}))
	}
	points, err := call(ctx, q.x, q.x.opts.SearchTimeout, func(ctx context.Context) ([]*qc.ScoredPoint, error) {
		return q.x.client.Query(ctx, r)
	})
	return points, wrap("query", err)
}

// stale gives the editions among the points that are not the searchable ones, and
// those of the dropped ones that still are not.
func (q *query) stale(ctx context.Context, points []*qc.ScoredPoint, dropped []edition) (stale, kept []edition, err error) {
	editions, documents := map[edition]bool{}, map[string]bool{}
	for _, p := range points {
		editions[editionOf(p.GetPayload())] = true
	}
	for e := range editions {
		documents[e.document] = true
	}
	for _, e := range dropped {
		documents[e.document] = true
	}
	if len(documents) == 0 {
		return nil, nil, nil
	}
	searchable, err := q.x.ledger.Searchable(ctx, q.scope, slices.Collect(maps.Keys(documents)))
	if err != nil {
		return nil, nil, wrap("read the index's ledger", err)
	}
	isStale := func(e edition) bool {
		v, ok := searchable[e.document]
		return !ok || v != e.version
	}
	for e := range editions {
		if isStale(e) {
			stale = append(stale, e)
		}
	}
	for _, e := range dropped {
		if isStale(e) {
			kept = append(kept, e)
		}
	}
	return stale, kept, nil
}

// hits are the points without those of stale editions, best first.
func (q *query) hits(points []*qc.ScoredPoint, stale []edition) []rag.Hit {
	hits := make([]rag.Hit, 0, len(points))
	for _, p := range points {
		if score, is := q.score(p); is && !slices.Contains(stale, editionOf(p.GetPayload())) {
			hits = append(hits, rag.Hit{ChunkID: p.GetId().GetUuid(), Score: score})
		}
	}
	slices.SortFunc(hits, func(a, b rag.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ChunkID, b.ChunkID))
	})
	return hits
}
