package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestSummariseCountsByKind(t *testing.T) {
	t.Parallel()
	s := eval.Summarise([]eval.Outcome{
		{Answered: true, Known: true, Hit: true, Recall: true, Right: true, Cited: true, Verbatim: true},
		{Answered: true, Known: true, Hit: true, Right: true, Refused: true},
		{Answered: true, Known: true, Cited: true},
		{Answered: true, Refused: true},
		{Answered: true},
		{Known: true, Hit: true}, // the model was not asked
	}, eval.Prices{})
	require.Equal(t, eval.Share{N: 3, Of: 4}, s.Hit)
	require.Equal(t, eval.Share{N: 1, Of: 4}, s.Recall)
	require.Equal(t, eval.Share{N: 1, Of: 3}, s.Right)
	require.Equal(t, eval.Share{N: 1, Of: 3}, s.WronglyRefused)
	require.Equal(t, eval.Share{N: 1, Of: 2}, s.RightlyRefused)
	require.Equal(t, eval.Share{N: 2, Of: 3}, s.Cited)
	require.Equal(t, eval.Share{N: 1, Of: 3}, s.Verbatim)
	require.InDelta(t, 75, s.Hit.Percent(), 1e-12)
	require.InDelta(t, (2.0/3+0.5)/2, *s.BalancedAccuracy, 1e-12)
}

func TestSummariseMeansOfWhatIsThere(t *testing.T) {
	t.Parallel()
	half := 0.5
	s := eval.Summarise([]eval.Outcome{
		{Answered: true, Known: true, Evidence: 0.8, Facts: 1, F1: 0.6, Numbers: &half, Cited: true, CitationPrecision: 0.5, CitationRecall: 1, CitationsResolved: 1, FirstMs: 100, TotalMs: 2000, Tokens: eval.Tokens{Prompt: 10, Completion: 3}},
		{Answered: true, Known: true, Evidence: 0.4, Refused: true, TotalMs: 50},
		{Answered: true, Evidence: 0.6, Cited: true, CitationsResolved: 0.5, FirstMs: 300, TotalMs: 1550, Tokens: eval.Tokens{Prompt: 20, Completion: 7}},
		{Known: true, Evidence: 0.7, F1: 1}, // the model was not asked
	}, eval.Prices{Hour: 1, Prompt: 1e6})
	require.InDelta(t, 0.5, s.Facts, 1e-12)
	require.InDelta(t, 0.3, s.F1, 1e-12)
	require.InDelta(t, 0.5, s.Numbers, 1e-12)
	require.InDelta(t, 0.5, s.CitationPrecision, 1e-12)
	require.InDelta(t, 0.5, s.CitationRecall, 1e-12)
	require.InDelta(t, 0.75, s.CitationsResolved, 1e-12)
	require.InDelta(t, 2.0/3, *s.AUROC, 1e-12)
	require.Equal(t, eval.Latency{P50: 100, P95: 300, P99: 300}, s.First)
	require.Equal(t, eval.Tokens{Prompt: 30, Completion: 10}, s.Tokens)
	require.InDelta(t, 30+3.6/3600, s.Cost, 1e-9)

	empty := eval.Summarise(nil, eval.Prices{})
	require.Nil(t, empty.AUROC)
	require.Nil(t, empty.BalancedAccuracy)
	require.Zero(t, empty.Right.Percent())
}
