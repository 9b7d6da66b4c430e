package app_test

import (
	"testing"
	"time"

	qc "github.com/qdrant/go-client/qdrant"
	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/qdrant/qdranttest"
)

// TestDeletedDocumentsAreGoneFromPostgreSQLAndQdrant deletes half of the
// documents: no row of any table and no point holds anything of them.
func TestDeletedDocumentsAreGoneFromPostgreSQLAndQdrant(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
	cfg.Store.SQL, cfg.Store.Index = configs.Secret(pgtest.URL(t)), "qdrant"
	cfg.Store.Qdrant.URL = qdranttest.StartOwn(t).URL
	cfg.Answer.Keep, cfg.Answer.KeepFor = 1000, time.Hour
	b := newBench(t, cfg)
	s := start(t, cfg)
	gone, kept := halves(s.takeIn(24))
	answers := s.answers(gone, kept)
	for _, d := range append(gone, kept...) {
		require.NotEmpty(t, b.holding(t, d.word), "else the test cannot fail")
		require.NotZero(t, b.points(t, d))
	}
	terms := b.count(t, "SELECT count(*) FROM ledger_terms")
	for _, d := range gone {
		s.delete(d)
	}
	for _, d := range gone {
		require.Empty(t, b.holding(t, d.word))
		require.Empty(t, b.holding(t, d.path))
		require.Zero(t, b.points(t, d))
	}
	require.Less(t, b.count(t, "SELECT count(*) FROM ledger_terms"), terms)
	require.Zero(t, b.count(t, "SELECT count(*) FROM ledger_terms WHERE chunks <= 0"))
	for _, d := range kept {
		require.NotEmpty(t, b.holding(t, d.word))
		require.NotZero(t, b.points(t, d))
	}
	s.forgotten(gone)
	s.remembered(kept)
	require.NotEmpty(t, answers)
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
	erased := newTraces()
	for _, d := range gone {
		erased.text.add([]byte(d.content), 5)
	}
	where, n := erased.left(t, cfg.Server.DataDir, nil)
	require.Zero(t, n, "%v", where)
}

// holding are the tables that have a row with the text in any column.
func (b bench) holding(t *testing.T, text string) (out []string) {
	t.Helper()
	rows, err := b.db.QueryContext(t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
	require.NoError(t, err)
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, tables)
	for _, name := range tables {
		if b.count(t, `SELECT count(*) FROM "`+name+`" AS r WHERE r::text LIKE '%' || $1 || '%'`, text) > 0 {
			out = append(out, name)
		}
	}
	return out
}

func (b bench) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, b.db.QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

// points are those of a document.
func (b bench) points(t *testing.T, d dossier) uint64 {
	t.Helper()
	n, err := b.qdrant.Count(t.Context(), &qc.CountPoints{CollectionName: b.alias, Exact: qc.PtrOf(true),
		Filter: &qc.Filter{Must: []*qc.Condition{qc.NewMatchKeyword("document", d.id)}}})
	require.NoError(t, err)
	return n
}
