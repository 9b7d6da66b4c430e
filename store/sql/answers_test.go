package sql_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

func TestKeptAnswersHaveABoundAnAgeAndNoTraceAfterwards(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "library.db")
	keepAndForget(t, open(t, sql.Options{Path: path}), func() string { return bytesOnDisk(t, path) })
}

func TestKeptAnswersOnPostgreSQL(t *testing.T) {
	t.Parallel()
	keepAndForget(t, open(t, sql.Options{URL: pgtest.URL(t)}), nil)
}

func keepAndForget(t *testing.T, store *sql.Store, disk func() string) {
	t.Helper()
	st, err := store.CreateStore(t.Context(), rag.DefaultTenant, "handbook", nil)
	require.NoError(t, err)
	scope := rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID}
	doc, _, err := store.Accept(t.Context(), ingest.Accepted{Tenant: scope.Tenant, StoreID: scope.Store, Path: "a.md", SHA256: "aa", Bytes: 1})
	require.NoError(t, err)
	keep := func(id, body string, documents ...string) error {
		return store.KeepAnswer(t.Context(), scope, id, body, documents, 2, time.Hour)
	}
	for i := range 3 {
		require.NoError(t, keep(fmt.Sprint("ans_", i), "quetzalcoatl", doc.ID, doc.ID))
	}
	require.NoError(t, keep("ans_gone", "of a document that is gone", "file-gone"))
	kept := func(tenant, id string, age time.Duration) rag.Code {
		_, err := store.KeptAnswer(t.Context(), tenant, id, age)
		return rag.CodeOf(err)
	}
	require.Equal(t, rag.CodeNotFound, kept(scope.Tenant, "ans_0", time.Hour), "only two are kept")
	require.Equal(t, rag.CodeNotFound, kept(scope.Tenant, "ans_gone", time.Hour))
	require.Empty(t, kept(scope.Tenant, "ans_2", time.Hour))
	require.Equal(t, rag.CodeNotFound, kept("other", "ans_2", time.Hour))
	require.Equal(t, rag.CodeNotFound, kept(scope.Tenant, "ans_2", -time.Hour), "too old")

	if disk != nil {
		require.Contains(t, disk(), "quetzalcoatl")
	}
	removal, err := store.Remove(t.Context(), scope, doc.ID)
	require.NoError(t, err)
	require.NoError(t, store.Removed(t.Context(), removal, 0))
	require.Equal(t, rag.CodeNotFound, kept(scope.Tenant, "ans_2", time.Hour), "it goes with its document")
	if disk != nil {
		require.NotContains(t, disk(), "quetzalcoatl")
	}

	require.NoError(t, keep("ans_4", "an abstention"))
	require.NoError(t, store.ForgetAnswers(t.Context(), -time.Hour))
	require.Equal(t, rag.CodeNotFound, kept(scope.Tenant, "ans_4", time.Hour))
	require.NoError(t, keep("ans_5", "another"))
	_, err = store.RemoveStore(t.Context(), scope)
	require.NoError(t, err)
	require.Equal(t, rag.CodeNotFound, kept(scope.Tenant, "ans_5", time.Hour), "and with its store")
}
