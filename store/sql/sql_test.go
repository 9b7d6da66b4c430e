package sql_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/pgtest"
	"groundwork/store/sql"
	"groundwork/store/storetest"
)

// clock stands still until it is advanced.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) Now() time.Time          { return time.UnixMicro(c.at.Load()) }
func (c *clock) Advance(d time.Duration) { c.at.Add(d.Microseconds()) }

// newStopwatch measures how long this process runs: it stands still while a busy
// machine gives it no turn, when timers of the code under test do not fire either.
func newStopwatch(t *testing.T) (elapsed func() time.Duration) {
	t.Helper()
	const tick = 10 * time.Millisecond
	var ticks atomic.Int64
	ticker, stop, done := time.NewTicker(tick), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ticker.C: // those that were missed do not come later
				ticks.Add(1)
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() { ticker.Stop(); close(stop); <-done })
	return func() time.Duration { return time.Duration(ticks.Load()) * tick }
}

// both runs a test on SQLite and on PostgreSQL. place names a database of its own.
func both(t *testing.T, test func(t *testing.T, place func(t *testing.T) sql.Options)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T) sql.Options {
			return sql.Options{Path: filepath.Join(t.TempDir(), "data", "library.db")}
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T) sql.Options {
			return sql.Options{URL: pgtest.URL(t), Writers: 4, Readers: 2, Timeout: time.Minute}
		})
	})
}

func open(t *testing.T, opt sql.Options) *sql.Store {
	t.Helper()
	if opt.Path == "" && opt.URL == "" {
		opt.Path = filepath.Join(t.TempDir(), "data", "library.db")
	}
	store, err := sql.Open(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func TestLibrary(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		storetest.Library(t, func(t *testing.T, limits storetest.Limits) storetest.Fixture {
			c, opt := newClock(), place(t)
			opt.Now, opt.MaxQueue, opt.MaxQueueTenant = c.Now, limits.MaxQueue, limits.MaxQueueTenant
			store := open(t, opt)
			return storetest.Fixture{Database: store, Advance: c.Advance, Jobs: func(t *testing.T) []string {
				kinds, err := store.JobKinds(t.Context())
				require.NoError(t, err)
				return kinds
			}}
		})
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		storetest.Keys(t, func(t *testing.T, keyless func() bool) (storetest.Keyring, func(time.Duration)) {
			c, opt := newClock(), place(t)
			opt.Now, opt.Keyless = c.Now, keyless
			return open(t, opt), c.Advance
		})
	})
}

func TestTokensAreNotStored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "library.db")
	store := open(t, sql.Options{Path: path})
	key, token, err := store.CreateKey(t.Context(), keyOf("ask"))
	require.NoError(t, err)
	stored := bytesOnDisk(t, path)
	require.Contains(t, stored, key.ID)
	require.NotContains(t, stored, token)
	require.NotContains(t, stored, strings.TrimPrefix(token, "gw_"))
}

func TestDataSurvivesAndStaysPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "library.db")
	store, err := sql.Open(t.Context(), sql.Options{Path: path})
	require.NoError(t, err)
	made, err := store.CreateStore(t.Context(), "default", "handbook", nil)
	require.NoError(t, err)
	for _, name := range []string{"library.db", "library.db-wal", "library.db-shm"} {
		info, err := os.Stat(filepath.Join(filepath.Dir(path), name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.NoError(t, store.Close())

	found, err := open(t, sql.Options{Path: path}).Store(t.Context(), "default", "handbook")
	require.NoError(t, err)
	require.Equal(t, made.ID, found.ID)
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "library.db")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("this is no database ", 100)), 0o600))
	_, err := sql.Open(t.Context(), sql.Options{Path: path})
	require.ErrorContains(t, err, "open the database")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sql.Open(ctx, sql.Options{Path: filepath.Join(t.TempDir(), "library.db")})
	require.ErrorIs(t, err, context.Canceled)
}

// bytesOnDisk is everything the database wrote, its log too.
func bytesOnDisk(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		all.Write(raw)
	}
	return all.String()
}
