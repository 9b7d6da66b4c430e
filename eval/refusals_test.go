package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	ds := []eval.Decision{
		{Answerable: true}, {Answerable: true}, {Answerable: true}, {Answerable: true, Refused: true},
		{Refused: true}, {},
	}
	require.Equal(t, eval.Share{N: 1, Of: 4}, eval.FalseRefusals(ds))
	require.Equal(t, eval.Share{N: 1, Of: 2}, eval.FalseAnswers(ds))
	accuracy, ok := eval.BalancedAccuracy(ds)
	require.True(t, ok)
	require.InDelta(t, (0.75+0.5)/2, accuracy, 1e-12)

	accuracy, ok = eval.BalancedAccuracy([]eval.Decision{{Answerable: true, Refused: true}, {}})
	require.True(t, ok)
	require.Zero(t, accuracy, "everything the wrong way round")

	_, ok = eval.BalancedAccuracy([]eval.Decision{{Answerable: true}})
	require.False(t, ok, "one kind only")
	_, ok = eval.BalancedAccuracy(nil)
	require.False(t, ok)
	require.Zero(t, eval.FalseAnswers(nil))
}
