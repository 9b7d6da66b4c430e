// Package sql keeps documents, their text and chunks, files, stores, keys and
// jobs, in one SQLite file or in PostgreSQL. Both run the same statements; a
// transaction that returned is on disk. SQLite has one connection that writes
// and a few that read beside it. On PostgreSQL any number of processes use one
// database at once, and a server that is away gives rag.CodeUnavailable.
package sql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"groundwork/ingest"
	"groundwork/internal/leftover"
)

// Options say where the data lies and what it may grow to.
type Options struct {
	URL            string                 // of a PostgreSQL database, postgres://…; empty: SQLite at Path
	Path           string                 // of the database file; its folder is made
	Now            func() time.Time       // nil: time.Now
	Log            *slog.Logger           // nil: discard
	MaxQueue       int                    // documents on their way before Accept refuses; 0: no limit
	MaxQueueTenant int                    // the same for one tenant
	Readers        int                    // connections for reading; 0: 4, 8 on PostgreSQL
	Writers        int                    // connections for writing on PostgreSQL, for locks, and for requests with an Idempotency-Key; 0: 8
	Timeout        time.Duration          // of one read on PostgreSQL; a write may take 6 times as long, a deletion 60 times; 0: 5 s
	SweepAfter     time.Duration          // until a job looks whether a deletion was completed; 0: 10 s
	Beside         bool                   // a server may work on the SQLite file: only keys are written, and the log is left to it
	Keyless        func() bool            // whether callers without a key are let in while no key was made; nil: never
	Middleware     []rivertype.Middleware // of the queue, around inserting and working jobs
}

// Store is the database.
type Store struct {
	opt     Options
	d       *dialect
	writer  *pool
	reader  *pool
	locks   *pool           // PostgreSQL: each connection holds a lock
	repeats *pool           // PostgreSQL: each connection holds the lock of a request with an Idempotency-Key
	turns   chan struct{}   // PostgreSQL: as many as repeats has connections
	listen  *pgxpool.Pool   // PostgreSQL: hears of new jobs
	config  *pgx.ConnConfig // PostgreSQL: of all connections
	jobs    *river.Client[*sql.Tx]
	local   ingest.LocalLocks
	pages   *leftover.File // nil: PostgreSQL, or Options.Beside
	keeping func()         // SQLite: ends keepLogShort
}

// Open opens the database, makes it when it does not exist, and migrates it;
// several processes may do so at once. Another process that writes to a SQLite
// file makes calls wait, then fail.
func Open(ctx context.Context, opt Options) (*Store, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	opt.SweepAfter = cmp.Or(opt.SweepAfter, 10*time.Second)
	s := &Store{opt: opt}
	open := s.openSQLite
	if opt.URL != "" {
		open = s.openPostgres
	}
	if err := open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), s.Close())
	}
	return s, nil
}

// enqueuer is the queue for a process that only enqueues.
func (s *Store) enqueuer(driver riverdriver.Driver[*sql.Tx]) (err error) {
	s.jobs, err = river.NewClient(driver, &river.Config{Logger: quiet(s.opt.Log), FetchCooldown: cooldown, Middleware: s.opt.Middleware})
	return err
}

// Close closes the database; it may be called on a half-opened one.
func (s *Store) Close() error {
	var errs []error
	if s.keeping != nil {
		s.keeping()
	}
	for _, db := range []*pool{s.reader, s.locks, s.repeats} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	switch {
	case s.writer == nil:
	case s.pages == nil: // PostgreSQL, beside a server, or half opened
		errs = append(errs, s.writer.Close())
	default:
		errs = append(errs, s.pages.Close(context.Background()))
	}
	if s.listen != nil {
		s.listen.Close()
	}
	return errors.Join(errs...)
}

// Ping tells whether the database answers; rag.CodeUnavailable when it does not.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "ask the database", func(ctx context.Context, q querier) error {
		var one int
		return q.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	})
}

// Shared tells whether several processes may use the database at once.
func (s *Store) Shared() bool { return s.d.numbered }

// now is the time as rows hold it.
func (s *Store) now() int64 { return s.opt.Now().UnixMicro() }

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
