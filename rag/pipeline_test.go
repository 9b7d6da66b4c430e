package rag_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestAskStreamsSourcesThenTextThenCites(t *testing.T) {
	t.Parallel()
	b := setup(t, "You can carry over", " up to 10 days [1]", " of annual leave.")
	var out stream
	a, err := b.Ask(t.Context(), ask("How many days of annual leave can I carry over?"), out.emit)
	require.NoError(t, err)

	require.NotEmpty(t, out.deltas[0].Sources)
	require.Equal(t, "How many days of annual leave can I carry over?", out.deltas[0].Query)
	require.Empty(t, out.deltas[0].Text)
	for _, d := range out.deltas[1:] {
		require.Nil(t, d.Sources)
	}
	require.Equal(t, "You can carry over up to 10 days of annual leave.", a.Text, "marks of the model are taken out")
	require.Equal(t, a.Text, out.text())
	require.Equal(t, "leave.md", a.Sources[0].Passage.Filename)

	require.Len(t, a.Citations, 1)
	c := a.Citations[0]
	require.Equal(t, rag.Supported, c.Verdict)
	require.Equal(t, "You can carry over up to 10 days of annual leave into the next year.", c.Quote)
	require.Empty(t, a.Unsupported)
	require.False(t, a.Abstained)
	require.Equal(t, rag.Fingerprint{Model: "test", Embedding: "words", IndexGeneration: 7, Prompt: rag.PromptVersion, Code: "v0"}, a.Fingerprint)
	require.Equal(t, 200, a.Context.PromptTokens)
}

func TestAnswersCarryNothingThatComesAlive(t *testing.T) {
	t.Parallel()
	b := setup(t, "Annual leave is 30 days.")
	b.Options.LinkHosts = []string{"docs.example"}
	b.model.pieces = []string{"Annual leave is 30 days! [a", "](https://docs.example/leave) ![", "x](https://evil.example/?q=30", ") <im", "g src=x"}
	out := new(stream)
	a, err := b.Ask(t.Context(), ask("How much annual leave is there?"), out.emit)
	require.NoError(t, err)
	require.Equal(t, "Annual leave is 30 days! [a](https://docs.example/leave) ! [x] (https: //evil.example/?q=30) < img src=x", a.Text)
	require.Equal(t, a.Text, out.text())
}

func TestAQuestionBoundsItsPassages(t *testing.T) {
	t.Parallel()
	b := setup(t, "Annual leave is 30 days.")
	b.Options.K = 3
	q := ask("annual leave hotels dogs")
	all, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Len(t, all.Sources, 3)
	q.Passages = 2
	two, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, all.Sources[:2], two.Sources)
	q.Passages, q.MinScore = 9, all.Sources[0].Score
	best, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, all.Sources[:1], best.Sources)
	require.Contains(t, best.Context.Dropped, rag.Dropped{ChunkID: all.Sources[1].Passage.ChunkID, Reason: "weak"})
	q.MinScore = 1
	none, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.True(t, none.Abstained)
}

func TestThePromptSaysWhoAsks(t *testing.T) {
	t.Parallel()
	b := setup(t, "Annual leave is 30 days.")
	q := ask("How much annual leave is there?")
	q.Caller = "acme/key_1"
	_, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, "acme/key_1", b.model.seen[0].Caller)
}

func TestEveryCitationIsAVerbatimSpanOfItsSource(t *testing.T) {
	t.Parallel()
	b := setup(t, "Annual leave is 30 days. Hotels cost at most 120 euros a night! Dogs may come on Fridays. Pigs fly to Mars.")
	b.Options.K = 4
	a, err := b.Ask(t.Context(), ask("annual leave hotels dogs"), new(stream).emit)
	require.NoError(t, err)
	require.NotEmpty(t, a.Citations)
	for _, c := range a.Citations {
		src := a.Sources[c.Source-1].Passage
		text := []rune(src.Text)
		require.Equal(t, c.Quote, string(text[c.Start-src.Start:c.End-src.Start]))
		require.Equal(t, src.DocumentID, c.DocumentID)
		require.LessOrEqual(t, c.AnswerEnd, len([]rune(a.Text)))
	}
	require.Len(t, a.Unsupported, 1)
	u := a.Unsupported[0]
	require.Equal(t, "Pigs fly to Mars.", string([]rune(a.Text)[u[0]:u[1]]))
}

func TestWeakEvidenceAbstainsBeforeTheModelIsAsked(t *testing.T) {
	t.Parallel()
	b := setup(t, "The severance is 12 weeks.")
	b.Options.Abstain = rag.AbstainBalanced
	var out stream
	a, err := b.Ask(t.Context(), ask("How many weeks of severance am I owed?"), out.emit)
	require.NoError(t, err)
	require.True(t, a.Abstained)
	require.Equal(t, rag.Abstention, a.Text)
	require.Equal(t, rag.Abstention, out.text())
	require.Equal(t, a.Nearest, out.deltas[0].Nearest)
	require.Empty(t, a.Sources)
	require.Empty(t, a.Citations)
	require.Equal(t, "How many weeks of severance am I owed?", a.Query)
	require.Empty(t, b.model.seen, "nothing was generated")
}

func TestQuestionChoosesItsOwnAbstentionAndBudget(t *testing.T) {
	t.Parallel()
	b := setup(t, "The severance is 12 weeks.")
	q := ask("How many weeks of severance am I owed?")
	q.Abstain = rag.AbstainStrict
	a, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.True(t, a.Abstained)

	b.Options.Abstain = rag.AbstainBalanced
	b.model.limits.ContextBudget = 1
	q.Abstain, q.Budget = rag.AbstainOff, 900
	a, err = b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.False(t, a.Abstained)
	require.Equal(t, 900, a.Context.Budget)
	require.Len(t, a.Sources, 3, "all that were found fit")
}

func TestAnIsolatedQuestionStandsAlone(t *testing.T) {
	t.Parallel()
	const second = "How long ahead do leave requests go to the manager, for annual leave?"
	order := func(before string, isolated bool) (chunks []string, anew bool) {
		b := setup(t, "30 days.")
		if before != "" {
			_, err := b.Ask(t.Context(), ask(before), new(stream).emit)
			require.NoError(t, err)
		}
		q := ask(second)
		q.Isolated = isolated
		a, err := b.Ask(t.Context(), q, new(stream).emit)
		require.NoError(t, err)
		for i, s := range a.Sources {
			require.Equal(t, i+1, s.Index)
			chunks = append(chunks, s.Passage.ChunkID)
		}
		return chunks, b.model.seen[len(b.model.seen)-1].Isolated
	}
	alone, _ := order("", false)
	after, anew := order("How many days of annual leave carry over into the next year, and is sick leave limited?", false)
	require.NotEqual(t, alone, after, "an earlier prompt has a part in the order")
	require.False(t, anew)
	isolated, anew := order("How many days of annual leave carry over into the next year, and is sick leave limited?", true)
	require.Equal(t, alone, isolated)
	require.True(t, anew, "the model server is told")
}

func TestAnswerThatOnlyDeclinesIsAnAbstention(t *testing.T) {
	t.Parallel()
	b := setup(t, "The passages do not mention how many cats may come.")
	a, err := b.Ask(t.Context(), ask("How many cats may come to the office?"), new(stream).emit)
	require.NoError(t, err)
	require.True(t, a.Abstained)
	require.Empty(t, a.Citations)
	require.NotEmpty(t, a.Nearest)
}

func TestBudgetDropsByRankAndSaysSo(t *testing.T) {
	t.Parallel()
	b := setup(t, "30 days.")
	b.model.limits.ContextBudget = 1 // slower than anything: the least room is still given
	a, err := b.Ask(t.Context(), ask("annual leave days"), new(stream).emit)
	require.NoError(t, err)
	require.NotEmpty(t, a.Sources)

	b.shelf.passages[1].Text = strings.Repeat("the office has rooms of every size and kind ", 80)
	a, err = b.Ask(t.Context(), ask("May dogs come to the Lisbon office on Fridays?"), new(stream).emit)
	require.NoError(t, err)
	require.Contains(t, a.Context.Dropped, rag.Dropped{ChunkID: "leave-01", Reason: "budget"})
	for _, s := range a.Sources {
		require.NotEqual(t, "leave-01", s.Passage.ChunkID)
	}
}

func TestQuestionThatFillsTheWindowIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, "never")
	b.model.limits.ContextTokens = 220
	_, err := b.Ask(t.Context(), ask("annual leave"), new(stream).emit)
	require.Equal(t, rag.CodeTooLong, rag.CodeOf(err))
	require.Empty(t, b.model.seen)
}

func TestNearDuplicatesAreDropped(t *testing.T) {
	t.Parallel()
	b := setup(t, "30 days.")
	again := b.shelf.passages[0]
	again.ChunkID, again.DocumentID = "copy-00", "file-copy"
	b.shelf.passages = append(b.shelf.passages, again)
	ranked, err := b.Search(t.Context(), rag.Scope{}, "annual leave days", 3)
	require.NoError(t, err)
	dropped := 0
	for _, r := range ranked {
		if r.Dropped == "duplicate" {
			dropped++
		}
	}
	require.Equal(t, 1, dropped)
}

func TestErrorsOfTheModelAndTheClientAreReturned(t *testing.T) {
	t.Parallel()
	down := rag.Fail(rag.CodeUnavailable, "the model server is down")
	b := setup(t, "You can ")
	b.model.err = down
	_, err := b.Ask(t.Context(), ask("annual leave"), new(stream).emit)
	require.ErrorIs(t, err, down)

	gone := errors.New("client hung up")
	_, err = setup(t, "You can ").Ask(t.Context(), ask("annual leave"), (&stream{fail: gone}).emit)
	require.ErrorIs(t, err, gone)

	b = setup(t)
	b.shelf.err = down
	_, err = b.Ask(t.Context(), ask("annual leave"), new(stream).emit)
	require.ErrorIs(t, err, down)

	_, err = b.Ask(t.Context(), rag.Question{Messages: []rag.Message{{Role: "system", Content: "be brief"}}}, new(stream).emit)
	require.Equal(t, rag.CodeInvalid, rag.CodeOf(err))
}

func TestEmptyStoreAbstains(t *testing.T) {
	t.Parallel()
	b := setup(t, "never")
	b.shelf.passages = nil
	b.Options.Abstain = rag.AbstainOff
	a, err := b.Ask(t.Context(), ask("annual leave"), new(stream).emit)
	require.NoError(t, err)
	require.True(t, a.Abstained)
}

func TestFollowUpIsSearchedWithTheQuestionBefore(t *testing.T) {
	t.Parallel()
	b := setup(t, "Two weeks.")
	q := ask("")
	q.Messages = []rag.Message{{Role: "user", Content: "How do I request leave?"}, {Role: "assistant", Content: "Ask your manager."}, {Role: "user", Content: "How long before it?"}}
	a, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, "How do I request leave? How long before it?", a.Query)

	q.Messages[2].Content = "Which hotels may be booked through the travel desk?"
	a, err = b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	require.Equal(t, q.Messages[2].Content, a.Query)
}

func TestPromptIsStable(t *testing.T) {
	t.Parallel()
	b := setup(t, "30 days.")
	q := ask("How many days of annual leave?")
	q.Messages = append([]rag.Message{{Role: "system", Content: "Answer in French."}}, q.Messages...)
	_, err := b.Ask(t.Context(), q, new(stream).emit)
	require.NoError(t, err)
	p := b.model.seen[0]
	require.Equal(t, "system", p.Messages[0].Role)
	user := p.Messages[1].Content
	require.True(t, strings.HasPrefix(user, "Passages:\n\n[1] leave > Rules\nAnnual leave is 30 days a year."), user)
	require.True(t, strings.HasSuffix(user, "Question: How many days of annual leave?\n\nHow to write: Answer in French."), user)
	require.Equal(t, 100, p.Sampling.MaxTokens)
	require.Zero(t, *p.Sampling.Temperature)
}

func TestFusionDoesNotLetAWeakTextLegOutrankAStrongDenseOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ranked, err := b.Search(t.Context(), rag.Scope{}, "dogs on Fridays in the Lisbon office", 2)
	require.NoError(t, err)
	require.Equal(t, "pets-00", ranked[0].Passage.ChunkID)
	require.Equal(t, 1, ranked[0].DenseRank)
	require.Equal(t, 1, ranked[0].TextRank)
	require.LessOrEqual(t, ranked[0].Score, 1.0)
}

func TestAnswerFromACutPromptSaysSo(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		b := setup(t, "You can carry over up to 10 days.")
		b.model.cuts = cut
		a, err := b.Ask(t.Context(), ask("How much annual leave can I carry over?"), new(stream).emit)
		require.NoError(t, err)
		require.Equal(t, cut, a.Context.Cut)
	}
}
