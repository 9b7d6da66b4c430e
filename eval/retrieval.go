package eval

import (
	"cmp"
	"maps"
	"slices"
)

// The ways of finding passages that `eval retrieval` compares.
const (
	LegFTS5   = "fts5"   // SQLite's own: porter stems, unicode61, the passage's text alone
	LegBM25   = "bm25"   // the text leg
	LegDense  = "dense"  // the embedding leg
	LegRRF    = "rrf"    // both legs by reciprocal ranks, as most do it
	LegHybrid = "hybrid" // the product's own search
	LegRerank = "rerank" // the same with the configured reranker
)

// Legs in the order they are told in; LegRerank is there with a reranker only.
var Legs = []string{LegFTS5, LegBM25, LegDense, LegRRF, LegHybrid, LegRerank}

// LegFigures are means over questions, 0 to 1.
type LegFigures struct {
	NDCG10   float64 `json:"ndcg@10"`
	Recall5  float64 `json:"recall@5"` // share of a question's relevant passages that are among the first 5: Pass@5 of sets of code
	Recall10 float64 `json:"recall@10"`
	Recall20 float64 `json:"recall@20"`
	Any5     float64 `json:"any@5"` // any of them is
	Any10    float64 `json:"any@10"`
	Any20    float64 `json:"any@20"`
	MRR      float64 `json:"mrr"` // at 20
}

func (f LegFigures) add(o LegFigures, share float64) LegFigures {
	return LegFigures{
		f.NDCG10 + share*o.NDCG10, f.Recall5 + share*o.Recall5, f.Recall10 + share*o.Recall10, f.Recall20 + share*o.Recall20,
		f.Any5 + share*o.Any5, f.Any10 + share*o.Any10, f.Any20 + share*o.Any20, f.MRR + share*o.MRR,
	}
}

// SetReport tells how each leg does on one set.
type SetReport struct {
	Name     string                `json:"name"`
	Passages int                   `json:"passages"`
	Queries  int                   `json:"questions"`
	Legs     map[string]LegFigures `json:"legs"`
	// Against is hybrid's nDCG@10 less that of the leg, paired, with the 95 % interval.
	Against map[string]Difference `json:"hybrid_against"`
}

// RetrievalReport is what `eval retrieval` tells.
type RetrievalReport struct {
	Sets  []SetReport           `json:"sets"`
	Macro map[string]LegFigures `json:"macro"` // means over the sets
}

// interval is that of each comparison with a leg.
const interval = 0.95

// ScoreSet scores rankings of a set: for each leg the ids of the passages found for
// each question, best first, at least 20 where there are so many.
func ScoreSet(set Set, rankings map[string][][]string) SetReport {
	r := SetReport{Name: set.Name, Passages: len(set.Passages), Queries: len(set.Queries), Legs: map[string]LegFigures{}, Against: map[string]Difference{}}
	gains := map[string][]float64{}
	for leg, ranked := range rankings {
		var sum LegFigures
		for i, q := range set.Queries {
			f := figures(ranked[i], q.Relevant)
			sum = sum.add(f, 1/float64(len(set.Queries)))
			gains[leg] = append(gains[leg], f.NDCG10)
		}
		r.Legs[leg] = sum
	}
	for leg := range rankings {
		if leg != LegHybrid {
			r.Against[leg] = Paired(gains[leg], gains[LegHybrid], interval)
		}
	}
	return r
}

func figures(ranked []string, relevant map[string]float64) LegFigures {
	f := LegFigures{NDCG10: NDCG(ranked, relevant, 10), MRR: ReciprocalRank(ranked, relevant, 20)}
	for _, at := range []struct {
		k           int
		recall, any *float64
	}{{5, &f.Recall5, &f.Any5}, {10, &f.Recall10, &f.Any10}, {20, &f.Recall20, &f.Any20}} {
		if *at.recall = Recall(ranked, relevant, at.k); *at.recall > 0 {
			*at.any = 1
		}
	}
	return f
}

// BestLeg is the better one of the two legs that hybrid joins, by nDCG@10.
func (r SetReport) BestLeg() string {
	return slices.MaxFunc([]string{LegBM25, LegDense}, func(a, b string) int { return cmp.Compare(r.Legs[a].NDCG10, r.Legs[b].NDCG10) })
}

// Lost reports whether hybrid is significantly worse than its best leg; a handful of questions cannot tell.
func (r SetReport) Lost() bool { return r.Queries >= enough && r.Against[r.BestLeg()].Falls() }

// JoinSets adds the means over the sets.
func JoinSets(sets []SetReport) RetrievalReport {
	r := RetrievalReport{Sets: sets, Macro: map[string]LegFigures{}}
	for _, s := range sets {
		for leg := range maps.Keys(s.Legs) {
			r.Macro[leg] = r.Macro[leg].add(s.Legs[leg], 1/float64(len(sets)))
		}
	}
	return r
}

// Lost are the sets on which hybrid is significantly worse than its best leg.
func (r RetrievalReport) Lost() []string {
	var out []string
	for _, s := range r.Sets {
		if s.Lost() {
			out = append(out, s.Name)
		}
	}
	return out
}

// RRF joins rankings: the sum of 1/(60+rank) over those that hold an id.
//
// Source: Cormack, Clarke & Büttcher, Reciprocal Rank Fusion outperforms Condorcet, SIGIR 2009.
func RRF(rankings ...[]string) []string {
	scores := map[string]float64{}
	for _, ranked := range rankings {
		for i, id := range ranked {
			scores[id] += 1 / float64(60+i+1)
		}
	}
	return slices.SortedFunc(maps.Keys(scores), func(a, b string) int {
		return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b))
	})
}
