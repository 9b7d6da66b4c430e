package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

func trashSuite(t *testing.T, open OpenLibrary) {
	t.Run("removing a document takes everything of it", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc := f.upload(t, scope, "leave.md", "old")
		f.ready(t, doc, "old text")
		newer := f.upload(t, scope, "leave.md", "new")

		r, err := f.Remove(t.Context(), scope, doc.ID)
		require.NoError(t, err)
		require.NotEmpty(t, r.ID)
		require.Equal(t, hash("new"), r.SHA256)
		require.Equal(t, []ingest.Target{{StoreID: scope.Store, DocumentID: doc.ID}}, r.Targets)
		require.ElementsMatch(t, []string{hash("old"), hash("new")}, r.Blobs)

		_, err = f.Document(t.Context(), scope, doc.ID)
		requireCode(t, rag.CodeNotFound, err)
		_, err = f.File(t.Context(), tenant, doc.ID)
		requireCode(t, rag.CodeNotFound, err)
		_, err = f.Text(t.Context(), everywhere, doc.ID)
		requireCode(t, rag.CodeNotFound, err)
		requireAll(t, f, refOf(doc), ingest.ErrStale)
		requireAll(t, f, refOf(newer), ingest.ErrStale)
		_, err = f.Remove(t.Context(), scope, doc.ID)
		requireCode(t, rag.CodeNotFound, err)
		require.Equal(t, "sweep", last(f.Jobs(t)))
		require.NotEqual(t, doc.ID, f.upload(t, scope, "leave.md", "old").ID)
	})
	t.Run("a removal is pending until it is done", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		file, err := f.AddFile(t.Context(), rag.File{Tenant: tenant, Filename: "leave.md", SHA256: hash("x"), Bytes: 1})
		require.NoError(t, err)
		attach := ingest.Accepted{Tenant: tenant, StoreID: scope.Store, FileID: file.ID}
		doc, _, err := f.Accept(t.Context(), attach)
		require.NoError(t, err)
		r, err := f.Remove(t.Context(), scope, doc.ID)
		require.NoError(t, err)
		require.Empty(t, r.Blobs, "the file is still there")

		pending, err := f.Pending(t.Context(), tenant, r.ID)
		require.NoError(t, err)
		require.Equal(t, r.Targets, pending.Targets)
		_, err = f.Pending(t.Context(), "other", r.ID)
		require.ErrorIs(t, err, ingest.ErrDone)
		_, _, err = f.Accept(t.Context(), attach)
		requireCode(t, rag.CodeConflict, err)

		for range 2 {
			require.NoError(t, f.Removed(t.Context(), r))
		}
		_, err = f.Pending(t.Context(), tenant, r.ID)
		require.ErrorIs(t, err, ingest.ErrDone)
		again, _, err := f.Accept(t.Context(), attach)
		require.NoError(t, err)
		require.Greater(t, again.Version, doc.Version, "a job of the removed one must not touch it")
		requireAll(t, f, refOf(doc), ingest.ErrStale)
	})
	t.Run("a document's file stays while another store uses it", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		one, two := f.scope(t, "one"), f.scope(t, "two")
		doc := f.upload(t, one, "leave.md", "leave")
		_, _, err := f.Accept(t.Context(), ingest.Accepted{Tenant: tenant, StoreID: two.Store, FileID: doc.ID})
		require.NoError(t, err)
		r, err := f.Remove(t.Context(), one, doc.ID)
		require.NoError(t, err)
		require.Empty(t, r.Blobs)
		_, err = f.File(t.Context(), tenant, doc.ID)
		require.NoError(t, err)
		r, err = f.Remove(t.Context(), two, doc.ID)
		require.NoError(t, err)
		require.Equal(t, []string{hash("leave")}, r.Blobs)
		_, err = f.File(t.Context(), tenant, doc.ID)
		requireCode(t, rag.CodeNotFound, err)
	})
	t.Run("removing a file takes it out of every store", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		one, two := f.scope(t, "one"), f.scope(t, "two")
		doc := f.upload(t, one, "leave.md", "leave")
		other := f.upload(t, one, "copy.md", "leave")
		_, _, err := f.Accept(t.Context(), ingest.Accepted{Tenant: tenant, StoreID: two.Store, FileID: doc.ID})
		require.NoError(t, err)
		_, err = f.RemoveFile(t.Context(), "other", doc.ID)
		requireCode(t, rag.CodeNotFound, err)
		r, err := f.RemoveFile(t.Context(), tenant, doc.ID)
		require.NoError(t, err)
		require.ElementsMatch(t, []ingest.Target{{StoreID: one.Store, DocumentID: doc.ID}, {StoreID: two.Store, DocumentID: doc.ID}}, r.Targets)
		require.Empty(t, r.Blobs, "copy.md has the same content")
		held, err := f.Holders(t.Context(), everywhere, doc.ID)
		require.NoError(t, err)
		require.Empty(t, held)
		f.document(t, other)
	})
	t.Run("a file in no store leaves nothing pending", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		file, err := f.AddFile(t.Context(), rag.File{Tenant: tenant, Filename: "a.md", SHA256: hash("a"), Bytes: 1})
		require.NoError(t, err)
		r, err := f.RemoveFile(t.Context(), tenant, file.ID)
		require.NoError(t, err)
		require.Empty(t, r.Targets)
		require.Equal(t, []string{hash("a")}, r.Blobs)
		require.Empty(t, f.Jobs(t))
	})
	t.Run("removing a store takes its documents and their files", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope, other := f.scope(t, "handbook"), f.scope(t, "other")
		a := f.upload(t, scope, "a.md", "a")
		f.ready(t, a, "a b")
		kept := f.upload(t, other, "b.md", "b")
		f.upload(t, scope, "b.md", "b")
		file, err := f.AddFile(t.Context(), rag.File{Tenant: tenant, Filename: "c.md", SHA256: hash("c"), Bytes: 1})
		require.NoError(t, err)
		_, _, err = f.Accept(t.Context(), ingest.Accepted{Tenant: tenant, StoreID: scope.Store, FileID: file.ID})
		require.NoError(t, err)

		_, err = f.RemoveStore(t.Context(), rag.Scope{Tenant: "other", Store: scope.Store})
		requireCode(t, rag.CodeNotFound, err)
		r, err := f.RemoveStore(t.Context(), scope)
		require.NoError(t, err)
		require.Equal(t, []ingest.Target{{StoreID: scope.Store}}, r.Targets)
		require.Equal(t, []string{hash("a")}, r.Blobs)
		_, err = f.Store(t.Context(), tenant, "handbook")
		requireCode(t, rag.CodeNotFound, err)
		requireAll(t, f, refOf(a), ingest.ErrStale)
		f.document(t, kept)
		_, err = f.File(t.Context(), tenant, file.ID)
		require.NoError(t, err, "an attached file belongs to nobody else")
		files, _, err := f.Files(t.Context(), tenant, rag.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, files, 2)
	})
}

func last(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[len(s)-1]
}
