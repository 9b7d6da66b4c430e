package eval

import (
	"math"
	"math/rand/v2"
	"slices"
)

// resamples of a bootstrap: enough for the ends of intervals of 99 %, which 25 resampled means lie beyond.
const resamples = 5_000

// Difference is the mean of a paired difference with its bootstrap interval.
type Difference struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	P    float64 `json:"p"` // one-sided: how often a resampled mean is on the other side of 0, or at it; at least 1/resamples
}

// Falls reports whether the mean is below 0 and its whole interval too.
func (d Difference) Falls() bool { return d.High < 0 }

// Rises is the same above 0.
func (d Difference) Rises() bool { return d.Low > 0 }

// Paired is the mean of b[i]-a[i] over the same questions, with the interval
// that holds level (such as 0.95) of the means of questions drawn again with
// replacement (percentile bootstrap, always with the same seed). a and b must be
// of one length; without questions all is 0 and P is 1.
//
// Source: Efron & Tibshirani, An Introduction to the Bootstrap, chapters 13 and 16.
func Paired(a, b []float64, level float64) Difference {
	n := len(a)
	if n == 0 {
		return Difference{P: 1}
	}
	diff := make([]float64, n)
	same := true
	for i := range diff {
		diff[i] = b[i] - a[i]
		same = same && diff[i] == 0
	}
	if same {
		return Difference{P: 1}
	}
	means := resampledMeans(diff)
	d := Difference{Mean: mean(diff), Low: quantile(means, (1-level)/2), High: quantile(means, 1-(1-level)/2)}
	beyond := 0
	for _, m := range means {
		if d.Mean == 0 || m*d.Mean <= 0 {
			beyond++
		}
	}
	d.P = max(float64(beyond), 1) / resamples
	return d
}

// resampledMeans are sorted. Means that differ by rounding alone are made equal, so that none is beyond 0 by accident.
func resampledMeans(values []float64) []float64 {
	random, n := rand.NewPCG(1, 2), uint64(len(values)) // always the same: figures must come out the same again
	means := make([]float64, resamples)
	for i := range means {
		sum := 0.0
		for left := n; left > 0; left -= min(left, 2) {
			two := random.Uint64() // two draws in one: each half times n, the upper 32 bits
			sum += values[two>>32*n>>32]
			if left > 1 {
				sum += values[two&math.MaxUint32*n>>32]
			}
		}
		if means[i] = sum / float64(len(values)); math.Abs(means[i]) < 1e-12 {
			means[i] = 0
		}
	}
	slices.Sort(means)
	return means
}

// quantile of sorted values: the smallest with at least q of them at or below it.
func quantile(sorted []float64, q float64) float64 {
	at := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[min(max(at, 1), len(sorted))-1]
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
