package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

// The expected values are worked out by hand: 1/log2(2) = 1, 1/log2(3) = 0.630930,
// 1/log2(4) = 0.5, 1/log2(5) = 0.430677.
func TestNDCG(t *testing.T) {
	t.Parallel()
	one := map[string]float64{"a": 1}
	two := map[string]float64{"a": 1, "b": 1}
	graded := map[string]float64{"a": 3, "b": 1}
	for name, c := range map[string]struct {
		ranked   []string
		relevant map[string]float64
		k        int
		want     float64
	}{
		"first":                         {[]string{"a", "x"}, one, 10, 1},
		"second":                        {[]string{"x", "a"}, one, 10, 0.630930},
		"third":                         {[]string{"x", "y", "a"}, one, 10, 0.5},
		"behind k":                      {[]string{"x", "y", "a"}, one, 2, 0},
		"missing":                       {[]string{"x"}, one, 10, 0},
		"nothing found":                 {nil, one, 10, 0},
		"nothing relevant":              {[]string{"a"}, nil, 10, 0},
		"both, in places 1 and 4":       {[]string{"a", "x", "y", "b"}, two, 10, (1 + 0.430677) / (1 + 0.630930)},
		"one of two":                    {[]string{"x", "b"}, two, 10, 0.630930 / 1.630930},
		"the best that k allows":        {[]string{"b"}, two, 1, 1},
		"graded, wrong way round":       {[]string{"b", "a"}, graded, 10, (1 + 3*0.630930) / (3 + 0.630930)},
		"the same again counts no more": {[]string{"a", "a"}, two, 10, 1 / 1.630930},
	} {
		require.InDelta(t, c.want, eval.NDCG(c.ranked, c.relevant, c.k), 1e-5, name)
	}
}
