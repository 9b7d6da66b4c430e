package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

func acceptSuite(t *testing.T, open OpenLibrary) {
	t.Run("a new path is a queued document, a file and a job", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		doc, created, err := f.Accept(t.Context(), upload(scope, "guides/leave.md", "leave"))
		require.NoError(t, err)
		require.True(t, created)
		require.Regexp(t, `^file-[0-9A-Za-z]{24}$`, doc.ID)
		require.Equal(t, rag.Document{ID: doc.ID, Tenant: tenant, StoreID: scope.Store, Path: "guides/leave.md", SHA256: hash("leave"), Bytes: 5,
			MediaType: "text/plain", Version: 1, State: rag.StateQueued, CreatedAt: doc.CreatedAt, UpdatedAt: doc.CreatedAt}, doc)
		require.Equal(t, doc, f.document(t, doc))
		file, err := f.File(t.Context(), tenant, doc.ID)
		require.NoError(t, err)
		require.Equal(t, rag.File{ID: doc.ID, Tenant: tenant, Filename: "guides/leave.md", Purpose: "assistants", SHA256: doc.SHA256, Bytes: 5, CreatedAt: doc.CreatedAt}, file)
		require.Equal(t, []string{"parse"}, f.Jobs(t))
	})
	t.Run("the same again changes nothing", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		first := f.upload(t, scope, "leave.md", "leave")
		f.Advance(time.Hour)
		again, created, err := f.Accept(t.Context(), upload(scope, "leave.md", "leave"))
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, first, again)
		f.ready(t, first, "a b")
		again, created, err = f.Accept(t.Context(), upload(scope, "leave.md", "leave"))
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, rag.StateReady, again.State)
		require.Equal(t, []string{"parse", "embed", "publish"}, f.Jobs(t))
	})
	t.Run("other content is the next version", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		first := f.upload(t, scope, "leave.md", "leave")
		f.Advance(time.Hour)
		second := f.upload(t, scope, "leave.md", "more leave")
		require.Equal(t, first.ID, second.ID)
		require.Equal(t, 2, second.Version)
		require.Equal(t, hash("more leave"), second.SHA256)
		require.Equal(t, first.CreatedAt, second.CreatedAt)
		require.Equal(t, first.CreatedAt.Add(time.Hour), second.UpdatedAt)
		require.Equal(t, second, f.document(t, second))
		file, err := f.File(t.Context(), tenant, first.ID)
		require.NoError(t, err)
		require.Equal(t, second.SHA256, file.SHA256)
		require.Equal(t, []string{"parse", "parse"}, f.Jobs(t))
	})
	t.Run("the same path in another store is another document", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		one := f.upload(t, f.scope(t, "one"), "leave.md", "leave")
		two := f.upload(t, f.scope(t, "two"), "leave.md", "leave")
		require.NotEqual(t, one.ID, two.ID)
	})
	t.Run("many at once make one document", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		var wg sync.WaitGroup
		ids := make([]string, 8)
		for i := range ids {
			wg.Go(func() {
				doc, _, err := f.Accept(t.Context(), upload(scope, "leave.md", "leave"))
				if err != nil {
					t.Error(err)
				}
				ids[i] = doc.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			require.Equal(t, ids[0], id)
		}
		require.Equal(t, []string{"parse"}, f.Jobs(t))
	})
	t.Run("nothing is taken for a store or tenant that is not there", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		_, _, err := f.Accept(t.Context(), upload(rag.Scope{Tenant: tenant, Store: "vs_absent"}, "a.md", "a"))
		requireCode(t, rag.CodeNotFound, err)
		_, _, err = f.Accept(t.Context(), upload(rag.Scope{Tenant: "other", Store: scope.Store}, "a.md", "a"))
		requireCode(t, rag.CodeNotFound, err)
		require.Empty(t, f.Jobs(t))
	})
	t.Run("a full queue refuses and says when to come back", func(t *testing.T) {
		t.Parallel()
		for _, limits := range []Limits{{MaxQueue: 2}, {MaxQueueTenant: 2}} {
			f := open(t, limits)
			scope := f.scope(t, "handbook")
			a := f.upload(t, scope, "a.md", "a")
			require.NoError(t, f.Admit(t.Context(), tenant))
			f.upload(t, scope, "b.md", "b")
			_, _, err := f.Accept(t.Context(), upload(scope, "c.md", "c"))
			requireCode(t, rag.CodeBusy, err)
			var busy *rag.Error
			require.ErrorAs(t, err, &busy)
			require.Positive(t, busy.RetryAfter)
			requireCode(t, rag.CodeBusy, f.Admit(t.Context(), tenant))
			require.Equal(t, limits.MaxQueue > 0, f.Admit(t.Context(), "other") != nil)
			f.upload(t, scope, "a.md", "a") // known already: nothing to enqueue
			f.ready(t, a, "x")
			require.NoError(t, f.Admit(t.Context(), tenant))
			f.upload(t, scope, "c.md", "c")
		}
	})
	t.Run("a file is attached as its own document", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		byPath := f.upload(t, scope, "leave.md", "leave")
		file, err := f.AddFile(t.Context(), rag.File{Tenant: tenant, Filename: "leave.md", Purpose: "user_data", SHA256: hash("x"), Bytes: 1})
		require.NoError(t, err)
		require.Regexp(t, `^file-[0-9A-Za-z]{24}$`, file.ID)
		attach := ingest.Accepted{Tenant: tenant, StoreID: scope.Store, FileID: file.ID}
		doc, created, err := f.Accept(t.Context(), attach)
		require.NoError(t, err)
		require.True(t, created)
		require.Equal(t, file.ID, doc.ID)
		require.NotEqual(t, byPath.ID, doc.ID)
		require.Equal(t, "leave.md", doc.Path)
		require.Equal(t, hash("x"), doc.SHA256)
		again, created, err := f.Accept(t.Context(), attach)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, doc, again)
		attach.StoreID = f.scope(t, "other").Store
		_, _, err = f.Accept(t.Context(), attach)
		require.NoError(t, err)
		held, err := f.Holders(t.Context(), everywhere, file.ID)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{scope.Store, attach.StoreID}, held)
		attach.FileID = "file-absent"
		_, _, err = f.Accept(t.Context(), attach)
		requireCode(t, rag.CodeNotFound, err)
	})
	t.Run("odd paths are kept as they are", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		for _, path := range []string{"ordner/Übung 100%.md", "a'; DROP TABLE documents; --", strings.Repeat("x", 255), "日本語.txt", longPath()} {
			require.Equal(t, path, f.document(t, f.upload(t, scope, path, path)).Path)
		}
	})
}

// longPath has 4,000 bytes that no compression makes much shorter.
func longPath() string {
	var path strings.Builder
	for i := 0; path.Len() < 4000; i++ {
		path.WriteString(hash(fmt.Sprint(i))[:40] + "/")
	}
	return path.String()[:4000]
}
