package leftover_test

import (
	"bytes"
	"context"
	"database/sql"
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
	file string
	ids  []string
	rand *rand.Rand
}

func secret(n int) string { return fmt.Sprintf("secret%06d", n) }

// open opens file as one that is cleared, or as SQLite would have it.
func open(t *testing.T, file string, seed uint64, cleared bool) *table {
	t.Helper()
	var left []uint32
	if cleared {
		var err error
		left, err = leftover.Find(file)
		require.NoError(t, err)
	}
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=secure_delete(ON)&_pragma=wal_autocheckpoint(0)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(1)
	if cleared {
		require.NoError(t, leftover.Opened(t.Context(), db, file, left))
	}
	return &table{DB: db, t: t, file: file, rand: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // the same in every run
}

func (x *table) exec(query string, args ...any) {
	x.t.Helper()
	_, err := x.ExecContext(x.t.Context(), query, args...)
	require.NoError(x.t, err)
}

func (x *table) checkpoint(how string) {
	x.t.Helper()
	done, err := leftover.Checkpoint(x.t.Context(), x.DB, x.file, how)
	require.NoError(x.t, err)
	require.True(x.t, done)
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

const seeds = 10

// TestSQLiteLeavesCopiesOfRowsThatMoved says why there is this package.
func TestSQLiteLeavesCopiesOfRowsThatMoved(t *testing.T) {
	t.Parallel()
	left := 0
	for seed := range uint64(seeds) {
		x := open(t, filepath.Join(t.TempDir(), "a.db"), seed, false)
		x.fill(func(int) {})
		x.remove(x.ids)
		x.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		left += holds(t, x.file)
	}
	require.Positive(t, left, "SQLite clears them by itself now: this package can go")
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
		x.checkpoint(leftover.Truncate)
		require.Zero(t, holds(t, x.file), "seed %d", seed)
		x.sound()
	}
}

func TestFileOfAnEarlierVersionIsClearedWhenItIsOpened(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		old := open(t, filepath.Join(t.TempDir(), "a.db"), seed, false)
		old.fill(func(int) {})
		require.NoError(t, old.Close())
		x := open(t, old.file, seed, true)
		x.remove(old.ids)
		x.checkpoint(leftover.Truncate)
		require.Zero(t, holds(t, x.file), "seed %d", seed)
		x.sound()
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
		}
		x := open(t, file, seed, true)
		x.remove(dead.ids)
		x.checkpoint(leftover.Truncate)
		require.Zero(t, holds(t, x.file), "seed %d", seed)
		x.sound()
	}
}

func TestFileThatWasClosedIsNotReadAgain(t *testing.T) {
	t.Parallel()
	var withLeftovers string
	for seed := uint64(0); withLeftovers == ""; seed++ {
		old := open(t, filepath.Join(t.TempDir(), "a.db"), seed, false)
		old.fill(func(int) {})
		require.NoError(t, old.Close())
		left, err := leftover.Find(old.file)
		require.NoError(t, err)
		if len(left) > 0 {
			withLeftovers = old.file
		}
	}
	x := open(t, withLeftovers, 1, true)
	require.NoError(t, leftover.Close(t.Context(), x.DB, x.file))
	left, err := leftover.Find(x.file)
	require.NoError(t, err)
	require.Empty(t, left)
	head, err := os.ReadFile(x.file)
	require.NoError(t, err)
	require.EqualValues(t, 1, head[63], "it says so itself")
	x = open(t, withLeftovers, 1, true)
	x.checkpoint(leftover.Truncate)
	head, err = os.ReadFile(x.file)
	require.NoError(t, err)
	require.Zero(t, head[63], "while it is open, it does not")
}

func TestLogIsKeptShort(t *testing.T) {
	t.Parallel()
	x := open(t, filepath.Join(t.TempDir(), "a.db"), 1, true)
	x.exec("PRAGMA journal_size_limit = 0")
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		leftover.Keep(ctx, x.DB, x.file, time.Millisecond, 200_000, func(err error) { t.Error(err) })
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
	x.checkpoint(leftover.Truncate)
	require.Zero(t, holds(t, x.file))
	x.sound()
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
	done, err := leftover.Checkpoint(t.Context(), x.DB, x.file, leftover.Passive)
	require.NoError(t, err)
	require.False(t, done)
	x.remove(x.ids)
	require.NoError(t, tx.Rollback())
	x.checkpoint(leftover.Truncate)
	require.Zero(t, holds(t, x.file))
	x.sound()
}

func TestWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "", "short": "SQLite format 3", "text": string(bytes.Repeat([]byte("no database "), 1000)), "zeros": string(make([]byte, 10_000))} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		_, err := leftover.Find(file)
		require.NoError(t, err, name)
	}
	left, err := leftover.Find(filepath.Join(dir, "none"))
	require.NoError(t, err)
	require.Empty(t, left)
}
