package rag_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// filler is a sentence of n words about nothing that anybody asks.
func filler(n int) string { return "Gardens" + strings.Repeat(" bloom", n-1) + "." }

func TestATightBudgetKeepsTheSentencesThatBearOnTheQuestion(t *testing.T) {
	t.Parallel()
	b := setup(t, "You can carry over up to 10 days of annual leave.")
	carry, hours := "You can carry over up to 10 days of annual leave.", "Annual leave that you carry over ends in March."
	b.shelf.passages = []rag.Passage{
		passage("leave", 0, filler(90)+" "+carry+" "+filler(90)),
		passage("dates", 0, filler(80)+" "+hours+" "+filler(80)),
	}
	b.model.limits.ContextBudget = 200 // both are 180 words and more
	a, err := b.Ask(t.Context(), ask("How much annual leave can I carry over?"), new(stream).emit)
	require.NoError(t, err)
	require.Len(t, a.Sources, 2)
	prompt := b.model.seen[0].Messages[1].Content
	require.Contains(t, prompt, carry)
	require.Contains(t, prompt, hours)
	for _, s := range a.Sources {
		whole := b.shelf.passages[0]
		if s.Passage.DocumentID != whole.DocumentID {
			whole = b.shelf.passages[1]
		}
		require.Less(t, len(s.Passage.Text), len(whole.Text))
		text := []rune(whole.Text)
		require.Equal(t, s.Passage.Text, string(text[s.Passage.Start-whole.Start:s.Passage.End-whole.Start]), "an excerpt is a stretch of the passage")
	}
	require.Len(t, a.Citations, 1)
	require.Equal(t, carry, a.Citations[0].Quote)
	require.Empty(t, a.Context.Dropped)
}

func TestAWideBudgetLeavesPassagesWhole(t *testing.T) {
	t.Parallel()
	b := setup(t, "You can carry over up to 10 days.")
	a, err := b.Ask(t.Context(), ask("How much annual leave can I carry over?"), new(stream).emit)
	require.NoError(t, err)
	for _, s := range a.Sources {
		require.Contains(t, b.shelf.passages, s.Passage)
	}
}

func TestWhatCannotBeNarrowedIsGivenByRank(t *testing.T) {
	t.Parallel()
	b := setup(t, "Leave.")
	b.shelf.passages = []rag.Passage{
		passage("long", 0, "annual leave carry over "+strings.Repeat("leave ", 400)),
		passage("other", 0, "annual leave "+strings.Repeat("bloom ", 400)),
	}
	b.model.limits.ContextBudget = 200
	a, err := b.Ask(t.Context(), ask("annual leave carry over"), new(stream).emit)
	require.NoError(t, err)
	require.Len(t, a.Sources, 1, "never nothing: the judge decided on the best passage")
	require.Len(t, a.Context.Dropped, 1)
	require.Equal(t, "budget", a.Context.Dropped[0].Reason)
}
