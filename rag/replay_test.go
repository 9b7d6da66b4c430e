package rag_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// kept is a after it was written down and read again.
func kept(t *testing.T, q rag.Question, a rag.Answer) rag.Kept {
	t.Helper()
	raw, err := json.Marshal(rag.Kept{Scope: q.Scope, Sent: a.Sent, Answer: a})
	require.NoError(t, err)
	var k rag.Kept
	require.NoError(t, json.Unmarshal(raw, &k))
	return k
}

func TestAnAnswerIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, "You can carry over up to 10 days", " of annual leave [1].")
	q := ask("How many days of annual leave can I carry over?")
	a, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	k := kept(t, q, a)
	again, err := b.Replay(t.Context(), k)
	require.NoError(t, err)
	require.True(t, again.Same)
	require.Empty(t, again.Differences)
	require.Equal(t, a.Text, again.Now.Text)
	require.Equal(t, a.Citations, again.Now.Citations)
	require.Equal(t, b.model.seen[0].Messages, b.model.seen[1].Messages)
	require.Equal(t, b.model.seen[0].Sampling, b.model.seen[1].Sampling)
}

func TestWhatDiffersIsSaid(t *testing.T) {
	t.Parallel()
	b := setup(t, "You can carry over up to 10 days of annual leave.")
	q := ask("How many days of annual leave can I carry over?")
	warm := 0.7
	q.Sampling.Temperature = &warm
	a, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	k := kept(t, q, a)
	b.model.pieces, b.model.limits.Model, b.About.Code = []string{"You can carry over up to 9 days of annual leave."}, "other", "v1"
	b.shelf.passages[0].Text = "Annual leave is 31 days a year."
	again, err := b.Replay(t.Context(), k)
	require.NoError(t, err)
	require.False(t, again.Same)
	said := map[string]rag.Difference{}
	for _, d := range again.Differences {
		said[d.What] = d
	}
	require.Equal(t, rag.Difference{What: "text", Then: a.Text, Now: again.Now.Text}, said["text"])
	require.Equal(t, rag.Difference{What: "model", Then: "test", Now: "other"}, said["model"])
	require.Equal(t, rag.Difference{What: "code", Then: "v0", Now: "v1"}, said["code"])
	require.Contains(t, said, "citations")
	require.Contains(t, said, "sampling")
	require.Equal(t, "Annual leave is 31 days a year.", said["passage 1 of leave.md"].Now)
	require.NotContains(t, said, "embedding")
}

func TestAnAbstentionIsMadeAgainWithoutAModel(t *testing.T) {
	t.Parallel()
	b := setup(t, "never")
	b.Options.Abstain = rag.AbstainBalanced
	q := ask("How many weeks of severance am I owed?")
	a, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	again, err := b.Replay(t.Context(), kept(t, q, a))
	require.NoError(t, err)
	require.True(t, again.Same)
	require.True(t, again.Now.Abstained)
	require.Empty(t, b.model.seen)
}
