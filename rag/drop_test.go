package rag_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestUnsupportedSentencesAreLeftOutOfTheStream(t *testing.T) {
	t.Parallel()
	whole := "Annual leave is 30 days a year. Pigs fly to Mars on Mondays. Sick leave is not limited."
	for _, size := range []int{1, 3, 7, len(whole)} {
		var pieces []string
		for rest := whole; rest != ""; {
			n := min(size, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		b := setup(t, pieces...)
		b.Options.Unsupported = rag.DropUnsupported
		var out stream
		a, err := b.Ask(t.Context(), ask("How much annual leave and sick leave is there?"), out.emit)
		require.NoError(t, err)
		require.Equal(t, "Annual leave is 30 days a year. Sick leave is not limited.", a.Text)
		require.Equal(t, a.Text, out.text())
		require.Equal(t, 1, a.DroppedSentences)
		require.Empty(t, a.Unsupported)
		require.Len(t, a.Citations, 2)
	}
}

func TestAnAnswerOfWhichNothingIsLeftIsAnAbstention(t *testing.T) {
	t.Parallel()
	b := setup(t, "Pigs fly to Mars on Mondays.")
	b.Options.Unsupported = rag.DropUnsupported
	var out stream
	a, err := b.Ask(t.Context(), ask("How much annual leave is there?"), out.emit)
	require.NoError(t, err)
	require.True(t, a.Abstained)
	require.Equal(t, rag.Abstention, a.Text)
	require.Equal(t, rag.Abstention, strings.TrimSpace(out.text()))
	require.Equal(t, 1, a.DroppedSentences)
}

func TestFlaggedSentencesStay(t *testing.T) {
	t.Parallel()
	b := setup(t, "Annual leave is 30 days a year. Pigs fly to Mars on Mondays.")
	a, err := b.Ask(t.Context(), ask("How much annual leave is there?"), new(stream).emit)
	require.NoError(t, err)
	require.Contains(t, a.Text, "Pigs")
	require.Len(t, a.Unsupported, 1)
	require.Zero(t, a.DroppedSentences)
}
