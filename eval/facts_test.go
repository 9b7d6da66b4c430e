package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestKeyFacts(t *testing.T) {
	t.Parallel()
	facts := []string{"Wednesday", "10:00|ten o'clock", "third floor"}
	for answer, want := range map[string]float64{
		"On wednesday at Ten O'Clock, third\n floor": 1,
		"On Wednesday, third floor":                  2.0 / 3,
		"At 10:00 or ten o'clock":                    1.0 / 3,
		"":                                           0,
	} {
		got, ok := eval.KeyFacts(answer, facts)
		require.True(t, ok)
		require.InDelta(t, want, got, 1e-12, answer)
	}
	_, ok := eval.KeyFacts("anything", nil)
	require.False(t, ok, "there is nothing to hold")
}
