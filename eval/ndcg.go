package eval

import (
	"maps"
	"math"
	"slices"
)

// NDCG is the normalised discounted cumulative gain of the first k of ranked:
// the sum of gain/log2(rank+1) over the relevant ones, as a share of that of the
// best order there could be. relevant gives the gain of each relevant id (usually
// 1). It is 0 to 1, and 0 when nothing is relevant. An id that comes again counts
// only once.
func NDCG(ranked []string, relevant map[string]float64, k int) float64 {
	got, seen := 0.0, make(map[string]bool, len(ranked))
	for i, id := range ranked[:min(k, len(ranked))] {
		if !seen[id] {
			got += relevant[id] * discount(i)
		}
		seen[id] = true
	}
	best := ideal(relevant, k)
	if best == 0 {
		return 0
	}
	return got / best
}

// ideal is the gain of all relevant ids in the best order, cut at k.
func ideal(relevant map[string]float64, k int) float64 {
	gains := slices.Sorted(maps.Values(relevant))
	slices.Reverse(gains)
	sum := 0.0
	for i, gain := range gains[:min(k, len(gains))] {
		sum += gain * discount(i)
	}
	return sum
}

// discount of the i-th place, from 0.
func discount(i int) float64 { return 1 / math.Log2(float64(i)+2) }
