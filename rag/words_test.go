package rag

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWordsAreASet(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	some := func() (items []string, is map[string]bool) {
		is = map[string]bool{}
		for range random.IntN(20) {
			w := []string{"", "a", "ab", "b", "ba", "leave", "leaves", "ü", "日本", "zz"}[random.IntN(10)]
			items, is[w] = append(items, w), true
		}
		return items, is
	}
	for range 500 {
		items, is := some()
		others, are := some()
		a, b := wordsOf(items), wordsOf(others)
		var got []string
		for i := range a.len() {
			got = append(got, a.at(i))
		}
		require.Equal(t, slices.Sorted(maps.Keys(is)), got)
		both := 0
		for _, w := range []string{"", "a", "ab", "abc", "b", "leave", "leav", "日本", "zz", "zzz"} {
			require.Equal(t, is[w], a.has(w), w)
		}
		for w := range is {
			if are[w] {
				both++
			}
		}
		require.Equal(t, both, common(a, b))
	}
}

// What is kept with a passage must be what is worked out anew, and belong to its own text.
func TestKeptPassagesSayTheSame(t *testing.T) {
	t.Parallel()
	fields := func(text string) []string {
		return slices.Collect(func(yield func(string) bool) {
			for _, s := range sentences(text) {
				if !yield(text[s.start:s.end]) {
					return
				}
			}
		})
	}
	plain := Passage{Text: "Ten days. Not in May. Four weeks, 1,500 euros."}
	kept := plain.Kept()
	for range 2 {
		require.Equal(t, plain.terms(fields), kept.terms(fields))
		require.Equal(t, plain.units(fields), kept.units(fields))
	}
	part := cut(kept, 0, len("Ten days."))
	require.Equal(t, cut(plain, 0, len("Ten days.")), part)
	require.Len(t, part.units(fields), 1)
}
