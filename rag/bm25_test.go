package rag_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestTermWeight(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 1, rag.TermWeight(1, 64), 1e-12, "once in a chunk of the mean length")
	require.Zero(t, rag.TermWeight(0, 64))
	require.Greater(t, rag.TermWeight(2, 64), rag.TermWeight(1, 64))
	require.Greater(t, rag.TermWeight(1, 20), rag.TermWeight(1, 64))
	require.Less(t, rag.TermWeight(1000, 1), 2.2)
	require.Equal(t, rag.TermWeight(255, 300), rag.TermWeight(256, 300))
	// A mean that is off by a fifth matters little.
	for _, length := range []int{10, 64, 120} {
		require.InEpsilon(t, rag.TermWeight(1, length), rag.TermWeight(1, length*6/5), 0.12)
	}
}

func TestTermIDF(t *testing.T) {
	t.Parallel()
	require.InDelta(t, math.Log(9.5/1.5), rag.TermIDF(10, 1), 1e-12)
	require.InDelta(t, 1e-6, rag.TermIDF(10, 9), 1e-12)
	require.InDelta(t, 1e-6, rag.TermIDF(0, 0), 1e-12)
	require.Greater(t, rag.TermIDF(10, 0), rag.TermIDF(10, 1))
}
