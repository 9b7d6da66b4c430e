package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	ten := []float64{10, 2, 3, 4, 5, 6, 7, 8, 9, 1}
	for p, want := range map[float64]float64{0: 1, 10: 1, 11: 2, 50: 5, 51: 6, 95: 10, 99: 10, 100: 10} {
		require.Equal(t, want, eval.Percentile(ten, p), p) //nolint:testifylint // values are copied, not computed
	}
	require.Equal(t, []float64{10, 2, 3, 4, 5, 6, 7, 8, 9, 1}, ten, "the order of the values is left alone")
	require.Zero(t, eval.Percentile(nil, 50))
	require.InDelta(t, 7, eval.Percentile([]float64{7}, 99), 0)
	require.InDelta(t, 2, eval.Percentile([]float64{2, 2, 2, 9}, 75), 0, "ties")
	require.Equal(t, eval.Latency{P50: 5, P95: 10, P99: 10}, eval.LatencyOf(ten))
}
