package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// Batches keeps which files were attached together, as api and ingest want it.
type Batches interface {
	ingest.Batches
	CreateBatch(ctx context.Context, scope rag.Scope, fileIDs []string) (rag.Batch, error)
	Batch(ctx context.Context, scope rag.Scope, id string) (rag.Batch, error)
	BatchFiles(ctx context.Context, scope rag.Scope, id string, page rag.Page) ([]rag.Document, bool, error)
}

// attached adds a file of its own to the store.
func (f Fixture) fromFile(t *testing.T, scope rag.Scope, name string) rag.Document {
	t.Helper()
	file, err := f.AddFile(t.Context(), rag.File{Tenant: scope.Tenant, Filename: name, SHA256: hash(name), Bytes: 1})
	require.NoError(t, err)
	doc, _, err := f.Accept(t.Context(), ingest.Accepted{Tenant: scope.Tenant, StoreID: scope.Store, FileID: file.ID})
	require.NoError(t, err)
	return doc
}

func batchSuite(t *testing.T, open OpenLibrary) {
	t.Run("counts are those of the documents", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope, other := f.scope(t, "handbook"), f.scope(t, "board")
		done, bad, waiting, gone := f.fromFile(t, scope, "a"), f.fromFile(t, scope, "b"), f.fromFile(t, scope, "c"), f.fromFile(t, scope, "d")
		f.fromFile(t, scope, "not of the batch")
		b, err := f.CreateBatch(t.Context(), scope, []string{done.ID, bad.ID, waiting.ID, gone.ID, done.ID})
		require.NoError(t, err)
		require.Equal(t, map[rag.State]int{rag.StateQueued: 4}, b.Counts)
		require.Equal(t, scope.Store, b.StoreID)
		require.False(t, b.CreatedAt.IsZero())

		f.ready(t, done, "some words")
		require.NoError(t, f.Fail(t.Context(), refOf(bad), rag.CodeNoText, "It has no text."))
		_, err = f.Remove(t.Context(), scope, gone.ID)
		require.NoError(t, err)
		again, err := f.Batch(t.Context(), scope, b.ID)
		require.NoError(t, err)
		require.Equal(t, rag.Batch{ID: b.ID, StoreID: scope.Store, CreatedAt: b.CreatedAt, Gone: 1,
			Counts: map[rag.State]int{rag.StateReady: 1, rag.StateFailed: 1, rag.StateQueued: 1}}, again)

		var seen []string
		for page := (rag.Page{Limit: 2, Ascending: true}); ; {
			docs, more, err := f.BatchFiles(t.Context(), scope, b.ID, page)
			require.NoError(t, err)
			for _, d := range docs {
				seen = append(seen, d.ID)
				page.After = d.ID
			}
			if !more {
				break
			}
		}
		require.ElementsMatch(t, []string{done.ID, bad.ID, waiting.ID}, seen)

		for _, elsewhere := range []rag.Scope{other, {Tenant: "other", Store: scope.Store}} {
			_, err = f.Batch(t.Context(), elsewhere, b.ID)
			requireCode(t, rag.CodeNotFound, err)
			_, _, err = f.BatchFiles(t.Context(), elsewhere, b.ID, rag.Page{Limit: 1})
			requireCode(t, rag.CodeNotFound, err)
			_, err = f.CancelBatch(t.Context(), elsewhere, b.ID)
			requireCode(t, rag.CodeNotFound, err)
			_, err = f.CreateBatch(t.Context(), rag.Scope{Tenant: elsewhere.Tenant, Store: "vs_none"}, nil)
			requireCode(t, rag.CodeNotFound, err)
		}
		_, err = f.RemoveStore(t.Context(), scope)
		require.NoError(t, err)
		_, err = f.Batch(t.Context(), scope, b.ID)
		requireCode(t, rag.CodeNotFound, err)
	})
	t.Run("cancelling takes out what is not searchable yet", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		done, bad, waiting, renewed := f.fromFile(t, scope, "a"), f.fromFile(t, scope, "b"), f.fromFile(t, scope, "c"), f.upload(t, scope, "d", "old")
		f.ready(t, done, "some words")
		f.ready(t, renewed, "old words")
		renewed = f.upload(t, scope, "d", "new")
		require.NoError(t, f.Fail(t.Context(), refOf(bad), rag.CodeNoText, "It has no text."))
		b, err := f.CreateBatch(t.Context(), scope, []string{done.ID, bad.ID, waiting.ID, renewed.ID})
		require.NoError(t, err)

		r, err := f.CancelBatch(t.Context(), scope, b.ID)
		require.NoError(t, err)
		require.Equal(t, []ingest.Target{{StoreID: scope.Store, DocumentID: waiting.ID}}, r.Targets)
		requireAll(t, f, refOf(waiting), ingest.ErrStale)
		_, err = f.File(t.Context(), tenant, waiting.ID)
		require.NoError(t, err, "the file itself stays")
		pending, err := f.Pending(t.Context(), tenant, r.ID)
		require.NoError(t, err)
		require.Equal(t, r.Targets, pending.Targets)
		require.Equal(t, "sweep", last(f.Jobs(t)))

		again, err := f.Batch(t.Context(), scope, b.ID)
		require.NoError(t, err)
		require.True(t, again.Cancelled)
		require.Equal(t, 1, again.Gone)
		require.Equal(t, map[rag.State]int{rag.StateReady: 1, rag.StateFailed: 1, rag.StateQueued: 1}, again.Counts)
		f.ready(t, renewed, "new words")
		r, err = f.CancelBatch(t.Context(), scope, b.ID)
		require.NoError(t, err, "cancelling twice does no harm")
		require.Empty(t, r.Targets)
		require.Empty(t, r.ID)
	})
}
