package rag

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// chunks makes passages of the given ids; "a3" is chunk 3 of document a.
func chunks(ids ...string) []Passage {
	out := make([]Passage, len(ids))
	for i, id := range ids {
		out[i] = Passage{ChunkID: id, DocumentID: id[:1], Seq: int(id[1] - '0')}
	}
	return out
}

func fused(l legs, passages []Passage) (order []string, byID map[string]Ranked) {
	byID = map[string]Ranked{}
	for r := range fuse(l, passages, 0.7).all {
		order = append(order, r.Passage.ChunkID)
		byID[r.Passage.ChunkID] = r
	}
	return order, byID
}

func TestAWeakTextLegDoesNotOutrankMeaning(t *testing.T) {
	t.Parallel()
	l := legs{
		dense: []Hit{{"a0", 0.80}, {"b0", 0.60}},
		text:  []Hit{{"b0", 2}, {"a0", 0.5}}, // first in its leg, but only a tenth of what would match fully
		ideal: 20,
	}
	order, _ := fused(l, chunks("a0", "b0"))
	require.Equal(t, []string{"a0", "b0"}, order)
	l.text[0].Score = 18 // nearly every term of the question
	order, _ = fused(l, chunks("a0", "b0"))
	require.Equal(t, []string{"b0", "a0"}, order)
}

func TestAChunkThatOnlyTheTextLegFoundGetsTheLeastCosine(t *testing.T) {
	t.Parallel()
	l := legs{dense: []Hit{{"a0", 0.8}, {"b0", 0.5}}, text: []Hit{{"c0", 10}}, ideal: 10}
	_, byID := fused(l, chunks("a0", "b0", "c0"))
	require.InDelta(t, 0.5, byID["c0"].Dense, 1e-12)
	require.Zero(t, byID["c0"].DenseRank)
	require.Equal(t, 1, byID["c0"].TextRank)
}

func TestANeighboursScoreLifts(t *testing.T) {
	t.Parallel()
	l := legs{dense: []Hit{{"a1", 0.9}, {"b5", 0.7}, {"a2", 0.7}, {"c0", 0.5}}}
	order, byID := fused(l, chunks("c0", "a2", "b5", "a1"))
	require.Equal(t, []string{"a1", "a2", "b5", "c0"}, order, "a2 stands next to the best chunk")
	require.InDelta(t, (0.7*0.7+0.2*0.7*0.9)/1.2, byID["a2"].Score, 1e-12)
	require.InDelta(t, (0.7*0.7+0.2*0.7*0.5)/1.2, byID["b5"].Score, 1e-12, "without a neighbour: as with the weakest chunk found")
}

func TestFusionIsDeterministic(t *testing.T) {
	t.Parallel()
	l := legs{dense: []Hit{{"b0", 0.6}, {"a0", 0.6}}}
	for _, passages := range [][]Passage{chunks("a0", "b0"), chunks("b0", "a0")} {
		order, _ := fused(l, passages)
		require.Equal(t, []string{"a0", "b0"}, order, "ties go by id")
	}
	require.Empty(t, fuse(legs{}, nil, 0.7).scores)
}
