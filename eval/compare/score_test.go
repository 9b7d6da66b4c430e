package compare

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/rag"
)

// cited is an answer that is right and has all that the headline score asks for.
func cited(id string) eval.Outcome {
	return eval.Outcome{ID: id, Known: true, Answered: true, Answer: "30 days.", Right: true, Cited: true, CitationsResolved: 1, CitationPrecision: 1, CitationRecall: 0.5,
		Sources: []string{"leave.md:0-40"}, Cites: []eval.Cite{{Path: "leave.md", Quote: "30 days"}}, FirstMs: 1000, TotalMs: 4000, Tokens: eval.Tokens{Prompt: 500, Completion: 20},
		Fingerprint: eval.Fingerprint{Model: "m", Prompt: "answer-1"}}
}

func refusal(id string, known bool) eval.Outcome {
	return eval.Outcome{ID: id, Known: known, Answered: true, Answer: rag.Abstention, Refused: true, FirstMs: 10, TotalMs: 20, Fingerprint: eval.Fingerprint{Model: "m", Prompt: "answer-1"}}
}

func TestGood(t *testing.T) {
	t.Parallel()
	require.True(t, Good(cited("1")))
	require.True(t, Good(refusal("1", false)))
	require.False(t, Good(refusal("1", true)), "wrongly refused")
	for name, spoil := range map[string]func(*eval.Outcome){
		"wrong": func(o *eval.Outcome) { o.Right = false }, "not cited": func(o *eval.Outcome) { o.Cited, o.CitationsResolved = false, 0 },
		"half resolved": func(o *eval.Outcome) { o.CitationsResolved = 0.5 }, "unsupported": func(o *eval.Outcome) { o.Unsupported = 1 },
		"nothing to answer": func(o *eval.Outcome) { o.Known = false }, "refused with the right words": func(o *eval.Outcome) { o.Refused = true },
	} {
		o := cited("1")
		spoil(&o)
		require.False(t, Good(o), name)
	}
}

// The intervals were worked out by hand from Wilson's formula.
func TestRatesHaveWilsonsInterval(t *testing.T) {
	t.Parallel()
	of := func(n, hits int) Rate {
		outcomes := make([]eval.Outcome, n)
		for i := range hits {
			outcomes[i].Right = true
		}
		return rate(outcomes, func(eval.Outcome) bool { return true }, func(o eval.Outcome) bool { return o.Right })
	}
	for _, c := range []struct {
		n, hits   int
		low, high float64
	}{{10, 8, 0.4901625, 0.9433178}, {10, 0, 0, 0.2775328}, {10, 10, 0.7224672, 1}, {1, 1, 0.2065493, 1}, {0, 0, 0, 0}} {
		r := of(c.n, c.hits)
		require.InDelta(t, c.low, r.Low, 1e-6, "%d of %d", c.hits, c.n)
		require.InDelta(t, c.high, r.High, 1e-6, "%d of %d", c.hits, c.n)
	}
	require.Equal(t, "80 % (49–94)", of(10, 8).told())
	require.Equal(t, "–", of(0, 0).told())
}

func TestFigures(t *testing.T) {
	t.Parallel()
	wrongAnswer := cited("3")
	wrongAnswer.Right, wrongAnswer.CitationsResolved, wrongAnswer.Unsupported = false, 0.5, 1
	false1 := cited("5")
	false1.Known, false1.Right = false, false
	f := figures([]eval.Outcome{cited("1"), refusal("2", true), wrongAnswer, refusal("4", false), false1})
	require.Equal(t, 5, f.Questions)
	for name, c := range map[string]struct {
		rate  Rate
		n, of int
	}{
		"score": {f.Score, 2, 5}, "right": {f.Right, 1, 3}, "wrong": {f.Wrong, 1, 3}, "wrongly refused": {f.WronglyRefused, 1, 3},
		"rightly refused": {f.RightlyRefused, 1, 2}, "false answers": {f.FalseAnswers, 1, 2}, "cited": {f.Cited, 3, 3}, "resolved": {f.Resolved, 2, 3}, "supported": {f.Supported, 2, 3},
	} {
		require.Equal(t, eval.Share{N: c.n, Of: c.of}, c.rate.Share, name)
	}
	require.InDelta(t, (3*4.0+2*0.02)/5, f.Seconds, 1e-9)
	require.InDelta(t, 300, f.Prompt, 1e-9)
	require.InDelta(t, 12, f.Completion, 1e-9)
	require.InDelta(t, 1000, f.First.P50, 1e-9, "abstentions before the model was asked have no first token of its")
	require.InDelta(t, 1.0/3, f.CitationRecall, 1e-9, "0.5, 0 and 0.5")
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{rag.Abstention, "the documents do not answer this question", "I’m sorry, I don’t know.", "  ", "I do not have access to your handbook."} {
		require.True(t, Refuses(s), s)
	}
	for _, s := range []string{"30 days.", "Ask the service desk if you know your number."} {
		require.False(t, Refuses(s), s)
	}
	require.Contains(t, Plain, "answer exactly: "+rag.Abstention)
}
