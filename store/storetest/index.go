package storetest

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// Dimensions of the vectors in the Index suite.
const Dimensions = 48

// Searchable is an index from both sides.
type Searchable interface {
	ingest.Index
	ingest.Describer
	ingest.Inventory
	ingest.Mender
	rag.Searcher
}

// Index checks an index of vectors with Dimensions dimensions. open gives an
// empty one; called again in the same test it opens the same data again, after
// the first was closed when it is an io.Closer.
func Index(t *testing.T, open func(t *testing.T) Searchable) {
	for name, test := range map[string]func(*indexFixture){
		"an empty store finds nothing":                         indexEmptyStore,
		"text ranks rarer terms and shorter chunks higher":     indexTextOrder,
		"text takes hostile terms":                             indexTextHostile,
		"idf counts the chunks of the store":                   indexIdfCounts,
		"dense ranks by cosine":                                indexDenseOrder,
		"dense equals a scan in float64":                       indexDenseExact,
		"dense refuses a wrong number of dimensions":           indexDenseDimensions,
		"ties go by chunk id":                                  indexTies,
		"k limits and zero finds nothing":                      indexLimits,
		"stores and tenants do not see each other":             indexIsolation,
		"scores do not move when another store grows":          indexStatistics,
		"unpublished entries are neither found nor counted":    indexUnpublished,
		"publish replaces the version before":                  indexReplaces,
		"searches see a version entirely or not at all":        indexAtomic,
		"discard takes what is staged for one version":         indexDiscards,
		"an older version does not come back":                  indexOlder,
		"remove takes all versions and counts":                 indexRemoves,
		"removing a store leaves the others":                   indexRemovesStore,
		"everything runs twice":                                indexTwice,
		"an upsert replaces the entry with its id":             indexUpsertReplaces,
		"another opening finds the same":                       indexReopens,
		"what was removed stays so after the next opening":     indexReopensRemoved,
		"publish and remove of what is not there do no harm":   indexAbsent,
		"the inventory lists what is held":                     indexInventory,
		"the inventory knows terms that are not its own":       indexTermsMark,
		"mending a sound store changes nothing":                indexMend,
		"the inventory of a large store ends with its caller":  indexInventoryLong,
		"scores after many changes equal those of a new store": indexChanges,
		"a filter finds the documents that fit":                indexFilters,
		"groups find the documents that allow one of them":     indexGroups,
		"a description holds until the next one":               indexRedescribes,
		"the inventory marks what is described":                indexMarks,
		"filtered searches are exact":                          indexFilteredExactly,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&indexFixture{T: t, Searchable: open(t), open: open})
		})
	}
}

// indexFixture is one test's index with short words for what tests do.
type indexFixture struct {
	*testing.T
	Searchable
	open func(t *testing.T) Searchable
}

var handbook = rag.Scope{Tenant: "acme", Store: "vs_handbook"}

// publish stores the entries of one version and makes it findable.
func (f *indexFixture) publish(scope rag.Scope, entries ...ingest.Entry) {
	f.Helper()
	require.NoError(f, f.Upsert(f.Context(), scope, entries))
	require.NoError(f, f.Publish(f.Context(), scope, entries[0].DocumentID, entries[0].Version))
}

func (f *indexFixture) text(scope rag.Scope, k int, terms ...string) []rag.Hit {
	f.Helper()
	hits, err := f.Text(f.Context(), scope, terms, k)
	require.NoError(f, err)
	return hits
}

func (f *indexFixture) dense(scope rag.Scope, k int, v []float32) []rag.Hit {
	f.Helper()
	hits, err := f.Dense(f.Context(), scope, v, k)
	require.NoError(f, err)
	return hits
}

func (f *indexFixture) idf(scope rag.Scope, terms ...string) []float64 {
	f.Helper()
	weights, err := f.IDF(f.Context(), scope, terms)
	require.NoError(f, err)
	return weights
}

func (f *indexFixture) remove(scope rag.Scope, document string) (chunks int) {
	f.Helper()
	chunks, vectors, err := f.Remove(f.Context(), scope, document)
	require.NoError(f, err)
	require.Equal(f, chunks, vectors)
	return chunks
}

// reopen closes the index and opens its data again.
func (f *indexFixture) reopen() {
	f.Helper()
	if c, ok := f.Searchable.(io.Closer); ok {
		require.NoError(f, c.Close())
	}
	f.Searchable = f.open(f.T)
}

// found is every chunk that either leg finds for terms; the legs must agree.
func (f *indexFixture) found(scope rag.Scope, terms ...string) []string {
	f.Helper()
	text, dense := chunkIDs(f.text(scope, 1000, terms...)), chunkIDs(f.dense(scope, 1000, axis(1)))
	require.ElementsMatch(f, text, dense)
	return text
}

func chunkIDs(hits []rag.Hit) []string {
	ids := make([]string, 0, len(hits))
	for _, h := range hits {
		ids = append(ids, h.ChunkID)
	}
	return ids
}

func indexEmptyStore(f *indexFixture) {
	require.Empty(f, f.text(handbook, 10, "leave"))
	require.Empty(f, f.dense(handbook, 10, axis(1)))
	require.Len(f, f.idf(handbook, "leave", "day"), 2)
}

func indexLimits(f *indexFixture) {
	var entries []ingest.Entry
	for seq := range 20 {
		entries = append(entries, indexEntry("doc", 1, seq, axis(seq), "leave"))
	}
	f.publish(handbook, entries...)
	for _, k := range []int{1, 7, 20} {
		require.Len(f, f.text(handbook, k, "leave"), k)
		require.Len(f, f.dense(handbook, k, axis(3)), k)
	}
	require.Len(f, f.text(handbook, 500, "leave"), 20)
	require.Len(f, f.dense(handbook, 500, axis(3)), 20)
	require.Empty(f, f.text(handbook, 0, "leave"))
	require.Empty(f, f.dense(handbook, 0, axis(3)))
	require.Empty(f, f.text(handbook, 10))
}

func indexTies(f *indexFixture) {
	var entries []ingest.Entry
	for seq := range 30 {
		entries = append(entries, indexEntry("doc", 1, 29-seq, axis(1), "leave", "day"))
	}
	f.publish(handbook, entries...)
	for _, hits := range [][]rag.Hit{f.text(handbook, 12, "leave"), f.dense(handbook, 12, axis(1))} {
		ids := chunkIDs(hits)
		require.IsIncreasing(f, ids)
		require.Len(f, ids, 12)
		require.Equal(f, smallestID(entries), ids[0])
	}
}

func indexReopens(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave", "day"), indexEntry("doc", 1, 1, axis(2), "leave"))
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{indexEntry("later", 1, 0, axis(3), "leave")}))
	text, dense := f.text(handbook, 10, "leave", "day"), f.dense(handbook, 10, axis(1))
	f.reopen()
	require.Equal(f, text, f.text(handbook, 10, "leave", "day"))
	require.Equal(f, dense, f.dense(handbook, 10, axis(1)))
	require.NoError(f, f.Publish(f.Context(), handbook, "later", 1))
	require.Len(f, f.found(handbook, "leave"), 3)
}

func indexReopensRemoved(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"))
	f.publish(handbook, indexEntry("other", 1, 0, axis(2), "leave"))
	other := rag.Scope{Tenant: "acme", Store: "vs_other"}
	f.publish(other, indexEntry("doc", 1, 0, axis(1), "leave"))
	require.Equal(f, 1, f.remove(handbook, "doc"))
	require.NoError(f, f.RemoveStore(f.Context(), other))
	f.reopen()
	require.Equal(f, []string{chunkID("other", 1, 0)}, f.found(handbook, "leave"))
	require.Empty(f, f.found(other, "leave"))
}

// overContext is a context that is over.
func overContext(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
