// Package leftover overwrites what SQLite leaves of rows in the unused middle
// of its pages. With secure_delete a row that is deleted is zeroed where it
// stands; but a row that moves to another page when the tree is balanced can
// leave a copy in the page it came from (rebuildPage and copyNodeContent in
// SQLite's btree.c), and deleting the row later does not touch that page.
//
// Everything that SQLite writes stands in its write-ahead log first. So the
// pages in the log are cleared before the log is copied into the file, and
// SQLite must not copy it by itself (wal_autocheckpoint=0).
package leftover

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"
)

// How to copy the log into the file: as much as readers allow, or all of it, and empty the log.
const (
	Passive  = "PASSIVE"
	Truncate = "TRUNCATE"
)

// What a file says of itself by its user_version.
const (
	unknown = iota // nobody looked for leftovers yet
	none           // it has none: it was closed by Close
	kept           // outside its log it has none, unless somebody else copied the log
)

// closeWithin is how long Close waits for a write under way.
const closeWithin = 5 * time.Second

// File is a database whose pages are kept without leftovers.
type File struct {
	db   *sql.DB
	path string
	hold *sql.DB // an idle connection: SQLite copies the log when the last one closes, and drivers drop connections
	// Of whoever holds the one connection of db:
	done  position // up to which the log was cleared
	state int      // user_version
}

// Open takes a file over, in WAL mode and with wal_autocheckpoint=0: it clears
// what the log of a process that died holds, and all pages of a file of which
// that is not enough. db has one connection, the only one that writes, and
// _txlock=immediate; another process may write only what need not be cleared.
func Open(ctx context.Context, db *sql.DB, path string) (*File, error) {
	path, err := filepath.EvalSymlinks(path) // the log lies beside the file itself
	if err != nil {
		return nil, err
	}
	f := &File{db: db, path: path}
	if err := f.on(ctx, f.takeOver); err != nil {
		return nil, err
	}
	hold, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "_pragma=busy_timeout(10000)&_pragma=query_only(1)"}).String())
	if err != nil {
		return nil, err
	}
	hold.SetMaxOpenConns(1)
	f.hold = hold
	var n int
	if err := hold.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n); err != nil {
		return nil, errors.Join(err, hold.Close())
	}
	return f, nil
}

func (f *File) takeOver(ctx context.Context, conn *sql.Conn) error {
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&f.state); err != nil {
		return err
	}
	frames, err := inLog(ctx, conn)
	if err != nil {
		return err
	}
	if f.state == unknown || f.state == kept && frames == 0 { // the log is gone, and nobody knows who copied it
		if err := mark(ctx, conn, unknown); err != nil { // until all is done
			return err
		}
		f.state = unknown
		if err := f.clearAll(ctx, conn); err != nil {
			return err
		}
	}
	return f.clearLogged(ctx, conn, kept)
}

// Beside is for a process that writes what need not be cleared, and sees to
// nothing else: it may be the one that copies the log when it closes.
func Beside(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // back into the pool
	var state int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&state); err != nil {
		return err
	}
	frames, err := inLog(ctx, conn)
	if err != nil || state == unknown || state == kept && frames > 0 { // whoever opens the file next sees it
		return err
	}
	return mark(ctx, conn, unknown)
}

func mark(ctx context.Context, on interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, state int) error {
	_, err := on.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", state))
	return err
}

// inLog is how many frames of the log count, by SQLite itself: behind them may
// be others, of a transaction that a failed sync or a power cut undid.
func inLog(ctx context.Context, conn *sql.Conn) (int64, error) {
	var busy, frames, copied int64
	err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &frames, &copied)
	if err == nil && (busy != 0 || frames < 0) {
		err = errors.New("the write-ahead log cannot be looked at")
	}
	return frames, err
}

// Checkpoint clears the pages in the log and copies the log into the file. Not
// done: readers, or another process, kept it from being copied, or emptied.
func (f *File) Checkpoint(ctx context.Context, how string) (done bool, err error) {
	err = f.on(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := f.clearLogged(ctx, conn, kept); err != nil {
			return err
		}
		done, err = checkpoint(ctx, conn, how)
		return err
	})
	return done, err
}

func checkpoint(ctx context.Context, conn *sql.Conn, how string) (done bool, err error) {
	var busy, frames, copied int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+how+")").Scan(&busy, &frames, &copied)
	return busy == 0 && frames == copied, err
}

// Keep copies the log into the file each time it has grown to limit bytes,
// until ctx ends. It keeps nobody waiting for readers: a log that they need
// grows on.
func (f *File) Keep(ctx context.Context, every time.Duration, limit int64, failed func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var copied logState
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := stateOfLog(f.path)
		if err == nil && now.size >= limit && now != copied {
			var done bool
			if done, err = f.Checkpoint(ctx, Passive); done {
				copied, err = stateOfLog(f.path)
			}
		}
		ticker.Reset(every)
		if err != nil && ctx.Err() == nil {
			failed(err)
			ticker.Reset(every * 30) // a full disk, say: not each time a line in the log
		}
	}
}

// Close clears the pages in the log, marks the file as one without leftovers,
// and closes db. Where that cannot be done, on a full disk, say, the file is
// not marked and the next opening sees to it.
func (f *File) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	_ = f.on(ctx, func(ctx context.Context, conn *sql.Conn) error { return f.clearLogged(ctx, conn, none) })
	return errors.Join(f.hold.Close(), f.db.Close())
}

// on holds the connection, so that nothing is written between two steps of do.
func (f *File) on(ctx context.Context, do func(context.Context, *sql.Conn) error) error {
	conn, err := f.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("take the writing connection: %w", err)
	}
	return errors.Join(do(ctx, conn), conn.Close())
}
