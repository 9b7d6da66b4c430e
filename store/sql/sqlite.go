package sql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"groundwork/internal/disk"
	"groundwork/internal/leftover"
)

func (s *Store) openSQLite(ctx context.Context) error {
	s.d = sqlite
	if err := touch(s.opt.Path); err != nil {
		return err
	}
	open := func(more ...string) (*pool, error) {
		db, err := sql.Open("sqlite", dsn(s.opt.Path, more...))
		return &pool{DB: db, d: s.d}, err
	}
	var err error
	if s.writer, err = open("_txlock", "immediate"); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if s.opt.Beside {
		err = leftover.Beside(ctx, s.writer.DB)
	} else {
		s.pages, err = leftover.Open(ctx, s.writer.DB, s.opt.Path)
	}
	if err != nil {
		return err
	}
	if err := migrate(ctx, s.writer.DB, s.d, riversqlite.New(s.writer.DB)); err != nil {
		return err
	}
	if err := s.keepLogShort(ctx); err != nil { // a crash may have come between a deletion and this; another process may read at the moment
		return err
	}
	if s.reader, err = open("_query_only", "1"); err != nil {
		return err
	}
	s.reader.kept = &prepared{known: map[string]*sql.Stmt{}}
	readers := cmp.Or(s.opt.Readers, 4)
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	s.reader.SetConnMaxIdleTime(time.Minute)
	return s.enqueuer(riversqlite.New(s.writer.DB))
}

// logLimit is the size in bytes from which the log is copied into the file.
const logLimit = 4 << 20

// keepLogShort does from now on what SQLite would do by itself, but clears the pages first.
func (s *Store) keepLogShort(ctx context.Context) error {
	if s.opt.Beside {
		return nil
	}
	if _, err := s.pages.Checkpoint(ctx, leftover.Truncate); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var keeping sync.WaitGroup
	keeping.Go(func() {
		s.pages.Keep(ctx, time.Second, logLimit, func(err error) {
			s.opt.Log.Warn("the library's log could not be copied into the file; it is tried again", "error", err)
		})
	})
	s.keeping = func() { cancel(); keeping.Wait() }
	return nil
}

// dsn names the database with its pragmas; more are pairs of driver parameters.
func dsn(path string, more ...string) string {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(ON)",
		"secure_delete(ON)",
		"cache_size(-2000)",           // KiB for each connection
		"wal_autocheckpoint(0)",       // see keepLogShort
		"journal_size_limit(1048576)", // of a log that begins anew
		"temp_store(MEMORY)",
	}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// touch makes the file before SQLite does, which would let others read it and
// never syncs its name.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.Sync(filepath.Dir(path))
}
