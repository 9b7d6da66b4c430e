package eval

import (
	"math"
	"slices"
)

// Percentile is the smallest value that at least p percent of the values do not
// exceed (nearest rank); p is 0 to 100. It is 0 without values.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Latency is what is told of times, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// LatencyOf sums times up.
func LatencyOf(ms []float64) Latency {
	return Latency{Percentile(ms, 50), Percentile(ms, 95), Percentile(ms, 99)}
}
