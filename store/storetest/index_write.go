package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

func indexUnpublished(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave", "day"), indexEntry("doc", 1, 1, axis(2), "badge"))
	text, weights := f.text(handbook, 10, "leave", "badge"), f.idf(handbook, "leave", "badge")
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{
		indexEntry("new", 1, 0, axis(1), "leave", "leave"), indexEntry("doc", 2, 0, axis(1), "badge"), indexEntry("doc", 2, 1, axis(1), "badge"),
	}))
	require.Equal(f, text, f.text(handbook, 10, "leave", "badge"))
	require.Equal(f, weights, f.idf(handbook, "leave", "badge"))
	require.Len(f, f.dense(handbook, 10, axis(1)), 2)
}

func indexReplaces(f *indexFixture) {
	f.publish(handbook, indexEntry("other", 1, 0, axis(5), "day"))
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"), indexEntry("doc", 1, 1, axis(2), "leave", "old"))
	f.publish(handbook, indexEntry("doc", 2, 0, axis(3), "leave", "new"))
	require.Equal(f, []string{chunkID("doc", 2, 0)}, chunkIDs(f.text(handbook, 10, "leave", "old", "new")))
	require.ElementsMatch(f, []string{chunkID("doc", 2, 0), chunkID("other", 1, 0)}, chunkIDs(f.dense(handbook, 10, axis(3))))
	require.Equal(f, f.idf(handbook, "never"), f.idf(handbook, "old"), "no trace in the statistics")
}

// indexAtomic searches while versions are published: each version has its own
// number of chunks, and a search must see all chunks of exactly one version.
func indexAtomic(f *indexFixture) {
	const versions = 15
	f.publish(handbook, indexEntry("other", 1, 0, axis(9), "day"))
	size := map[string]int{}
	var all [][]ingest.Entry
	for version := 1; version <= versions; version++ {
		var entries []ingest.Entry
		for seq := range 3 + version%4 {
			e := indexEntry("doc", version, seq, axis(seq), "leave", fmt.Sprintf("v%d", version))
			entries = append(entries, e)
			size[e.ChunkID] = version
		}
		all = append(all, entries)
	}
	f.publish(handbook, all[0]...)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for n := range 3 {
		readers.Go(func() {
			for last := false; !last; {
				select {
				case <-done:
					last = true // once more, after the last publish
				default:
				}
				hits, err := f.Text(f.Context(), handbook, []string{"leave", fmt.Sprintf("v%d", n)}, 100)
				if n == 0 {
					hits, err = f.Dense(f.Context(), handbook, axis(0), 100)
				}
				if err != nil {
					f.Error(err)
					return
				}
				if problem := wholeVersion(hits, size, all); problem != "" {
					f.Error(problem)
					return
				}
			}
		})
	}
	for _, entries := range all[1:] {
		f.publish(handbook, entries...)
	}
	close(done)
	readers.Wait()
	require.Len(f, f.text(handbook, 100, "leave"), len(all[versions-1]))
}

func wholeVersion(hits []rag.Hit, version map[string]int, all [][]ingest.Entry) string {
	seen := map[int]int{}
	for _, h := range hits {
		if v := version[h.ChunkID]; v > 0 {
			seen[v]++
		}
	}
	if len(seen) != 1 {
		return fmt.Sprintf("a search saw %d versions of a document: %v", len(seen), seen)
	}
	for v, n := range seen {
		if n != len(all[v-1]) {
			return fmt.Sprintf("a search saw %d of %d chunks of version %d", n, len(all[v-1]), v)
		}
	}
	return ""
}

func indexDiscards(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"))
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{
		indexEntry("doc", 2, 0, axis(1), "leave"), indexEntry("doc", 2, 1, axis(1), "leave"), indexEntry("other", 2, 0, axis(1), "leave"),
	}))
	for range 2 {
		require.NoError(f, f.Discard(f.Context(), handbook, "doc", 2))
		require.NoError(f, f.Publish(f.Context(), handbook, "doc", 2))
		require.Equal(f, []string{chunkID("doc", 1, 0)}, f.found(handbook, "leave"))
	}
	require.NoError(f, f.Publish(f.Context(), handbook, "other", 2))
	require.Len(f, f.found(handbook, "leave"), 2)
	require.NoError(f, f.Discard(f.Context(), rag.Scope{Tenant: "acme", Store: "vs_none"}, "doc", 1))
}

func indexOlder(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"))
	f.publish(handbook, indexEntry("doc", 3, 0, axis(3), "leave", "new"))
	f.publish(handbook, indexEntry("doc", 2, 0, axis(2), "leave", "old"), indexEntry("doc", 2, 1, axis(2), "leave"))
	require.Equal(f, []string{chunkID("doc", 3, 0)}, f.found(handbook, "leave", "old"))
	require.Equal(f, 1, f.remove(handbook, "doc"), "the older version was discarded")
}

func indexRemoves(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"), indexEntry("doc", 1, 1, axis(2), "leave"))
	f.publish(handbook, indexEntry("other", 1, 0, axis(3), "leave"))
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{indexEntry("doc", 2, 0, axis(1), "leave")}))
	require.Equal(f, 3, f.remove(handbook, "doc"), "published and staged")
	require.Equal(f, []string{chunkID("other", 1, 0)}, f.found(handbook, "leave"))
	require.Zero(f, f.remove(handbook, "doc"))
	require.NoError(f, f.Publish(f.Context(), handbook, "doc", 2))
	require.Len(f, f.found(handbook, "leave"), 1)
}

func indexRemovesStore(f *indexFixture) {
	other := rag.Scope{Tenant: "other", Store: handbook.Store}
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"))
	f.publish(other, indexEntry("doc", 1, 1, axis(1), "leave"))
	require.NoError(f, f.RemoveStore(f.Context(), handbook))
	require.NoError(f, f.RemoveStore(f.Context(), handbook))
	require.Empty(f, f.found(handbook, "leave"))
	require.Len(f, f.found(other, "leave"), 1)
	f.publish(handbook, indexEntry("doc", 1, 2, axis(1), "leave"))
	require.Equal(f, []string{chunkID("doc", 1, 2)}, f.found(handbook, "leave"))
}

func indexTwice(f *indexFixture) {
	entries := []ingest.Entry{indexEntry("doc", 1, 0, axis(1), "leave", "day"), indexEntry("doc", 1, 1, axis(2), "day")}
	f.publish(handbook, entries...)
	text, dense := f.text(handbook, 10, "leave", "day"), f.dense(handbook, 10, axis(1))
	require.NoError(f, f.Publish(f.Context(), handbook, "doc", 1))
	require.Equal(f, text, f.text(handbook, 10, "leave", "day"))
	require.NoError(f, f.Upsert(f.Context(), handbook, entries))
	require.NoError(f, f.Upsert(f.Context(), handbook, entries[:1]))
	require.NoError(f, f.Publish(f.Context(), handbook, "doc", 1))
	require.NoError(f, f.Publish(f.Context(), handbook, "doc", 1))
	require.Equal(f, text, f.text(handbook, 10, "leave", "day"))
	require.Equal(f, dense, f.dense(handbook, 10, axis(1)))
	require.Equal(f, 2, f.remove(handbook, "doc"))
}

func indexUpsertReplaces(f *indexFixture) {
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{indexEntry("doc", 1, 0, axis(1), "wrong")}))
	f.publish(handbook, indexEntry("doc", 1, 0, axis(2), "right"))
	require.Empty(f, f.text(handbook, 10, "wrong"))
	require.Len(f, f.text(handbook, 10, "right"), 1)
	require.InDelta(f, 1, f.dense(handbook, 10, axis(2))[0].Score, 1e-6)
}

func indexAbsent(f *indexFixture) {
	require.NoError(f, f.Publish(f.Context(), handbook, "doc", 1))
	require.NoError(f, f.RemoveStore(f.Context(), handbook))
	require.Zero(f, f.remove(handbook, "doc"))
	require.NoError(f, f.Upsert(f.Context(), handbook, nil))
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"))
	require.NoError(f, f.Publish(f.Context(), handbook, "other", 1))
	require.Len(f, f.found(handbook, "leave"), 1)
}

// indexChanges publishes, replaces and removes at random, searching in between, and
// then compares with a store that only ever saw the final state.
func indexChanges(f *indexFixture) {
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // repeatable on purpose
	final := map[string][]ingest.Entry{}
	version := map[string]int{}
	for range 120 {
		document := fmt.Sprintf("doc%d", r.IntN(12))
		if r.IntN(4) == 0 {
			require.Equal(f, len(final[document]), f.remove(handbook, document))
			delete(final, document)
			continue
		}
		version[document]++
		var entries []ingest.Entry
		for seq := range 1 + r.IntN(5) {
			entries = append(entries, indexEntry(document, version[document], seq, randomVector(r), someTerms(r)...))
		}
		f.publish(handbook, entries...)
		final[document] = entries
		f.text(handbook, 10, someTerms(r)...)
	}
	fresh := rag.Scope{Tenant: "acme", Store: "vs_fresh"}
	var all []ingest.Entry
	original := map[string]string{} // a chunk's id is never that of another store's
	for document, entries := range final {
		all = append(all, entries...)
		same := slices.Clone(entries)
		for seq := range same {
			same[seq].ChunkID = chunkID("fresh "+document, same[seq].Version, seq)
			original[same[seq].ChunkID] = entries[seq].ChunkID
		}
		f.publish(fresh, same...)
	}
	for range 20 {
		terms, q := someTerms(r), randomVector(r)
		want, got := f.text(fresh, len(all), terms...), f.text(handbook, len(all), terms...)
		for i, h := range want {
			want[i].ChunkID = original[h.ChunkID]
		}
		require.Equal(f, sortedIDs(want), sortedIDs(got))
		for i := range want {
			require.InDelta(f, want[i].Score, got[i].Score, 1e-9)
		}
		require.Equal(f, chunkIDs(bruteForce(all, q))[:1], chunkIDs(f.dense(handbook, 1, q)))
		require.Len(f, f.dense(handbook, 1000, q), len(all))
		require.Equal(f, f.idf(fresh, terms...), f.idf(handbook, terms...))
	}
}

func someTerms(r *rand.Rand) []string {
	out := make([]string, 1+r.IntN(12))
	for i := range out {
		out[i] = fmt.Sprintf("w%d", r.IntN(1+r.IntN(40)))
	}
	return out
}

func sortedIDs(hits []rag.Hit) []string {
	ids := chunkIDs(hits)
	slices.Sort(ids)
	return ids
}
