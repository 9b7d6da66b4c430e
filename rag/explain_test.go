package rag_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestAnExplanationIsWhatAnAnswerIsMadeOf(t *testing.T) {
	t.Parallel()
	b := setup(t, "You can carry over up to 10 days of annual leave.")
	b.shelf.passages[1].Text = strings.Repeat("annual leave carry over ", 200) // fits no budget beside the first
	q := ask("How many days of annual leave can I carry over?")
	explained, err := b.Explain(t.Context(), q)
	require.NoError(t, err)
	require.Empty(t, b.model.seen, "no model is asked")
	a, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.False(t, explained.Abstains)
	require.Equal(t, b.model.seen[0].Messages, explained.Prompt)
	require.Equal(t, a.Sources, explained.Given)
	require.Equal(t, a.Context.Dropped, explained.Context.Dropped)
	require.Equal(t, a.Context.Budget, explained.Context.Budget)
	require.Equal(t, a.Fingerprint, explained.Fingerprint)
	var stages []string
	for _, lap := range explained.Timings {
		stages = append(stages, lap.Stage)
	}
	require.Equal(t, []string{"embed", "search", "fuse", "select"}, stages)
}

func TestAnExplanationLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t, "30 days.")
	q, other := ask("annual leave days"), ask("Which hotels may I book for a trip?")
	_, err := b.Explain(t.Context(), other)
	require.NoError(t, err)
	plain := setup(t, "30 days.")
	want, err := plain.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	got, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, want.Sources, got.Sources)
}

func TestAnAbstentionIsExplainedWithoutAPrompt(t *testing.T) {
	t.Parallel()
	b := setup(t, "never")
	b.Options.Abstain = rag.AbstainBalanced
	explained, err := b.Explain(t.Context(), ask("How many weeks of severance am I owed?"))
	require.NoError(t, err)
	require.True(t, explained.Abstains)
	require.Empty(t, explained.Prompt)
	require.NoError(t, explained.NoPrompt)
	require.NotEmpty(t, explained.Context.Dropped)
	require.Equal(t, "weak", explained.Context.Dropped[len(explained.Context.Dropped)-1].Reason)

	down := errors.New("down")
	b.shelf.err = down
	_, err = b.Explain(t.Context(), ask("annual leave"))
	require.ErrorIs(t, err, down)
}
