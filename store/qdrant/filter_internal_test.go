package qdrant

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

var someNumbers = []float64{
	-math.MaxFloat64, -1e300, -2024, -1.5, -1, -math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64,
	0.1, 0.30000000000000004, 1, 1.5, 2023, 2024, 2025, 1 << 53, 1 << 60, 1e300, math.MaxFloat64,
}

// TestPlacesSortAsNumbersDo: also those that differ in the last bit, and 0 is 0 whatever its sign.
func TestPlacesSortAsNumbersDo(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // repeatable on purpose
	numbers := slices.Clone(someNumbers)
	for range 2000 {
		n := math.Float64frombits(r.Uint64())
		if !math.IsNaN(n) && !math.IsInf(n, 0) {
			numbers = append(numbers, n, math.Nextafter(n, 0), r.NormFloat64())
		}
	}
	for range 20_000 {
		a, b := numbers[r.IntN(len(numbers))], numbers[r.IntN(len(numbers))]
		require.Equal(t, cmp.Compare(a, b), strings.Compare(place(a), place(b)), "%g and %g", a, b)
	}
}

// TestRangesAreExact compares the keywords that a range asks for with the numbers themselves.
func TestRangesAreExact(t *testing.T) {
	t.Parallel()
	for _, bound := range someNumbers {
		for _, op := range []rag.Op{rag.OpGt, rag.OpGte, rag.OpLt, rag.OpLte} {
			f := rag.Filter{Op: op, Key: "n", Values: []any{bound}}
			asked := ranged(f.Key, f.Range())
			require.LessOrEqual(t, len(asked), 16*15+1)
			for _, n := range slices.Concat(someNumbers, []float64{math.Nextafter(bound, 1e308), math.Nextafter(bound, -1e308)}) {
				has := keywords(rag.Attributes{"n": n})
				finds := slices.ContainsFunc(has, func(k string) bool { return slices.Contains(asked, k) })
				want := f.Match(func(string) (any, bool) { return n, true })
				require.Equal(t, want, finds, "%g %s %g", n, op, bound)
			}
		}
	}
	require.Empty(t, ranged("n", rag.Filter{Op: rag.OpGt, Key: "n", Values: []any{"5"}}.Range()))
}

func TestKeywordsDoNotClash(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, facts := range []rag.Attributes{
		{"a": "5"}, {"a": 5.0}, {"a": true}, {"a": "true"}, {"a": false}, {"a": ""}, {"as": ""}, {"a": "s"}, {"a=": "5"},
		{"a": strings.Repeat("x", 300)}, {"a": strings.Repeat("x", 301)}, {"a": "n" + place(5)}, {"a": "h" + strings.Repeat("0", 64)},
	} {
		for key, value := range facts {
			require.False(t, seen[keyword(key, value)], "%v", facts)
			seen[keyword(key, value)] = true
		}
	}
}
