package sql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/sql"
)

// TestNothingIsReadThatGrowsWithTheLibrary looks at how SQLite carries statements out: each finds its rows by an index.
func TestNothingIsReadThatGrowsWithTheLibrary(t *testing.T) {
	t.Parallel()
	b := newBench(t, sql.Options{})
	_, err := b.Receipt(t.Context(), rag.DefaultTenant, "del_1")
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
	b.versions(t)
	require.NoError(t, b.EachOriginal(t.Context(), func(string, string) error { return nil }))
	_, err = b.Family(t.Context(), b.scope, "file-1")
	require.NoError(t, err)
	statements := []string{sql.OldReplies, sql.RepliesOf, sql.AttachedDocuments}
	for _, q := range b.KeptStatements() {
		if strings.Contains(q, "FROM receipts") || strings.Contains(q, "attached_to IN") || strings.Contains(q, "FROM versions") && strings.Contains(q, "LIMIT") && strings.Contains(q, ">") {
			statements = append(statements, q)
		}
	}
	require.Len(t, statements, 7, "two of receipts, one of attachments, and the next page of versions: %q", statements)
	for _, q := range statements {
		plan, err := b.Plan(t.Context(), q)
		require.NoError(t, err, q)
		require.NotEmpty(t, plan, q)
		for _, step := range plan {
			require.NotContains(t, step, "SCAN", "%s: %q", q, plan)
			if strings.Contains(step, "TEMP B-TREE") { // but for receipts of one object and moment
				require.Contains(t, step, "LAST TERM", "%s: %q", q, plan)
			}
			require.NotContains(t, step, "(tenant=?)", "%s: %q", q, plan)
			require.NotContains(t, step, "(store_id=?)", "%s: %q", q, plan)
		}
	}
}

func TestTheNewestRepliesOfACallerAreKept(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		c, opt := newClock(), place(t)
		opt.Now = c.Now
		b := newBench(t, opt)
		for _, caller := range []string{"many", "other"} {
			require.NoError(t, b.Exec(t.Context(), fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
				INSERT INTO repeats (caller, name, fingerprint, status, body, created_at)
				SELECT '%s', 'k' || CAST(i AS TEXT), '', 200, 'old', %d + i FROM n`, caller, c.Now().UnixMicro()-20000)))
		}
		ask := func(caller, name string) bool {
			_, again, err := b.Once(t.Context(), rag.Repeat{Caller: caller, Name: name}, func(context.Context) (rag.Reply, error) {
				return rag.Reply{Status: 200, Body: []byte("new")}, nil
			})
			require.NoError(t, err)
			return again
		}
		require.True(t, ask("many", "k0"), "10,000 are kept")
		require.False(t, ask("many", "next"))
		require.True(t, ask("many", "next"))
		require.True(t, ask("many", "k1"))
		require.True(t, ask("other", "k0"))
		require.False(t, ask("many", "k0"), "it was the oldest")
	})
}

// versions adds a document with 600 versions of contents v1 and so on: more than a page.
func (b *bench) versions(t *testing.T) (file string) {
	t.Helper()
	ref := b.accept(t, "v1")
	require.NoError(t, b.Exec(t.Context(), fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
		INSERT INTO versions (store_id, document_id, version, tenant, sha256, text)
		SELECT '%s', '%s', i, '%s', 'v' || CAST(i AS TEXT), '' FROM n`, ref.StoreID, ref.DocumentID, ref.Tenant)))
	return ref.DocumentID
}

func TestEveryContentIsNamedWithItsFile(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		b := newBench(t, place(t))
		file, other := b.versions(t), b.accept(t, "other").DocumentID
		want := map[string]bool{"other " + other: true}
		for i := range 600 {
			want[fmt.Sprint("v", i+1, " ", file)] = true
		}
		got := map[string]bool{}
		require.NoError(t, b.EachOriginal(t.Context(), func(sum, file string) error {
			got[sum+" "+file] = true
			return nil
		}))
		require.Equal(t, want, got)
	})
}
