package sql_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/sql"
)

func keyOf(verbs ...string) rag.Key { return rag.Key{Tenant: rag.DefaultTenant, Verbs: verbs} }

// handbook is a store in a library of its own.
func handbook(t *testing.T) (store *sql.Store, scope rag.Scope, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "library.db")
	store = open(t, sql.Options{Path: path})
	st, err := store.CreateStore(t.Context(), rag.DefaultTenant, "handbook", nil)
	require.NoError(t, err)
	return store, rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID}, path
}

func TestDeletedTextIsGoneFromDisk(t *testing.T) {
	t.Parallel()
	store, scope, path := handbook(t)
	doc, _, err := store.Accept(t.Context(), ingest.Accepted{Tenant: scope.Tenant, StoreID: scope.Store, Path: "zanzibar-path.md", SHA256: "aa", Bytes: 1})
	require.NoError(t, err)
	ref := ingest.Ref{Tenant: scope.Tenant, StoreID: scope.Store, DocumentID: doc.ID, Version: doc.Version}
	text := "quetzalcoatl was here"
	require.NoError(t, store.SaveText(t.Context(), ref, ingest.Reading{Text: text, Chunks: []ingest.Chunk{{ID: "c1", End: 21, Text: text, Header: "xylophone"}}}, 1))
	secrets := []string{"quetzalcoatl", "xylophone", "zanzibar"}
	for _, secret := range secrets {
		require.Contains(t, bytesOnDisk(t, path), secret)
	}

	removal, err := store.Remove(t.Context(), scope, doc.ID)
	require.NoError(t, err)
	require.NoError(t, store.Removed(t.Context(), removal, 0))
	for _, secret := range secrets {
		require.NotContains(t, bytesOnDisk(t, path), secret)
	}
}

// TestNothingOfDocumentsThatMovedIsLeft: rows of all lengths move from page to
// page as others come and go, and SQLite leaves copies of them.
func TestNothingOfDocumentsThatMovedIsLeft(t *testing.T) {
	t.Parallel()
	store, scope, path := handbook(t)
	const documents = 800
	r := rand.New(rand.NewPCG(2, 1)) //nolint:gosec // the same in every run
	var ids []string
	for n := range documents {
		doc, _, err := store.Accept(t.Context(), ingest.Accepted{
			Tenant: scope.Tenant, StoreID: scope.Store, Path: fmt.Sprintf("%08x", r.Uint32()) + strings.Repeat(fmt.Sprintf("zanzibar%04d", n), 1+r.IntN(40)), SHA256: fmt.Sprint(n), Bytes: 1,
		})
		require.NoError(t, err)
		ids = append(ids, doc.ID)
	}
	for _, id := range ids[:documents/2] {
		removal, err := store.Remove(t.Context(), scope, id)
		require.NoError(t, err)
		require.NoError(t, store.Removed(t.Context(), removal, 0))
	}
	left := bytesOnDisk(t, path)
	for n := range documents {
		require.Equal(t, n >= documents/2, strings.Contains(left, fmt.Sprintf("zanzibar%04d", n)), n)
	}
}
