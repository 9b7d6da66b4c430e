package sql

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"time"

	"groundwork/ingest"
	"groundwork/rag"
)

const (
	// lockWait is how long a lock is waited for.
	lockWait = 10 * time.Second
	// lockLease is how long what runs under a lock may take.
	lockLease = 2 * time.Minute
	// lockSlack is how much longer than its lease a lock is kept.
	lockSlack = 15 * time.Second
	// lockRelease is how long giving a lock back may take: a database that is
	// away then gives it back itself.
	lockRelease = 5 * time.Second
)

// Locks keep apart what must not overlap: in this process on SQLite, in all
// processes on PostgreSQL.
func (s *Store) Locks() ingest.Locks {
	if s.Shared() {
		return advisory{s, s.locks}
	}
	return &s.local
}

// advisory locks of PostgreSQL, each held by a transaction of its own.
type advisory struct {
	s    *Store
	from *pool // of the transactions
}

// Shared runs do while nobody is in Exclusive with the same key.
func (a advisory) Shared(ctx context.Context, key string, do func(context.Context) error) error {
	return a.run(ctx, lock{a.from, "pg_try_advisory_xact_lock_shared", key, lockWait, lockLease}, do)
}

// Exclusive runs do while nobody else is in Shared or Exclusive with the same key.
func (a advisory) Exclusive(ctx context.Context, key string, do func(context.Context) error) error {
	return a.run(ctx, lock{a.from, "pg_try_advisory_xact_lock", key, lockWait, lockLease}, do)
}

func (a advisory) run(ctx context.Context, l lock, do func(context.Context) error) error {
	var result error
	err := a.s.holding(ctx, l, func(ctx context.Context) error {
		result = do(ctx)
		return nil
	})
	if result != nil {
		return result
	}
	return a.s.explain(ctx, "lock", err)
}

// lock is an advisory lock to be taken.
type lock struct {
	from        *pool
	try         string // the function that takes it
	key         string
	wait, lease time.Duration
}

// holding runs do in this process while a transaction holds the lock. It asks
// again until it gets the lock: a statement that waits for it would hold up
// those that rebuild indexes. The context of do ends before the lock may be lost.
func (s *Store) holding(ctx context.Context, l lock, do func(context.Context) error) (err error) {
	hold, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.wait+l.lease+lockSlack)
	defer cancel()
	wait, cancelWait := context.WithTimeout(ctx, l.wait)
	defer cancelWait()
	conn, err := l.from.Conn(wait)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()     // the transaction on it has ended: its error counts
	stop := context.AfterFunc(wait, cancel) // the transaction outlives the wait, its beginning must not
	tx, err := conn.BeginTx(hold, nil)
	if stop(); err != nil {
		if wait.Err() != nil {
			err = wait.Err()
		}
		return err
	}
	defer func() { err = release(tx, cancel, err) }()
	for attempt := 1; ; attempt++ {
		var held bool
		if err := tx.QueryRowContext(wait, "SELECT "+l.try+"($1)", lockID(l.key)).Scan(&held); err != nil {
			return err
		}
		if held {
			break
		}
		if !pause(wait, attempt) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &rag.Error{Code: rag.CodeUnavailable, RetryAfter: time.Second, Message: "another process is busy with the same thing; try again in a moment"}
		}
	}
	inner, cancelInner := context.WithTimeout(ctx, l.lease)
	defer cancelInner()
	return do(inner)
}

// release ends the lock, or what holds it when that takes too long. A
// connection that was lost meanwhile had lost the lock, and then nothing done
// under it can be relied on.
func release(tx *sql.Tx, cancel context.CancelFunc, err error) error {
	timer := time.AfterFunc(lockRelease, cancel)
	defer timer.Stop()
	if end := tx.Commit(); err == nil && end != nil {
		return unavailable(fmt.Errorf("the lock was lost: %w", end))
	}
	return err
}

func lockID(key string) int64 {
	h := fnv.New64a()
	h.Write([]byte("groundwork\x00" + key)) // a hash never fails
	return int64(h.Sum64())                 //nolint:gosec // any 64 bits will do
}
