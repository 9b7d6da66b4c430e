package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestReciprocalRank(t *testing.T) {
	t.Parallel()
	two := map[string]float64{"a": 1, "b": 3, "unfit": 0}
	for name, c := range map[string]struct {
		ranked []string
		k      int
		want   float64
	}{
		"first":               {[]string{"b", "a"}, 10, 1},
		"third":               {[]string{"x", "unfit", "a", "b"}, 10, 1.0 / 3},
		"behind k":            {[]string{"x", "y", "a"}, 2, 0},
		"none":                {[]string{"x"}, 10, 0},
		"nothing found":       {nil, 10, 0},
		"fewer found than k":  {[]string{"x", "a"}, 100, 0.5},
		"no place to look at": {[]string{"a"}, 0, 0},
	} {
		require.InDelta(t, c.want, eval.ReciprocalRank(c.ranked, two, c.k), 1e-12, name)
	}
	require.Zero(t, eval.ReciprocalRank([]string{"a"}, nil, 10), "nothing is relevant")
}
