package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

// Evidence from low to high: no .1, yes .2, no .3 and yes .3 (tied), yes .5.
var evidence = []eval.Scored{{Score: 0.3, Answerable: true}, {Score: 0.1}, {Score: 0.5, Answerable: true}, {Score: 0.2, Answerable: true}, {Score: 0.3}}

func TestCurve(t *testing.T) {
	t.Parallel()
	curve := eval.Curve(evidence)
	want := []eval.Point{
		{Threshold: 0.1, FalseRefusals: 0, FalseAnswers: 1, BalancedAccuracy: 0.5},
		{Threshold: 0.15, FalseRefusals: 0, FalseAnswers: 0.5, BalancedAccuracy: 0.75},
		{Threshold: 0.25, FalseRefusals: 1.0 / 3, FalseAnswers: 0.5, BalancedAccuracy: 1 - (1.0/3+0.5)/2},
		{Threshold: 0.4, FalseRefusals: 2.0 / 3, FalseAnswers: 0, BalancedAccuracy: 2.0 / 3},
		{Threshold: 0.5, FalseRefusals: 1, FalseAnswers: 0, BalancedAccuracy: 0.5},
	}
	require.Len(t, curve, len(want))
	for i, p := range curve {
		require.InDelta(t, want[i].Threshold, p.Threshold, 1e-9, i)
		require.InDelta(t, want[i].FalseRefusals, p.FalseRefusals, 1e-9, i)
		require.InDelta(t, want[i].FalseAnswers, p.FalseAnswers, 1e-9, i)
		require.InDelta(t, want[i].BalancedAccuracy, p.BalancedAccuracy, 1e-9, i)
	}
	require.Nil(t, eval.Curve(nil))
	require.Nil(t, eval.Curve([]eval.Scored{{Score: 1, Answerable: true}}))
}

func TestOperatingPoints(t *testing.T) {
	t.Parallel()
	curve := eval.Curve(evidence)
	require.InDelta(t, 0.15, eval.Balanced(curve, 0.08).Threshold, 1e-9)
	require.InDelta(t, 0.15, eval.Balanced(curve, 1).Threshold, 1e-9)
	require.InDelta(t, 0.4, eval.Strict(curve, 0.1).Threshold, 1e-9)
	require.InDelta(t, 0.15, eval.Strict(curve, 0.5).Threshold, 1e-9)
}

// Without the only low unanswerable question the threshold falls to the lowest score; without another one it stays.
func TestHeldOutDecidesByTheOthers(t *testing.T) {
	t.Parallel()
	all := []eval.Scored{{Score: 0.1}, {Score: 0.15}, {Score: 0.5, Answerable: true}, {Score: 0.6, Answerable: true}}
	fit := func(c []eval.Point) eval.Point { return eval.Balanced(c, 0.08) }
	require.Equal(t, []eval.Decision{{Refused: true}, {Refused: true}, {Answerable: true}, {Answerable: true}}, eval.HeldOut(all, fit))

	// Fitted on itself this is perfect (threshold 0.225); held out, the one at 0.2 is answered: the others put it at 0.125.
	all = []eval.Scored{{Score: 0.1}, {Score: 0.2}, {Score: 0.25, Answerable: true}, {Score: 0.15, Answerable: true}}
	decided := eval.HeldOut(all, fit)
	require.False(t, decided[1].Refused)
	one := eval.HeldOut([]eval.Scored{{Score: 1, Answerable: true}, {Score: 0}}, fit)
	require.False(t, one[0].Refused || one[1].Refused, "the rest is of one kind")
}

func TestRiskCoverage(t *testing.T) {
	t.Parallel()
	got := eval.RiskCoverage([]eval.Outcome{
		{Evidence: 0.9, Answered: true, Known: true, Right: true},
		{Evidence: 0.7, Answered: true},
		{Evidence: 0.8, Answered: true, Known: true, Right: true},
		{Evidence: 0.7, Answered: true, Known: true, Right: true},
		{Evidence: 0.5, Answered: true, Known: true, Refused: true},
		{Evidence: 0.4, Answered: true, Known: true, Right: true}, // behind a refusal: nothing is known in order any more
	})
	require.Equal(t, []eval.RiskPoint{{1.0 / 6, 0}, {2.0 / 6, 0}, {4.0 / 6, 0.25}}, got)
	require.Empty(t, eval.RiskCoverage(nil))
}
