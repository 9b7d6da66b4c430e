package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestRecall(t *testing.T) {
	t.Parallel()
	two := map[string]float64{"a": 1, "b": 2, "unfit": 0}
	for name, c := range map[string]struct {
		ranked   []string
		relevant map[string]float64
		k        int
		want     float64
	}{
		"both":                {[]string{"x", "b", "a"}, two, 3, 1},
		"one of two":          {[]string{"x", "b", "a"}, two, 2, 0.5},
		"none":                {[]string{"x", "y"}, two, 2, 0},
		"judged and unfit":    {[]string{"unfit"}, two, 5, 0},
		"again":               {[]string{"a", "a"}, two, 5, 0.5},
		"nothing found":       {nil, two, 5, 0},
		"nothing relevant":    {[]string{"a"}, map[string]float64{"a": 0}, 5, 0},
		"nothing at all":      {nil, nil, 5, 0},
		"no place to look at": {[]string{"a"}, two, 0, 0},
	} {
		require.InDelta(t, c.want, eval.Recall(c.ranked, c.relevant, c.k), 1e-12, name)
	}
}
