package rag_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// judges is a reranker that likes texts with a word.
type judges struct {
	word  string
	err   error
	extra int // scores too many
	asked [][]string
}

func (j *judges) Rerank(_ context.Context, _ string, texts []string) ([]float64, error) {
	j.asked = append(j.asked, texts)
	scores := make([]float64, len(texts)+j.extra)
	for i, text := range texts {
		scores[i] = -3
		if strings.Contains(text, j.word) {
			scores[i] = 4
		}
	}
	return scores, j.err
}

// reranked is a bundle whose reranker looks at three passages and likes those about dogs.
func reranked(t *testing.T, answer ...string) (bundle, *judges) {
	t.Helper()
	b, j := setup(t, answer...), &judges{word: "Dogs"}
	b.Reranker, b.Options.Rerank, b.About.Reranker = j, 3, "judges"
	return b, j
}

const mixed = "annual leave of up to 10 days, and dogs on Fridays"

func names(sources []rag.Source) (out []string) {
	for _, s := range sources {
		out = append(out, s.Passage.ChunkID)
	}
	return out
}

func TestTheRerankerOrdersTheBestPassages(t *testing.T) {
	t.Parallel()
	b, j := reranked(t, "30 days.")
	plain := setup(t, "30 days.")
	before, err := plain.Ask(t.Context(), ask(mixed), new(stream).emit)
	require.NoError(t, err)
	a, err := b.Ask(t.Context(), ask(mixed), new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, []string{"leave-00", "pets-00", "leave-01"}, names(before.Sources))
	require.Equal(t, []string{"pets-00", "leave-00", "leave-01"}, names(a.Sources), "equal scores keep the fused order")
	require.Len(t, j.asked[0], 3)
	require.True(t, slices.ContainsFunc(j.asked[0], func(text string) bool { return strings.HasPrefix(text, "pets > Rules\nDogs may") }), "with the header")
	require.Equal(t, &rag.Reranking{Model: "judges", Passages: 3}, a.Context.Reranking)
	require.Equal(t, "judges", a.Fingerprint.Reranker)
	require.Equal(t, before.Sources[1].Score, a.Sources[0].Score, "the score stays the fused one")
	stages := []string{}
	for _, lap := range a.Timings {
		stages = append(stages, lap.Stage)
	}
	require.Equal(t, []string{"embed", "search", "fuse", "judge", "rerank", "select"}, stages[:6])
	require.Nil(t, before.Context.Reranking)
	require.Empty(t, before.Fingerprint.Reranker)
}

func TestSearchTellsBothRanks(t *testing.T) {
	t.Parallel()
	b, _ := reranked(t)
	b.Options.Rerank = 2
	ranked, err := b.Search(t.Context(), rag.Scope{}, mixed, 4)
	require.NoError(t, err)
	require.Equal(t, "pets-00", ranked[0].Passage.ChunkID)
	require.Equal(t, 1, ranked[0].RerankRank)
	require.InDelta(t, 4, ranked[0].Rerank, 0)
	require.Equal(t, 2, ranked[1].RerankRank)
	require.InDelta(t, -3, ranked[1].Rerank, 0)
	require.Greater(t, ranked[1].Score, ranked[0].Score)
	for _, r := range ranked[2:] {
		require.Zero(t, r.RerankRank, "beyond those that it looks at")
	}
}

func TestARerankerThatFailsLeavesTheFusedOrder(t *testing.T) {
	t.Parallel()
	down := rag.Fail(rag.CodeUnavailable, "The reranking model server is down.")
	for says, j := range map[string]*judges{
		"The reranking model server is down.": {word: "Dogs", err: down},
		"The reranker failed":                 {word: "Dogs", err: errors.New("secret")},
		"log says why":                        {word: "Dogs", extra: 1},
	} {
		b, _ := reranked(t, "30 days.")
		b.Reranker = j
		a, err := b.Ask(t.Context(), ask(mixed), new(stream).emit)
		require.NoError(t, err)
		require.Equal(t, []string{"leave-00", "pets-00", "leave-01"}, names(a.Sources))
		require.Contains(t, a.Context.Reranking.Failed, says)
		require.NotContains(t, a.Context.Reranking.Failed, "secret")
		require.Zero(t, a.Context.Reranking.Passages)

		e, err := b.Explain(t.Context(), ask(mixed))
		require.NoError(t, err)
		require.Contains(t, e.Context.Reranking.Failed, says)

		ranked, err := b.Search(t.Context(), rag.Scope{}, mixed, 4)
		require.NoError(t, err)
		require.Equal(t, "leave-00", ranked[0].Passage.ChunkID)
		require.Zero(t, ranked[0].RerankRank)
	}
}

// The thresholds were made for the fused order: a reranker that prefers other passages must not move the decision.
func TestTheRerankerDoesNotDecideWhetherToAnswer(t *testing.T) {
	t.Parallel()
	b, j := reranked(t, "30 days.")
	j.word, b.Options.K = "travel desk", 1
	plain := setup(t, "30 days.")
	plain.Options.K = 1
	for _, abstain := range []rag.Abstain{rag.AbstainOff, rag.AbstainBalanced} {
		b.Options.Abstain, plain.Options.Abstain = abstain, abstain
		for _, question := range []string{"How many weeks of severance am I owed?", "annual leave days a year travel"} {
			want, err := plain.Ask(t.Context(), ask(question), new(stream).emit)
			require.NoError(t, err)
			got, err := b.Ask(t.Context(), ask(question), new(stream).emit)
			require.NoError(t, err)
			require.Equal(t, want.Evidence, got.Evidence)
			require.Equal(t, want.Abstained, got.Abstained)
		}
	}
	asked := len(j.asked)
	got, err := b.Ask(t.Context(), ask("How many weeks of severance am I owed?"), new(stream).emit)
	require.NoError(t, err)
	require.True(t, got.Abstained)
	require.Len(t, j.asked, asked, "what is not answered is not reranked")
	require.Nil(t, got.Context.Reranking)
}

func TestTheScoreThatAQuestionAsksForHoldsBesideAReranker(t *testing.T) {
	t.Parallel()
	b, _ := reranked(t, "30 days.")
	all, err := b.Ask(t.Context(), ask(mixed), new(stream).emit)
	require.NoError(t, err)
	q := ask(mixed)
	q.MinScore = all.Sources[0].Score + 1e-9 // pets-00 is first and has less than leave-00
	a, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, []string{"leave-00"}, names(a.Sources))
	require.Contains(t, a.Context.Dropped, rag.Dropped{ChunkID: "pets-00", Reason: "weak"})
}

func TestExplainShowsTheRerankedPrompt(t *testing.T) {
	t.Parallel()
	b, _ := reranked(t, "30 days.")
	e, err := b.Explain(t.Context(), ask(mixed))
	require.NoError(t, err)
	require.Equal(t, []string{"pets-00", "leave-00", "leave-01"}, names(e.Given))
	require.Equal(t, 3, e.Context.Reranking.Passages)
	ctx, cancel := context.WithCancel(t.Context())
	b.Reranker = givenUp{cancel}
	_, err = b.Explain(ctx, ask(mixed))
	require.ErrorIs(t, err, context.Canceled)
	ctx, cancel = context.WithCancel(t.Context())
	b.Reranker = givenUp{cancel}
	_, err = b.Search(ctx, rag.Scope{}, mixed, 3)
	require.ErrorIs(t, err, context.Canceled)
}

// givenUp is a reranker during whose work the question is given up.
type givenUp struct{ cancel context.CancelFunc }

func (g givenUp) Rerank(ctx context.Context, _ string, _ []string) ([]float64, error) {
	g.cancel()
	return nil, ctx.Err()
}
