package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestNumbersRight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer, expected string
		want             float64
	}{
		"all":               {"You may carry over 240 hours, by 31 December.", "240 hours until December 31", 1},
		"one of two":        {"240 hours", "240 hours until December 31", 0.5},
		"a number inside":   {"2400 hours", "240 hours", 0},
		"thousands":         {"EUR 1500", "EUR 1,500", 1},
		"thousands, cents":  {"1500.50", "1,500.50", 1},
		"decimal comma":     {"3,5 m", "3.5 m", 1},
		"decimal and whole": {"35 m", "3.5 m", 0},
		"again counts once": {"10", "10 and 10, or 36", 0.5},
		"no answer":         {"", "7", 0},
	} {
		got, ok := eval.NumbersRight(c.answer, c.expected)
		require.True(t, ok, name)
		require.InDelta(t, c.want, got, 1e-12, name)
	}
	_, ok := eval.NumbersRight("It is 5.", "On Tuesdays")
	require.False(t, ok, "no number is expected")
	_, ok = eval.NumbersRight("", "")
	require.False(t, ok)
}
