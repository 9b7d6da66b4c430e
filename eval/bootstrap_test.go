package eval_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func TestPairedOfAConstantDifferenceHasNoWidth(t *testing.T) {
	t.Parallel()
	d := eval.Paired([]float64{1, 2, 3}, []float64{0.5, 1.5, 2.5}, 0.95)
	require.Equal(t, eval.Difference{Mean: -0.5, Low: -0.5, High: -0.5, P: 2e-4}, d)
	require.True(t, d.Falls())
	require.False(t, d.Rises())
	require.True(t, eval.Paired([]float64{0, 0}, []float64{1, 1}, 0.95).Rises())
}

func TestPairedWithoutADifferenceSaysSo(t *testing.T) {
	t.Parallel()
	same := []float64{1, 0, 1, 1, 0}
	require.Equal(t, eval.Difference{P: 1}, eval.Paired(same, same, 0.95))
	require.Equal(t, eval.Difference{P: 1}, eval.Paired(nil, nil, 0.95))
	swapped := eval.Paired([]float64{1, 0}, []float64{0, 1}, 0.95)
	require.Zero(t, swapped.Mean)
	require.False(t, swapped.Falls() || swapped.Rises())
}

// 20 losses among 100: the number lost in a resample is binomial, B(100, 0.2), whose
// 2.5 % and 97.5 % quantiles are 12 and 28.
func TestPairedIntervalIsTheBinomialOne(t *testing.T) {
	t.Parallel()
	a, b := make([]float64, 100), make([]float64, 100)
	for i := range a {
		a[i], b[i] = 1, 1
		if i < 20 {
			b[i] = 0
		}
	}
	d := eval.Paired(a, b, 0.95)
	require.InDelta(t, -0.20, d.Mean, 1e-12)
	require.InDelta(t, -0.28, d.Low, 0.0101)
	require.InDelta(t, -0.12, d.High, 0.0101)
}
