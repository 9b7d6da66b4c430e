// Package sql keeps documents, their text and chunks, files, stores, keys and
// jobs in one SQLite file. One connection writes, a few read beside it; a
// transaction that returned is on disk. Statements keep to what PostgreSQL
// understands too.
package sql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Options say where the data lies and what it may grow to.
type Options struct {
	Path           string                 // of the database file; its folder is made
	Now            func() time.Time       // nil: time.Now
	Log            *slog.Logger           // nil: discard
	MaxQueue       int                    // documents on their way before Accept refuses; 0: no limit
	MaxQueueTenant int                    // the same for one tenant
	Readers        int                    // connections for reading; 0: 4
	Middleware     []rivertype.Middleware // of the queue, around inserting and working jobs
	SweepAfter     time.Duration          // until a job looks whether a deletion was completed; 0: 10 s
	Keyless        func() bool            // whether callers without a key are let in while no key was made; nil: never
}

// Store is the database.
type Store struct {
	opt    Options
	writer *sql.DB
	reader *sql.DB
	jobs   *river.Client[*sql.Tx]
}

// Open opens the database, makes it when it does not exist, and migrates it.
// Another process that writes to it makes calls wait, then fail.
func Open(ctx context.Context, opt Options) (*Store, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	opt.SweepAfter = cmp.Or(opt.SweepAfter, 10*time.Second)
	opt.Readers = cmp.Or(opt.Readers, 4)
	if err := touch(opt.Path); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s := &Store{opt: opt}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.writer, err = sql.Open("sqlite", dsn(s.opt.Path, "_txlock", "immediate")); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, s.writer); err != nil {
		return err
	}
	if s.reader, err = sql.Open("sqlite", dsn(s.opt.Path, "_query_only", "1")); err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(s.opt.Readers)
	s.reader.SetMaxIdleConns(s.opt.Readers)
	s.reader.SetConnMaxIdleTime(time.Minute)
	s.jobs, err = river.NewClient(riversqlite.New(s.writer), &river.Config{Logger: quiet(s.opt.Log), Middleware: s.opt.Middleware})
	return err
}

// Close closes the database; it may be called on a half-opened one.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
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

// touch makes the file before SQLite does, which would let others read it.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// write runs f in a transaction. An error of f rolls everything back.
func (s *Store) write(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := f(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// now is the time as rows hold it.
func (s *Store) now() int64 { return s.opt.Now().UnixMicro() }

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows of a query.
func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // its error is that of rows.Err
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func scanString(row scanner) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}
