package pgtest_test

import (
	"context"
	"database/sql"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"groundwork/internal/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := pgtest.Stop(); err != nil {
			println(err.Error())
			code = 1
		}
		os.Exit(code)
	}))
}

func connect(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := connect(t, pgtest.URL(t)), connect(t, pgtest.URL(t))
	_, err := one.ExecContext(t.Context(), "CREATE TABLE t (n INTEGER)")
	require.NoError(t, err)
	_, err = two.ExecContext(t.Context(), "SELECT n FROM t")
	require.ErrorContains(t, err, "does not exist")
}

func TestAServerCanBeStoppedPausedAndRestarted(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	db := connect(t, server.URL)
	_, err := db.ExecContext(t.Context(), "CREATE TABLE t (n INTEGER)")
	require.NoError(t, err)
	require.NoError(t, server.Stop())
	require.Error(t, db.PingContext(t.Context()))
	require.NoError(t, server.Start())
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n))

	require.NoError(t, server.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, db.QueryRowContext(ctx, "SELECT count(*) FROM t").Scan(&n))
	require.NoError(t, server.Resume())
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n))
	require.NoError(t, server.Restart())
	require.NoError(t, db.PingContext(t.Context()))
}
