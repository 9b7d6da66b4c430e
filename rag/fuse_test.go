package rag

import (
	"fmt"
	"strings"
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
	for r := range fuse(l, passages, 0.7, strings.Fields).all {
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

func TestADocumentsEvidenceLiftsItsChunks(t *testing.T) {
	t.Parallel()
	passages := chunks("a0", "a5", "b0", "b5")
	passages[0].Text, passages[1].Text = "ledger close", "method"
	passages[2].Text, passages[3].Text = "other", "method"
	l := legs{
		dense: []Hit{{"b0", 0.7}, {"b5", 0.7}, {"a0", 0.7}, {"a5", 0.7}},
		terms: []string{"ledger", "method"}, idf: []float64{3, 1},
	}
	order, byID := fused(l, passages)
	require.Equal(t, []string{"a0", "a5", "b0", "b5"}, order, "the document that speaks of the ledger")
	// Half of a's chunks hold each term: 0.5/(0.5+0.3) of all weight; of b's chunks half hold the lighter one.
	a, b := (0.7*0.7+0.2*0.625)/1.2, (0.7*0.7+0.2*0.25*0.625)/1.2
	require.InDelta(t, (b+0.2*b)/1.2, byID["b0"].Score, 1e-12)
	require.InDelta(t, (a+0.2*b)/1.2, byID["a5"].Score, 1e-12, "without a neighbour: as with the weakest chunk found")
}

func TestOnlyTheBestChunksTellOfTheirDocument(t *testing.T) {
	t.Parallel()
	l := legs{terms: []string{"ledger"}, idf: []float64{1}}
	passages := make([]Passage, documentDepth+1)
	for i := range passages {
		passages[i] = Passage{ChunkID: fmt.Sprint(1000 + i), DocumentID: fmt.Sprint(i), Text: "ledger"}
		l.dense = append(l.dense, Hit{passages[i].ChunkID, 0.9 - float64(i)/1000})
	}
	_, byID := fused(l, passages)
	last := byID[passages[documentDepth].ChunkID]
	weakest := 0.7 * last.Dense / 1.2
	require.InDelta(t, weakest, last.Score, 1e-12)
	require.InDelta(t, ((0.7*0.9+0.2/1.3)/1.2+0.2*weakest)/1.2, byID["1000"].Score, 1e-12)
}

func TestFusionIsDeterministic(t *testing.T) {
	t.Parallel()
	l := legs{dense: []Hit{{"b0", 0.6}, {"a0", 0.6}}}
	for _, passages := range [][]Passage{chunks("a0", "b0"), chunks("b0", "a0")} {
		order, _ := fused(l, passages)
		require.Equal(t, []string{"a0", "b0"}, order, "ties go by id")
	}
	require.Empty(t, fuse(legs{}, nil, 0.7, strings.Fields).scores)
}
