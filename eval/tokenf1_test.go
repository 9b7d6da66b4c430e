package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestTokenF1(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer, expected string
		want             float64
	}{
		"equal but for case, articles, marks": {"The 240 hours.", "240 Hours", 1},
		"half of three words too many":        {"240 hours of annual leave", "240 hours", 2 * (2.0 / 5) * 1 / (2.0/5 + 1)},
		"one word of two":                     {"240", "240 hours", 2 * 1 * 0.5 / 1.5},
		"a word again counts once":            {"hours hours", "hours", 2 * 0.5 * 1 / 1.5},
		"thousands":                           {"EUR 1,500", "1500 EUR", 1},
		"decimals are no thousands":           {"3.5", "35", 0},
		"nothing in common":                   {"yes", "no", 0},
		"no answer":                           {"", "yes", 0},
		"nothing expected":                    {"yes", "", 0},
		"nothing on either side":              {"…", "", 1},
	} {
		require.InDelta(t, c.want, eval.TokenF1(c.answer, c.expected), 1e-12, name)
	}
}
