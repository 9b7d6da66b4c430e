package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestCost(t *testing.T) {
	t.Parallel()
	used := eval.Tokens{Prompt: 500_000}.Add(eval.Tokens{Prompt: 1_500_000, Completion: 100_000})
	require.Equal(t, eval.Tokens{Prompt: 2_000_000, Completion: 100_000}, used)
	require.InDelta(t, 2*0.15+0.1*0.60, eval.Cost(eval.Prices{Prompt: 0.15, Completion: 0.60}, used, 0), 1e-12)
	require.InDelta(t, 0.4*90/3600, eval.Cost(eval.Prices{Hour: 0.4}, used, 90), 1e-12)
	require.Zero(t, eval.Cost(eval.Prices{}, used, 90))
	require.Zero(t, eval.Cost(eval.Prices{Prompt: 1, Hour: 1}, eval.Tokens{}, 0))
}
