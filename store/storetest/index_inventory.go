package storetest

import (
	"cmp"
	"errors"
	"slices"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// held lists a store, in the order of chunk ids.
func (f *indexFixture) held(scope rag.Scope) []ingest.Held {
	f.Helper()
	var out []ingest.Held
	require.NoError(f, f.Held(f.Context(), scope, func(h ingest.Held) error {
		require.NotEmpty(f, h.Terms)
		h.Terms = "" // see indexTermsMark
		out = append(out, h)
		return nil
	}))
	slices.SortFunc(out, func(a, b ingest.Held) int { return cmp.Compare(a.ChunkID, b.ChunkID) })
	return out
}

func (f *indexFixture) scopes() []rag.Scope {
	f.Helper()
	out, err := f.Scopes(f.Context())
	require.NoError(f, err)
	return out
}

// heldOf is what the inventory says of entries.
func heldOf(published bool, entries ...ingest.Entry) []ingest.Held {
	var out []ingest.Held
	for _, e := range entries {
		out = append(out, ingest.Held{ChunkID: e.ChunkID, DocumentID: e.DocumentID, Version: e.Version,
			Published: published, Length: len(e.Terms), Vector: e.Vector})
	}
	return out
}

func indexInventory(f *indexFixture) {
	require.Empty(f, f.scopes())
	require.Empty(f, f.held(handbook))
	published := []ingest.Entry{indexEntry("doc", 1, 0, axis(1), "leave", "leave", "day"), indexEntry("doc", 1, 1, atCosine(0.3, 2), "leave")}
	staged := []ingest.Entry{indexEntry("doc", 2, 0, atCosine(0.7, 3), "new"), indexEntry("other", 1, 0, axis(4), "day")}
	f.publish(handbook, published...)
	require.NoError(f, f.Upsert(f.Context(), handbook, staged))
	elsewhere := rag.Scope{Tenant: "a/c me", Store: "vs_%2F"}
	f.publish(elsewhere, indexEntry("far", 1, 0, axis(5), "leave"))
	require.ElementsMatch(f, []rag.Scope{handbook, elsewhere}, f.scopes())
	require.ElementsMatch(f, append(heldOf(true, published...), heldOf(false, staged...)...), f.held(handbook))
	require.Equal(f, heldOf(true, indexEntry("far", 1, 0, axis(5), "leave")), f.held(elsewhere))

	require.NoError(f, f.Publish(f.Context(), handbook, "doc", 2))
	require.ElementsMatch(f, append(heldOf(true, staged[0]), heldOf(false, staged[1])...), f.held(handbook), "the older version is gone")
	f.remove(handbook, "doc")
	f.remove(handbook, "other")
	require.Empty(f, f.held(handbook))
	require.Equal(f, []rag.Scope{elsewhere}, f.scopes())
	require.NoError(f, f.RemoveStore(f.Context(), elsewhere))
	require.Empty(f, f.scopes())
}

func indexTermsMark(f *indexFixture) {
	e := indexEntry("doc", 1, 0, axis(1), "leave", "leave", "day")
	marks := func() (out []string) {
		require.NoError(f, f.Held(f.Context(), handbook, func(h ingest.Held) error {
			out = append(out, h.Terms)
			return nil
		}))
		return out
	}
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{e}))
	require.Equal(f, []string{f.TermsMark(e.Terms)}, marks())
	require.NoError(f, f.Publish(f.Context(), handbook, "doc", 1))
	require.Equal(f, []string{f.TermsMark(e.Terms)}, marks())
	for _, other := range [][]string{nil, {"leave"}, {"leave", "day"}, {"leave", "leave", "days"}} {
		require.NotEqual(f, f.TermsMark(e.Terms), f.TermsMark(other))
	}
}

func indexMend(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave", "day"), indexEntry("doc", 1, 1, axis(2), "leave"))
	f.publish(handbook, indexEntry("doc", 2, 0, axis(1), "leave", "day"), indexEntry("doc", 2, 1, axis(2), "leave"))
	f.publish(handbook, indexEntry("other", 1, 0, axis(3), "leave"))
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{indexEntry("third", 1, 0, axis(4), "leave")}))
	before, idf := f.held(handbook), f.idf(handbook, "leave", "day")
	for range 2 {
		unsound, err := f.Unsound(f.Context(), handbook)
		require.NoError(f, err)
		require.Empty(f, unsound)
		require.Equal(f, before, f.held(handbook))
		require.Equal(f, idf, f.idf(handbook, "leave", "day"))
		require.NoError(f, f.Mend(f.Context(), handbook))
	}
	require.NoError(f, f.Mend(f.Context(), rag.Scope{Tenant: "acme", Store: "vs_none"}))
}

func indexInventoryLong(f *indexFixture) {
	var entries []ingest.Entry
	for seq := range 700 {
		entries = append(entries, indexEntry("doc", 1, seq, axis(seq), "leave"))
	}
	f.publish(handbook, entries...)
	require.ElementsMatch(f, heldOf(true, entries...), f.held(handbook))
	enough, n := errors.New("enough"), 0
	err := f.Held(f.Context(), handbook, func(ingest.Held) error {
		if n++; n == 300 {
			return enough
		}
		return nil
	})
	require.ErrorIs(f, err, enough)
	require.Equal(f, 300, n)
}
