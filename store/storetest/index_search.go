package storetest

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

func indexTextOrder(f *indexFixture) {
	f.publish(handbook,
		indexEntry("doc", 1, 0, axis(0), "leave", "carry", "over", "year"),
		indexEntry("doc", 1, 1, axis(1), "leave", "day", "year"),
		indexEntry("doc", 1, 2, axis(2), "leave", "day", "year", "manager", "ask", "form"),
		indexEntry("doc", 1, 3, axis(3), "expense", "receipt"),
		indexEntry("doc", 1, 4, axis(4), "expense", "travel"),
		indexEntry("doc", 1, 5, axis(5), "price", "list"),
		indexEntry("doc", 1, 6, axis(6), "price", "price", "price", "list"),
		indexEntry("doc", 1, 7, axis(7), "security", "badge"),
		indexEntry("doc", 1, 8, axis(8), "security", "badge", "visitor"),
	)
	carry, day, form := chunkID("doc", 1, 0), chunkID("doc", 1, 1), chunkID("doc", 1, 2)
	require.Equal(f, []string{day, form}, chunkIDs(f.text(handbook, 10, "day")), "the shorter first")
	require.Equal(f, []string{carry, day, form}, chunkIDs(f.text(handbook, 10, "leave", "carry")), "the rarer term first")
	require.Equal(f, []string{chunkID("doc", 1, 6), chunkID("doc", 1, 5)}, chunkIDs(f.text(handbook, 10, "price")), "more often first")
	require.Equal(f, f.text(handbook, 10, "leave"), f.text(handbook, 10, "leave", "leave", ""), "a term counts once")
	require.Empty(f, f.text(handbook, 10, "holiday"))
	require.Len(f, f.text(handbook, 10, "holiday", "carry"), 1)
	for _, h := range f.text(handbook, 10, "leave", "carry", "security") {
		require.Positive(f, h.Score)
	}
}

func indexTextHostile(f *indexFixture) {
	hostile := []string{
		`"`, `""`, `'`, `a" OR "b`, `NEAR(a b)`, "AND", "OR", "NOT", "*", "x*", "^x", "-x", "a:b", "terms:b", "{a b}", "(", ")", "+",
		"two words", "new\nline", "nul\x00byte", "a_b", "_61", "3.5", "ax-210", "día", "日", "Ⅷ", "ABC", "abc", "%", ";", "--", "\xff",
	}
	var entries []ingest.Entry
	for seq, term := range hostile {
		entries = append(entries, indexEntry("doc", 1, seq, axis(seq), term, "filler"))
	}
	f.publish(handbook, entries...)
	for seq, term := range hostile {
		require.Equal(f, []string{chunkID("doc", 1, seq)}, chunkIDs(f.text(handbook, 10, term)), "term %q", term)
	}
	require.Len(f, f.text(handbook, 100, hostile...), len(hostile))
}

func indexIdfCounts(f *indexFixture) {
	var entries []ingest.Entry
	for seq := range 10 {
		terms := []string{"every", "every"}
		if seq < 3 {
			terms = append(terms, "some")
		}
		entries = append(entries, indexEntry("doc", 1, seq, axis(seq), terms...))
	}
	f.publish(handbook, entries...)
	weight := func(n float64) float64 { return math.Log((10 - n + 0.5) / (n + 0.5)) }
	require.InDeltaSlice(f, []float64{weight(3), 1e-6, weight(0), weight(3)}, f.idf(handbook, "some", "every", "none", "some"), 1e-9)
}

func indexDenseOrder(f *indexFixture) {
	f.publish(handbook,
		indexEntry("doc", 1, 0, atCosine(0.2, 1), "a"),
		indexEntry("doc", 1, 1, atCosine(0.9, 2), "a"),
		indexEntry("doc", 1, 2, atCosine(-0.5, 3), "a"),
		indexEntry("doc", 1, 3, atCosine(0.899, 4), "a"),
	)
	hits := f.dense(handbook, 10, axis(0))
	require.Equal(f, []string{chunkID("doc", 1, 1), chunkID("doc", 1, 3), chunkID("doc", 1, 0), chunkID("doc", 1, 2)}, chunkIDs(hits))
	for i, want := range []float64{0.9, 0.899, 0.2, -0.5} {
		require.InDelta(f, want, hits[i].Score, 1e-6)
	}
}

func indexDenseDimensions(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(0), "a"))
	_, err := f.Dense(f.Context(), handbook, make([]float32, Dimensions-1), 5)
	require.Error(f, err)
	wrong := indexEntry("doc", 2, 0, make([]float32, Dimensions+1), "a")
	require.Error(f, f.Upsert(f.Context(), handbook, []ingest.Entry{wrong}))
	require.Len(f, f.found(handbook, "a"), 1)
	_, err = f.Dense(overContext(f.Context()), handbook, axis(0), 5)
	require.Error(f, err)
}

func indexDenseExact(f *indexFixture) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	middle := randomVector(r)
	var entries []ingest.Entry
	for seq := range 1500 {
		v := randomVector(r)
		switch seq % 3 {
		case 1:
			v = nearVector(r, middle, 0.03)
		case 2:
			v = nearVector(r, middle, 0.0005)
		}
		entries = append(entries, indexEntry("doc", 1, seq, v, "a"))
	}
	f.publish(handbook, entries...)
	for n := range 30 {
		q := randomVector(r)
		if n%2 == 0 {
			q = nearVector(r, middle, 0.01)
		}
		k := []int{1, 10, 100}[n%3]
		want := bruteForce(entries, q)
		got := f.dense(handbook, k, q)
		require.Len(f, got, k)
		for i, h := range got {
			require.InDelta(f, want[i].Score, h.Score, 1e-9, "query %d rank %d", n, i)
			if i+1 < k && want[i].Score-want[i+1].Score > 1e-9 && (i == 0 || want[i-1].Score-want[i].Score > 1e-9) {
				require.Equal(f, want[i].ChunkID, h.ChunkID, "query %d rank %d", n, i)
			}
		}
	}
}

// bruteForce scores everything and sorts.
func bruteForce(entries []ingest.Entry, q []float32) []rag.Hit {
	hits := make([]rag.Hit, 0, len(entries))
	for _, e := range entries {
		hits = append(hits, rag.Hit{ChunkID: e.ChunkID, Score: dotProduct(q, e.Vector)})
	}
	slices.SortFunc(hits, func(a, b rag.Hit) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return slices.Compare([]byte(a.ChunkID), []byte(b.ChunkID))
	})
	return hits
}

func indexIsolation(f *indexFixture) {
	scopes := []rag.Scope{
		{Tenant: "acme", Store: "vs_1"}, {Tenant: "acme", Store: "vs_2"},
		{Tenant: "other", Store: "vs_1"}, {Tenant: "acme2", Store: "vs_1"},
	}
	for i, scope := range scopes {
		f.publish(scope, indexEntry(scope.Tenant+scope.Store, 1, i, axis(1), "leave"))
	}
	for i, scope := range scopes {
		require.Equal(f, []string{chunkID(scope.Tenant+scope.Store, 1, i)}, f.found(scope, "leave"))
	}
	require.Zero(f, f.remove(scopes[0], "othervs_1"), "a document of another tenant")
	for _, nobody := range []rag.Scope{{}, {Tenant: "acme"}, {Store: "vs_1"}, {Tenant: "acme", Store: "vs_%"}} {
		require.Empty(f, f.found(nobody, "leave"))
	}
}

func indexStatistics(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave", "day"), indexEntry("doc", 1, 1, axis(2), "day"), indexEntry("doc", 1, 2, axis(3), "badge"))
	text, weights := f.text(handbook, 10, "leave", "day"), f.idf(handbook, "leave", "day", "badge")
	for _, scope := range []rag.Scope{{Tenant: "acme", Store: "vs_2"}, {Tenant: "other", Store: handbook.Store}} {
		var entries []ingest.Entry
		for seq := range 300 {
			entries = append(entries, indexEntry("big", 1, seq, axis(seq), "leave", "leave", "day"))
		}
		f.publish(scope, entries...)
	}
	require.Equal(f, text, f.text(handbook, 10, "leave", "day"))
	require.Equal(f, weights, f.idf(handbook, "leave", "day", "badge"))
}
