package leftover_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver

	"groundwork/internal/leftover"
)

const rows = 400

// table has rows of about 100 to 600 bytes in the order of random keys: the pages of its tree are balanced all the time.
type table struct {
	*sql.DB
	t    *testing.T
	kept *leftover.File
	file string
	ids  []string
	rand *rand.Rand
}

func secret(n int) string { return fmt.Sprintf("secret%06d", n) }

// open opens a file as one that is kept without leftovers, or as SQLite would have it.
func open(t *testing.T, file string, seed uint64, kept bool) *table {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=secure_delete(ON)&_pragma=wal_autocheckpoint(0)")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	x := &table{DB: db, t: t, file: file, rand: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // the same in every run
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	x.exec("PRAGMA synchronous = NORMAL") // the first statement makes the file
	if kept {
		x.kept, err = leftover.Open(t.Context(), db, file)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, x.kept.Close(context.WithoutCancel(t.Context()))) })
	}
	return x
}

func (x *table) exec(query string, args ...any) {
	x.t.Helper()
	_, err := x.ExecContext(x.t.Context(), query, args...)
	require.NoError(x.t, err)
}

func (x *table) checkpoint(how string) {
	x.t.Helper()
	done, err := x.kept.Checkpoint(x.t.Context(), how)
	require.NoError(x.t, err)
	require.True(x.t, done)
	require.Zero(x.t, left(x.t, x.file))
}

func left(t *testing.T, file string) int {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	return leftover.Left(raw)
}

// fill inserts the rows, and calls then after each.
func (x *table) fill(then func(n int)) {
	x.t.Helper()
	x.exec("CREATE TABLE a (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")
	for n := range rows {
		id := fmt.Sprintf("%08x", x.rand.Uint32())
		x.ids = append(x.ids, id)
		x.exec("INSERT INTO a VALUES (?, ?)", id, bytes.Repeat([]byte(secret(n)), 10+x.rand.IntN(40)))
		then(n)
	}
}

// remove deletes the first half of the rows.
func (x *table) remove(ids []string) {
	x.t.Helper()
	for _, id := range ids[:rows/2] {
		x.exec("DELETE FROM a WHERE id = ?", id)
	}
}

// holds counts the removed rows of which something is left in the file or its log, and requires the others.
func holds(t *testing.T, file string) (removed int) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	log, err := os.ReadFile(file + "-wal")
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	raw = append(raw, log...)
	for n := range rows {
		switch there := bytes.Contains(raw, []byte(secret(n))); {
		case n >= rows/2:
			require.True(t, there)
		case there:
			removed++
		}
	}
	return removed
}

func (x *table) sound() {
	x.t.Helper()
	var result string
	require.NoError(x.t, x.QueryRowContext(x.t.Context(), "PRAGMA integrity_check").Scan(&result))
	require.Equal(x.t, "ok", result)
	var n int
	require.NoError(x.t, x.QueryRowContext(x.t.Context(), "SELECT count(*) FROM a").Scan(&n))
	require.Equal(x.t, rows/2, n)
}

// nothingLeft empties the log and requires that nothing of the removed rows is left, and the others are.
func (x *table) nothingLeft() {
	x.t.Helper()
	x.checkpoint(leftover.Truncate)
	require.Zero(x.t, holds(x.t, x.file), x.file)
	x.sound()
}

const seeds = 10

// TestSQLiteLeavesCopiesOfRowsThatMoved says why there is this package.
func TestSQLiteLeavesCopiesOfRowsThatMoved(t *testing.T) {
	t.Parallel()
	found, pages := 0, 0
	for seed := range uint64(seeds) {
		x := open(t, filepath.Join(t.TempDir(), "a.db"), seed, false)
		x.fill(func(int) {})
		x.remove(x.ids)
		x.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		found += holds(t, x.file)
		pages += left(t, x.file)
	}
	require.Positive(t, found, "SQLite clears them by itself now: this package can go")
	require.Positive(t, pages)
}

func TestNothingOfRemovedRowsIsLeft(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		x := open(t, filepath.Join(t.TempDir(), "a.db"), seed, true)
		x.fill(func(n int) {
			if n%70 == 0 {
				x.checkpoint(leftover.Passive) // the next row begins the log anew
			}
		})
		x.remove(x.ids)
		x.nothingLeft()
	}
}

func TestFileOfAnEarlierVersionIsClearedWhenItIsOpened(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		old := open(t, filepath.Join(t.TempDir(), "a.db"), seed, false)
		old.fill(func(int) {})
		require.NoError(t, old.Close())
		require.Positive(t, left(t, old.file))
		x := open(t, old.file, seed, true)
		x.checkpoint(leftover.Truncate)
		x.remove(old.ids)
		x.nothingLeft()
	}
}

// TestAfterADeath has another process copy the log into the file that died before it cleared anything.
func TestAfterADeath(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		dead := open(t, filepath.Join(t.TempDir(), "a.db"), seed, true)
		dead.fill(func(n int) {
			if n == rows/2 {
				dead.checkpoint(leftover.Truncate)
			}
		})
		file := filepath.Join(t.TempDir(), "a.db")
		for _, suffix := range []string{"", "-wal"} {
			raw, err := os.ReadFile(dead.file + suffix)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file+suffix, raw, 0o600))
		}
		if seed%2 == 0 {
			reader := open(t, file, seed, false)
			reader.exec("SELECT count(*) FROM a")
			require.NoError(t, reader.Close())
			require.NoFileExists(t, file+"-wal")
			require.Positive(t, left(t, file))
		}
		x := open(t, file, seed, true)
		x.checkpoint(leftover.Truncate)
		x.remove(dead.ids)
		x.nothingLeft()
	}
}

// state is the file's user_version as the file itself has it.
func state(t *testing.T, file string) byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	return raw[63]
}

func TestFileSaysWhetherItWasClosed(t *testing.T) {
	t.Parallel()
	x := open(t, filepath.Join(t.TempDir(), "a.db"), 1, true)
	x.checkpoint(leftover.Truncate)
	require.EqualValues(t, 2, state(t, x.file), "open")
	require.NoError(t, x.kept.Close(t.Context()))
	require.EqualValues(t, 1, state(t, x.file), "closed")
	beside := open(t, x.file, 1, false)
	require.NoError(t, leftover.Beside(t.Context(), beside.DB))
	require.NoError(t, beside.Close())
	require.Zero(t, state(t, x.file), "somebody else wrote")
	x = open(t, x.file, 1, true)
	x.exec("CREATE TABLE b (n INTEGER)")
	beside = open(t, x.file, 1, false)
	require.NoError(t, leftover.Beside(t.Context(), beside.DB))
	require.NoError(t, beside.Close())
	x.checkpoint(leftover.Truncate)
	require.EqualValues(t, 2, state(t, x.file), "beside whoever keeps it")
}

// TestLookingAtTheLogCopiesNothing: an SQLite that does not know how to would copy it.
func TestLookingAtTheLogCopiesNothing(t *testing.T) {
	t.Parallel()
	x := open(t, filepath.Join(t.TempDir(), "a.db"), 1, true)
	x.fill(func(int) {})
	before, err := os.ReadFile(x.file)
	require.NoError(t, err)
	beside := open(t, x.file, 1, false)
	require.NoError(t, leftover.Beside(t.Context(), beside.DB))
	require.NoError(t, beside.Close())
	after, err := os.ReadFile(x.file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after))
}

func TestFileBehindALink(t *testing.T) {
	t.Parallel()
	file, link := filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "b.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Symlink(file, link))
	x := open(t, link, 1, true)
	x.fill(func(int) {})
	x.checkpoint(leftover.Truncate)
	x.remove(x.ids)
	x.checkpoint(leftover.Truncate)
	require.Zero(t, holds(t, file))
}

// TestFramesThatDoNotCount puts a frame behind the log's end, as a failed sync
// or a power cut may leave one: what is written over it later is cleared too.
func TestFramesThatDoNotCount(t *testing.T) {
	t.Parallel()
	x := open(t, filepath.Join(t.TempDir(), "a.db"), 1, true)
	x.exec("CREATE TABLE b (n INTEGER)")
	raw, err := os.ReadFile(x.file + "-wal")
	require.NoError(t, err)
	for range 500 { // without right checksums
		raw = append(raw, raw[len(raw)-4096-24:]...)
	}
	require.NoError(t, os.WriteFile(x.file+"-wal", raw, 0o600))
	done, err := x.kept.Checkpoint(t.Context(), leftover.Passive)
	require.NoError(t, err)
	require.True(t, done)
	for n := range 40 {
		x.exec(fmt.Sprintf("CREATE TABLE c%d (body TEXT)", n))
	}
	x.fill(func(int) {})
	x.remove(x.ids)
	x.nothingLeft()
}

// TestConnectionThatIsDroppedCopiesNothing: a driver drops one that was interrupted, and SQLite copies the log with the last one.
func TestConnectionThatIsDroppedCopiesNothing(t *testing.T) {
	t.Parallel()
	x := open(t, filepath.Join(t.TempDir(), "a.db"), 1, true)
	x.fill(func(int) {})
	before, err := os.Stat(x.file + "-wal")
	require.NoError(t, err)
	require.Positive(t, before.Size())
	conn, err := x.Conn(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn) // the pool closes it
	after, err := os.Stat(x.file + "-wal")
	require.NoError(t, err)
	require.Equal(t, before.Size(), after.Size())
	x.remove(x.ids)
	x.nothingLeft()
}

func TestLogIsKeptShort(t *testing.T) {
	t.Parallel()
	x := open(t, filepath.Join(t.TempDir(), "a.db"), 1, true)
	x.exec("PRAGMA journal_size_limit = 0")
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		x.kept.Keep(ctx, time.Millisecond, 200_000, func(err error) { t.Error(err) })
	})
	size := func(file string) int64 {
		info, err := os.Stat(file)
		require.NoError(t, err)
		return info.Size()
	}
	copies := 0
	x.fill(func(int) {
		if size(x.file+"-wal") < 200_000 {
			return
		}
		before := size(x.file + "-wal")
		require.Eventually(t, func() bool {
			x.exec("PRAGMA user_version = 0") // whoever writes next begins the log anew
			return size(x.file+"-wal") < before
		}, time.Minute, time.Millisecond)
		copies++
	})
	require.Greater(t, copies, 3)
	stop()
	keeping.Wait()
	x.remove(x.ids)
	x.nothingLeft()
}

// TestLogThatAReaderNeedsGrowsOn holds a reader back and writes on beside it.
func TestLogThatAReaderNeedsGrowsOn(t *testing.T) {
	t.Parallel()
	x := open(t, filepath.Join(t.TempDir(), "a.db"), 1, true)
	x.exec("CREATE TABLE b (n INTEGER)")
	reader, err := sql.Open("sqlite", "file:"+x.file+"?_pragma=query_only(1)")
	require.NoError(t, err)
	defer reader.Close()
	tx, err := reader.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	var n int
	require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT count(*) FROM b").Scan(&n))
	x.fill(func(int) {})
	done, err := x.kept.Checkpoint(t.Context(), leftover.Passive)
	require.NoError(t, err)
	require.False(t, done)
	x.remove(x.ids)
	require.NoError(t, tx.Rollback())
	x.nothingLeft()
}
