package sql

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"

	"groundwork/ingest"
)

// JobKinds are the kinds of the unfinished jobs, in the order they were enqueued.
func (s *Store) JobKinds(ctx context.Context) ([]string, error) {
	return collect(ctx, s.reader, scanString, "SELECT kind FROM river_job WHERE finalized_at IS NULL ORDER BY id")
}

// HoldStore renames a store to "late", and stands still before it commits.
func (s *Store) HoldStore(ctx context.Context, id string, entered chan<- struct{}, resume <-chan struct{}) error {
	return s.write(ctx, "hold a store", func(ctx context.Context, tx *txn) error {
		if err := tx.exec(ctx, "UPDATE stores SET name = 'late' WHERE id = ?", id); err != nil {
			return err
		}
		close(entered)
		<-resume
		return nil
	})
}

// Number is number.
var Number = number

// Dial makes a connection as those to PostgreSQL are made.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dialer().DialContext(ctx, network, address)
}

// Exec runs a statement.
func (s *Store) Exec(ctx context.Context, query string) error {
	return s.write(ctx, "test", func(ctx context.Context, tx *txn) error { return tx.exec(ctx, query) })
}

// Tables are all of the database, and those that are exported.
func (s *Store) Tables(ctx context.Context) (there, exported []string, err error) {
	there, err = collect(ctx, s.reader, scanString, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river_%'")
	for _, t := range all {
		exported = append(exported, t.name)
	}
	return there, exported, err
}

// HoldAccept is Accept that stands still before it commits.
func (s *Store) HoldAccept(ctx context.Context, a ingest.Accepted, entered chan<- struct{}, resume <-chan struct{}) error {
	return s.write(ctx, "hold a document", func(ctx context.Context, tx *txn) error {
		if _, _, err := s.accept(ctx, tx, a); err != nil {
			return err
		}
		close(entered)
		<-resume
		return nil
	})
}

// LockWaits counts the connections to the database that wait for a lock.
func (s *Store) LockWaits(ctx context.Context) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n)
	return n, err
}

const attendants = ` FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
	WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted`

// Attendants are the server's processes that hold shared locks for those that attend.
func (s *Store) Attendants(ctx context.Context) ([]string, error) {
	return collect(ctx, s.reader, scanString, "SELECT pid::text"+attendants)
}

// EndAttendants ends them.
func (s *Store) EndAttendants(ctx context.Context) error {
	_, err := collect(ctx, s.reader, scanAny(1), "SELECT pg_terminate_backend(pid)"+attendants)
	return err
}

// Statements that delete kept replies.
const (
	OldReplies        = oldReplies
	RepliesOf         = repliesOf
	AttachedDocuments = attachedDocuments
)

// KeptStatements are those that reads have run on SQLite.
func (s *Store) KeptStatements() []string { return slices.Collect(maps.Keys(s.reader.kept.known)) }

// Plan is how SQLite carries a statement out.
func (s *Store) Plan(ctx context.Context, query string) ([]string, error) {
	return collect(ctx, s.reader, func(row scanner) (step string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &step)
		return step, err
	}, "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
}
