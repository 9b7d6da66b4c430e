package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"groundwork/rag"
)

// ErrAttended says that a server or worker uses the library.
var ErrAttended = rag.Fail(rag.CodeConflict, "a server or worker works on the database; stop all of them first")

// presence is the lock that every server and worker holds shared while it lives, and Adopt for itself.
const presence = "presence"

// Attend keeps Adopt away while this process works on a library that several
// may use, until leave is called. It gives rag.CodeUnavailable while a new index
// takes its place, rag.CodeConflict when that was interrupted. A connection that
// is lost is made anew; overtaken is called, once, when an index took its place
// meanwhile: then this process must end, for it uses the one from before.
func (s *Store) Attend(ctx context.Context, overtaken func(error)) (leave func(), err error) {
	if !s.Shared() {
		return func() {}, nil // the lock on its data directory tells
	}
	conn, number, err := s.attend(ctx)
	if err != nil {
		return nil, s.explain(ctx, "attend", err)
	}
	attending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for err := error(nil); err == nil; {
			_, lost := conn.WaitForNotification(attending) // nobody notifies: it returns when the connection is lost
			s.absent(conn)
			if attending.Err() != nil {
				return
			}
			s.opt.Log.Warn("the connection that tells of this process was lost", "error", lost)
			if conn, err = s.attendAgain(attending, number); err != nil && attending.Err() == nil {
				overtaken(err)
			}
		}
	}()
	return func() { cancel(); <-done }, nil
}

// attend takes the lock on a connection of its own, and tells how many indexes took their place so far.
func (s *Store) attend(ctx context.Context) (conn *pgx.Conn, number int64, err error) {
	ctx, cancel := within(ctx, 2*s.d.reading)
	defer cancel()
	if conn, err = pgx.ConnectConfig(ctx, s.config); err != nil {
		return nil, 0, err
	}
	var held, open bool
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock_shared($1)", lockID(presence)).Scan(&held)
	if err == nil && !held {
		err = &rag.Error{Code: rag.CodeUnavailable, RetryAfter: time.Second, Message: "a new index is taking the place of the old one; try again in a moment"}
	}
	if err == nil { // under the lock: a swap that is not over yet does not begin later
		err = conn.QueryRow(ctx, "SELECT number, open FROM swaps").Scan(&number, &open)
	}
	if err == nil && open {
		err = ErrHalfway
	}
	if err != nil {
		return nil, 0, errors.Join(err, conn.Close(ctx))
	}
	return conn, number, nil
}

// absent gives the lock back, and is not done before it is, unless the database is away: then it gives it back itself.
func (s *Store) absent(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), lockRelease)
	defer cancel()
	_, err := conn.Exec(ctx, "SELECT pg_advisory_unlock_shared($1)", lockID(presence))
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		s.opt.Log.Debug("the database forgets this process by itself", "error", err)
	}
}

// attendAgain waits for the database; an index that took its place since number is an error.
func (s *Store) attendAgain(ctx context.Context, number int64) (*pgx.Conn, error) {
	for attempt := 1; ; attempt++ {
		conn, now, err := s.attend(ctx)
		switch {
		case err == nil && now == number:
			return conn, nil
		case err == nil:
			return nil, errors.Join(errors.New("a new index took the place of the old one while this process had lost the database; start it again with the new configuration"), conn.Close(ctx))
		case errors.Is(err, ErrHalfway):
			return nil, err
		}
		if !pause(ctx, attempt) {
			return nil, ctx.Err()
		}
	}
}

// ErrHalfway is given from the moment when a new index was adopted until it is in its place.
var ErrHalfway = rag.Fail(rag.CodeConflict, "A new index was just about to take the place of the old one when the process ended; run `groundwork reindex` again, with the new configuration, to complete it.")

// Attended reports whether a server or worker uses the library just now.
func (s *Store) Attended(ctx context.Context) (attended bool, err error) {
	if !s.Shared() {
		return false, nil // the lock on its data directory tells
	}
	err = s.write(ctx, "look for servers", func(ctx context.Context, tx *txn) error {
		err := s.alone(ctx, tx)
		if attended = errors.Is(err, ErrAttended); attended {
			return nil
		}
		return err
	})
	return attended, err
}

// alone keeps servers and workers from starting until the transaction ends, or
// gives ErrAttended. Those of an earlier version only tell by leading the queue.
func (s *Store) alone(ctx context.Context, tx *txn) error {
	var free bool
	err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock(?) AND NOT EXISTS (SELECT 1 FROM river_leader WHERE expires_at > now())",
		lockID(presence)).Scan(&free)
	if err == nil && !free {
		err = ErrAttended
	}
	return err
}

// Settled gives rag.CodeConflict from the moment when a new index was adopted until Swapped.
func (s *Store) Settled(ctx context.Context) error {
	if !s.Shared() {
		return nil
	}
	return s.read(ctx, "look whether the index is in its place", func(ctx context.Context, q querier) error {
		var open bool
		if err := q.QueryRowContext(ctx, "SELECT open FROM swaps").Scan(&open); err != nil || !open {
			return err
		}
		return ErrHalfway
	})
}

// Swapped says that the index that was adopted is in its place. It may be called twice.
func (s *Store) Swapped(ctx context.Context) error {
	if !s.Shared() {
		return nil
	}
	return s.write(ctx, "note that the index is in its place", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, "UPDATE swaps SET open = FALSE")
	})
}

// still lets nobody else change documents until the transaction ends; what was
// begun before is seen by what it reads from now on.
func (s *Store) still(ctx context.Context, tx *txn) error {
	if !s.Shared() {
		return nil // SQLite has one writer
	}
	if err := s.alone(ctx, tx); err != nil {
		return err
	}
	for _, q := range []string{
		"SET LOCAL idle_in_transaction_session_timeout = 0",     // it waits for another database
		"LOCK TABLE stores, files, documents IN EXCLUSIVE MODE", // in the order of all; a weaker mode lets others lock a row, and then both wait
		"UPDATE swaps SET number = number + 1, open = TRUE",
	} {
		if err := tx.exec(ctx, q); err != nil {
			return fmt.Errorf("keep documents as they are: %w", err)
		}
	}
	return nil
}
