package local_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
	"groundwork/store/storetest"
)

var scope = rag.Scope{Tenant: "acme", Store: "vs_1"}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]local.Options{"default": {}, "no term cache": {TermCache: 1}, "one reader": {Readers: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dirs sync.Map
			storetest.Index(t, func(t *testing.T) storetest.Searchable {
				dir, _ := dirs.LoadOrStore(t.Name(), t.TempDir())
				fitting := o
				fitting.Dimensions = storetest.Dimensions
				return open(t, dir.(string), fitting)
			})
		})
	}
}

func open(t testing.TB, dir string, o local.Options) *local.Index {
	t.Helper()
	x, err := local.Open(t.Context(), dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}

// setup gives an empty index of vectors with 4 dimensions.
func setup(t testing.TB) (x *local.Index, dir string) {
	t.Helper()
	dir = t.TempDir()
	return open(t, dir, local.Options{Dimensions: 4, Fingerprint: "model a"}), dir
}

func entryOf(document string, version, seq int, terms ...string) ingest.Entry {
	angle := float64(seq) / 100
	return ingest.Entry{
		ChunkID: fmt.Sprintf("%s/%d/%05d", document, version, seq), DocumentID: document, Version: version,
		Vector: []float32{float32(math.Cos(angle)), float32(math.Sin(angle)), 0, 0}, Terms: terms,
	}
}

func publish(t testing.TB, x *local.Index, entries ...ingest.Entry) {
	t.Helper()
	require.NoError(t, x.Upsert(t.Context(), scope, entries))
	require.NoError(t, x.Publish(t.Context(), scope, entries[0].DocumentID, entries[0].Version))
}

func text(t testing.TB, x *local.Index, terms ...string) []rag.Hit {
	t.Helper()
	hits, err := x.Text(t.Context(), scope, terms, 10_000)
	require.NoError(t, err)
	return hits
}

func TestScoresAreThoseOfAPlainBM25(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	r := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(r, 1.1, 3, 300)
	documents := map[string][]ingest.Entry{}
	for n := range 40 {
		var entries []ingest.Entry
		for seq := range 1 + r.IntN(10) {
			terms := make([]string, 1+r.IntN(60))
			for i := range terms {
				terms[i] = fmt.Sprintf("w%d", zipf.Uint64())
			}
			entries = append(entries, entryOf(fmt.Sprintf("doc%d", n%30), 1+n/30, seq, terms...))
		}
		publish(t, x, entries...)
		documents[entries[0].DocumentID] = entries
	}
	_, _, err := x.Remove(t.Context(), scope, "doc3")
	require.NoError(t, err)
	delete(documents, "doc3")
	for n := range 300 {
		query := []string{fmt.Sprintf("w%d", n), fmt.Sprintf("w%d", n/7), fmt.Sprintf("w%d", 300-n)}
		want := bm25(documents, query)
		got := text(t, x, query...)
		require.Len(t, got, len(want))
		for _, h := range got {
			require.InEpsilon(t, want[h.ChunkID], h.Score, 1e-9, "query %d", n)
		}
	}
}

// bm25 scores every chunk as the textbook says, with k1=1.2, b=0.75 and a mean length of 64.
func bm25(documents map[string][]ingest.Entry, query []string) map[string]float64 {
	scores := map[string]float64{}
	slices.Sort(query)
	for _, term := range slices.Compact(query) {
		chunks, holding, counts, lengths := 0.0, 0.0, map[string]float64{}, map[string]float64{}
		for _, entries := range documents {
			for _, e := range entries {
				chunks++
				lengths[e.ChunkID] = float64(len(e.Terms))
				for _, other := range e.Terms {
					if other == term {
						counts[e.ChunkID]++
					}
				}
				if counts[e.ChunkID] > 0 {
					holding++
				}
			}
		}
		idf := max(1e-6, math.Log((chunks-holding+0.5)/(holding+0.5)))
		for chunk, n := range counts {
			scores[chunk] += idf * n * 2.2 / (n + 1.2*(0.25+0.75*lengths[chunk]/64))
		}
	}
	return scores
}

func TestGenerationCountsChanges(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	first := x.Generation()
	publish(t, x, entryOf("doc", 1, 0, "leave"))
	require.Equal(t, first+1, x.Generation())
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 1))
	require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{entryOf("doc", 2, 0, "leave")}))
	require.Equal(t, first+1, x.Generation(), "nothing that can be found changed")
	_, _, err := x.Remove(t.Context(), scope, "doc")
	require.NoError(t, err)
	require.Equal(t, first+2, x.Generation())
	require.NoError(t, x.Close())
	x = open(t, dir, local.Options{Dimensions: 4, Fingerprint: "model a"})
	require.Equal(t, first+2, x.Generation())
}

func TestAnotherModelIsRefused(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	publish(t, x, entryOf("doc", 1, 0, "leave"))
	generation := x.Generation()
	require.NoError(t, x.Close())
	for _, o := range []local.Options{{Dimensions: 5, Fingerprint: "model a"}, {Dimensions: 4, Fingerprint: "model b"}} {
		_, err := local.Open(t.Context(), dir, o)
		var refused *rag.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, rag.CodeConflict, refused.Code)
		require.Contains(t, refused.Message, "`groundwork reindex`")
	}
	x = open(t, dir, local.Options{Dimensions: 4, Fingerprint: "model a", Reset: true})
	require.Len(t, text(t, x, "leave"), 1, "one that fits is kept")
	require.NoError(t, x.Close())
	x = open(t, dir, local.Options{Dimensions: 5, Fingerprint: "model b", Reset: true})
	require.Empty(t, text(t, x, "leave"))
	require.Greater(t, x.Generation(), generation)
}

func TestDamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.db"), bytes.Repeat([]byte("no index "), 5000), 0o600))
	_, err := local.Open(t.Context(), dir, local.Options{Dimensions: 4})
	var refused *rag.Error
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Message, "`groundwork reindex`")
	x := open(t, dir, local.Options{Dimensions: 4, Reset: true})
	require.Empty(t, text(t, x, "leave"))
}

func TestDimensionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, -1, 1 << 20} {
		_, err := local.Open(t.Context(), t.TempDir(), local.Options{Dimensions: n})
		require.ErrorContains(t, err, "dimensions")
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	publish(t, x, entryOf("doc", 1, 0, "leave"))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
}

func TestStagedForANewerVersionSurvives(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{entryOf("doc", 2, 0, "new")}))
	publish(t, x, entryOf("doc", 1, 0, "old"))
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 2))
	require.Len(t, text(t, x, "new"), 1)
	require.Empty(t, text(t, x, "old"))
}

func TestACancelledPublishChangesNothing(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	publish(t, x, entryOf("doc", 1, 0, "leave", "old"))
	require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{entryOf("doc", 2, 0, "leave", "new")}))
	require.Error(t, x.Publish(overContext(t), scope, "doc", 2))
	require.Len(t, text(t, x, "old"), 1)
	require.Empty(t, text(t, x, "new"))
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 2))
	require.Empty(t, text(t, x, "old"))
	require.Len(t, text(t, x, "new"), 1)
}

// TestManyRemovals goes past the point where memory is compacted.
func TestManyRemovals(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	const documents, chunks = 50, 60
	for document := range documents {
		entries := make([]ingest.Entry, chunks)
		for seq := range entries {
			entries[seq] = entryOf(fmt.Sprintf("doc%02d", document), 1, seq, "every", fmt.Sprintf("doc%02d", document))
		}
		publish(t, x, entries...)
	}
	require.Len(t, text(t, x, "every"), documents*chunks)
	for document := range documents - 2 {
		gone, vectors, err := x.Remove(t.Context(), scope, fmt.Sprintf("doc%02d", document))
		require.NoError(t, err)
		require.Equal(t, []int{chunks, chunks}, []int{gone, vectors})
		require.Len(t, text(t, x, "every"), (documents-1-document)*chunks)
	}
	dense := func() []rag.Hit {
		hits, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 10_000)
		require.NoError(t, err)
		return hits
	}
	words, vectors := text(t, x, "every", "doc48"), dense()
	require.Len(t, vectors, 2*chunks)
	require.NoError(t, x.Close())
	x = open(t, dir, local.Options{Dimensions: 4, Fingerprint: "model a"})
	require.Equal(t, words, text(t, x, "every", "doc48"))
	require.Equal(t, vectors, dense())
}
