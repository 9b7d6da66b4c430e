package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"groundwork/internal/disk"
)

// querier is a database or a transaction. Statements are written with ?.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// pool is a set of connections.
type pool struct {
	*sql.DB
	d    *dialect
	kept *prepared // nil: the driver compiles, and keeps what it will
}

func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if p.kept == nil {
		return p.DB.QueryContext(ctx, p.d.bind(query), p.d.clean(args)...)
	}
	stmt, err := p.kept.get(ctx, p.DB, query) //nolint:sqlclosecheck // it is kept, and closed with the database
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return p.DB.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if p.kept != nil {
		if stmt, err := p.kept.get(ctx, p.DB, query); err == nil && stmt != nil { //nolint:sqlclosecheck // as above
			return stmt.QueryRowContext(ctx, args...)
		}
	}
	return p.DB.QueryRowContext(ctx, p.d.bind(query), p.d.clean(args)...) // has the error too, if there is one
}

// txn is a transaction.
type txn struct {
	*sql.Tx
	d *dialect
}

func (t *txn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.Tx.QueryContext(ctx, t.d.bind(query), t.d.clean(args)...)
}

func (t *txn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.Tx.QueryRowContext(ctx, t.d.bind(query), t.d.clean(args)...)
}

func (t *txn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.Tx.ExecContext(ctx, t.d.bind(query), t.d.clean(args)...)
}

// exec is ExecContext for a caller that does not count rows.
func (t *txn) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.ExecContext(ctx, query, args...)
	return err
}

// read runs f, which only reads, within the time that a read may take.
func (s *Store) read(ctx context.Context, what string, f func(ctx context.Context, q querier) error) error {
	inner, cancel := within(ctx, s.d.reading)
	defer cancel()
	return s.explain(ctx, what, f(inner, s.reader))
}

// write runs f in a transaction. An error of f rolls everything back. On
// PostgreSQL, f runs again when another transaction was in its way, so it
// changes nothing but the database and its results.
func (s *Store) write(ctx context.Context, what string, f func(ctx context.Context, tx *txn) error) error {
	return s.writeWithin(ctx, s.d.writing, what, f)
}

func (s *Store) writeWithin(ctx context.Context, limit time.Duration, what string, f func(ctx context.Context, tx *txn) error) error {
	inner, cancel := within(ctx, limit)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := s.once(inner, f)
		if err == nil || !inTheWay(err, attempt) || !pause(inner, attempt) {
			return s.explain(ctx, what, err)
		}
	}
}

func (s *Store) once(ctx context.Context, f func(ctx context.Context, tx *txn) error) error {
	tx, err := s.writer.BeginTx(ctx, nil) // PostgreSQL: READ COMMITTED, with row locks where a decision hangs on a row
	if err != nil {
		return err
	}
	if err := f(ctx, &txn{tx, s.d}); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return err
	}
	return tx.Commit()
}

// pause waits longer each time, up to half a second.
func pause(ctx context.Context, attempt int) bool {
	most := min(10*time.Millisecond<<min(attempt, 6), 500*time.Millisecond)
	timer := time.NewTimer(rand.N(most)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// within limits ctx; 0 does not.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// explain wraps an error with what was done, and marks the database being away, or its disk being full, as such.
func (s *Store) explain(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if s.d.numbered && ctx.Err() == nil {
		err = away(err)
	}
	if !s.d.numbered {
		err = disk.Mark(err)
	}
	return fmt.Errorf("%s: %w", what, err)
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
