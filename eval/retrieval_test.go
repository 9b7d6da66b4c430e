package eval_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

// rankingsAt makes 40 questions whose one relevant passage stands at the given place (from 0) in each leg.
func rankingsAt(places map[string]func(question int) int) (eval.Set, map[string][][]string) {
	set, rankings := eval.Set{Name: "made"}, map[string][][]string{}
	for q := range 40 {
		set.Queries = append(set.Queries, eval.SetQuery{ID: fmt.Sprint(q), Relevant: map[string]float64{"good": 1}})
		for leg, place := range places {
			ranked := make([]string, 20)
			for i := range ranked {
				ranked[i] = fmt.Sprint("bad ", i)
			}
			ranked[place(q)] = "good"
			rankings[leg] = append(rankings[leg], ranked)
		}
	}
	return set, rankings
}

func always(n int) func(int) int { return func(int) int { return n } }

func TestScoreSet(t *testing.T) {
	t.Parallel()
	set, rankings := rankingsAt(map[string]func(int) int{
		eval.LegBM25: always(7), eval.LegDense: always(2), eval.LegHybrid: func(q int) int { return 2 - 2*(q%2) },
	})
	r := eval.ScoreSet(set, rankings)
	bm25, hybrid := r.Legs[eval.LegBM25], r.Legs[eval.LegHybrid]
	require.InDelta(t, 1/3.16992500144, bm25.NDCG10, 1e-9) // 1/log2(9)
	require.InDelta(t, 0, bm25.Recall5, 1e-9)
	require.InDelta(t, 1, bm25.Recall10, 1e-9)
	require.InDelta(t, 0, bm25.Any5, 1e-9)
	require.InDelta(t, 1, bm25.Any10, 1e-9)
	require.InDelta(t, 1, bm25.Any20, 1e-9)
	require.InDelta(t, 1.0/8, bm25.MRR, 1e-9)
	require.InDelta(t, 0.75, hybrid.NDCG10, 1e-9) // half at the first place, half at the third
	require.InDelta(t, (1+1.0/3)/2, hybrid.MRR, 1e-9)
	require.Equal(t, eval.LegDense, r.BestLeg())
	require.InDelta(t, 0.25, r.Against[eval.LegDense].Mean, 1e-9)
	require.False(t, r.Lost())
	require.True(t, r.Against[eval.LegDense].Rises())
}

func TestScoreSetSeesALoss(t *testing.T) {
	t.Parallel()
	set, rankings := rankingsAt(map[string]func(int) int{
		eval.LegBM25: always(9), eval.LegDense: always(1), eval.LegHybrid: func(q int) int { return 1 + q%2 },
	})
	lost := eval.ScoreSet(set, rankings)
	require.True(t, lost.Lost())
	won := lost
	won.Name, won.Against = "won", map[string]eval.Difference{eval.LegDense: {}}
	require.Equal(t, []string{"made"}, eval.JoinSets([]eval.SetReport{won, lost}).Lost())
}

func TestJoinSetsWeighsSetsAlike(t *testing.T) {
	t.Parallel()
	r := eval.JoinSets([]eval.SetReport{
		{Queries: 10, Legs: map[string]eval.LegFigures{eval.LegHybrid: {NDCG10: 0.4, MRR: 1}}},
		{Queries: 90, Legs: map[string]eval.LegFigures{eval.LegHybrid: {NDCG10: 0.8, MRR: 0.5}}},
	})
	require.InDelta(t, 0.6, r.Macro[eval.LegHybrid].NDCG10, 1e-9)
	require.InDelta(t, 0.75, r.Macro[eval.LegHybrid].MRR, 1e-9)
}

// a: 1/61 + 1/62; b: 1/62 + 1/61; c: 1/63. Ties go by id.
func TestRRF(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a", "b", "c"}, eval.RRF([]string{"a", "b", "c"}, []string{"b", "a"}))
	require.Equal(t, []string{"b", "a"}, eval.RRF([]string{"a"}, []string{"b"}, []string{"b"}))
	require.Empty(t, eval.RRF())
}
