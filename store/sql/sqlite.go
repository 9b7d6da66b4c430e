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
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"groundwork/internal/disk"
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
	if err := migrate(ctx, s.writer.DB, s.d, riversqlite.New(s.writer.DB)); err != nil {
		return err
	}
	if _, err := s.checkpoint(ctx); err != nil { // a crash may have come between a deletion and this; another process may read at the moment
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

// dsn names the database with its pragmas; more are pairs of driver parameters.
func dsn(path string, more ...string) string {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(ON)",
		"secure_delete(ON)",
		"cache_size(-2000)", // KiB for each connection
		"journal_size_limit(16777216)",
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
