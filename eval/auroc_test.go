package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestAUROC(t *testing.T) {
	t.Parallel()
	yes := func(s float64) eval.Scored { return eval.Scored{Score: s, Answerable: true} }
	no := func(s float64) eval.Scored { return eval.Scored{Score: s} }
	for name, c := range map[string]struct {
		scored []eval.Scored
		want   float64
	}{
		"apart":               {[]eval.Scored{yes(3), no(1), yes(2), no(0)}, 1},
		"the wrong way round": {[]eval.Scored{yes(0), no(1)}, 0},
		"three of four pairs": {[]eval.Scored{yes(1), yes(3), no(2), no(0)}, 0.75},
		"a tie is half":       {[]eval.Scored{yes(1), no(1)}, 0.5},
		"all tied":            {[]eval.Scored{yes(1), no(1), yes(1), no(1), no(1)}, 0.5},
		"ties and wins":       {[]eval.Scored{yes(2), yes(1), no(1), no(0)}, (2 + 1.5) / 4},
	} {
		got, ok := eval.AUROC(c.scored)
		require.True(t, ok, name)
		require.InDelta(t, c.want, got, 1e-12, name)
	}
	for _, one := range [][]eval.Scored{nil, {yes(1)}, {no(1), no(2)}} {
		_, ok := eval.AUROC(one)
		require.False(t, ok)
	}
}
