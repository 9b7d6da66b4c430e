package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestScoreSpans(t *testing.T) {
	t.Parallel()
	gold := []eval.Stretch{{Start: 10, End: 20}, {Start: 50, End: 60}}
	for name, c := range map[string]struct {
		gold, retrieved   []eval.Stretch
		recall, precision float64
	}{
		"all of it":                          {gold, []eval.Stretch{{0, 100}}, 1, 0.2},
		"nothing retrieved":                  {gold, nil, 0, 0},
		"none of it":                         {gold, []eval.Stretch{{20, 50}}, 0, 0},
		"half of one":                        {gold, []eval.Stretch{{15, 25}}, 0.25, 0.5},
		"twice the same counts once":         {gold, []eval.Stretch{{10, 20}, {10, 20}}, 0.5, 1},
		"what is sent twice costs twice":     {gold, []eval.Stretch{{0, 20}, {10, 30}}, 0.5, 0.5},
		"gold spans that overlap count once": {[]eval.Stretch{{10, 20}, {15, 30}}, []eval.Stretch{{10, 20}}, 0.5, 1},
		"no gold":                            {nil, []eval.Stretch{{10, 20}}, 0, 0},
	} {
		s := eval.ScoreSpans(c.gold, c.retrieved, 7)
		require.InDelta(t, c.recall, s.Recall, 1e-9, name)
		require.InDelta(t, c.precision, s.Precision, 1e-9, name)
		require.InDelta(t, 7, s.Tokens, 0, name)
	}
	require.Equal(t, eval.SpanScore{Recall: 0.5, Precision: 0.25, Tokens: 10}, eval.MeanSpans([]eval.SpanScore{{Recall: 1, Precision: 0.5, Tokens: 20}, {}}))
	require.Zero(t, eval.MeanSpans(nil))
}
