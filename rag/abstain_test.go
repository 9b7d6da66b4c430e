package rag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestCalibrationOfAStoreMovesTheThreshold(t *testing.T) {
	t.Parallel()
	b := setup(t, "The severance is 12 weeks.")
	b.About.Embedding = "bge/1"
	q := ask("How many weeks of severance am I owed?")
	answered := func(a rag.Abstain, c *rag.Calibration) (bool, rag.Evidence) {
		b.Options.Abstain = a
		q.Calibration = c
		out, err := b.Ask(t.Context(), q, new(stream).emit)
		require.NoError(t, err)
		explained, err := b.Explain(t.Context(), q)
		require.NoError(t, err)
		if a != rag.AbstainOff {
			require.Equal(t, out.Evidence, explained.Evidence)
			require.Equal(t, out.Abstained, explained.Abstains)
		}
		return !out.Abstained, out.Evidence
	}
	own := &rag.Calibration{Balanced: -0.5, Strict: 0.99, Embedding: "bge/1"}

	ok, evidence := answered(rag.AbstainBalanced, nil)
	require.False(t, ok)
	require.InDelta(t, 0.65, evidence.Threshold, 1e-12)
	require.Less(t, evidence.Strength, 0.65)
	ok, evidence = answered(rag.AbstainBalanced, own)
	require.True(t, ok)
	require.InDelta(t, -0.5, evidence.Threshold, 1e-12)
	ok, evidence = answered(rag.AbstainStrict, own)
	require.False(t, ok)
	require.InDelta(t, 0.99, evidence.Threshold, 1e-12)
	ok, evidence = answered(rag.AbstainOff, own)
	require.True(t, ok)
	require.InDelta(t, -1, evidence.Threshold, 1e-12)

	other := *own
	other.Embedding = "bge/2"
	ok, evidence = answered(rag.AbstainBalanced, &other)
	require.False(t, ok, "made with another embedding model: the cosines are others")
	require.InDelta(t, 0.65, evidence.Threshold, 1e-12)
}

func TestCalibrationIn(t *testing.T) {
	t.Parallel()
	require.Equal(t, &rag.Calibration{Balanced: 0.6, Strict: 0.7, Embedding: "bge"},
		rag.CalibrationIn(map[string]string{rag.CalibrationKey: `{"balanced":0.6,"strict":0.7,"embedding":"bge","questions":60}`}))
	for _, none := range []map[string]string{nil, {"other": "{}"}, {rag.CalibrationKey: "0.6"}, {rag.CalibrationKey: `{"balanced":0.6}`}} {
		require.Nil(t, rag.CalibrationIn(none))
	}
}
