// Package leftover overwrites what SQLite leaves of rows in the unused middle of
// its pages. With secure_delete a row that is deleted is zeroed where it
// stands; but a row that moves to another page when the tree is balanced can
// leave a copy in the page it came from (rebuildPage and copyNodeContent in
// SQLite's btree.c), and deleting the row later does not touch that page.
//
// Everything that SQLite writes stands in its write-ahead log first. So the
// pages in the log are cleared before the log is copied into the file, and
// SQLite must not copy it by itself (wal_autocheckpoint=0).
package leftover

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// How to copy the log into the file: as much as readers allow, or all of it, and empty the log.
const (
	Passive  = "PASSIVE"
	Truncate = "TRUNCATE"
)

// cleared is the user_version of a file in which no page holds leftovers.
const cleared = 1

// logHead is the length in bytes of the head of a log.
const logHead = 32

// maxPages is the size from which the first byte of a page does not tell what it is (128 GiB).
const maxPages = 1 << 25

// layout is where the bytes of a file's pages are.
type layout struct{ size, usable int }

// Find gives the pages of a file with leftovers, by reading all of it: a file
// that was not closed by Close, or was made before there was this package. To
// be called before anything of this process has the file open.
func Find(file string) (pages []uint32, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 100)
	if there, err := begins(f, head); !there {
		return nil, err
	}
	if !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) || binary.BigEndian.Uint32(head[60:]) == cleared {
		return nil, nil // what is no database says so when it is opened
	}
	l := readLayout(head)
	buf := make([]byte, l.size*max(1, (1<<20)/l.size))
	for first := uint32(1); first < maxPages; {
		n, err := f.ReadAt(buf, int64(first-1)*int64(l.size))
		for at := 0; at+l.size <= n; at += l.size {
			if gap := l.slack(buf[at:at+l.size], first); !empty(gap) {
				pages = append(pages, first)
			}
			first++
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// begins reads the first bytes of a file, when there are as many.
func begins(f *os.File, head []byte) (bool, error) {
	_, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return err == nil, err
}

func readLayout(head []byte) layout {
	size := int(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 1 << 16
	}
	return layout{size: size, usable: size - int(head[20])}
}

// slack is what of a page no row and no list uses; nothing of a page that is
// none of a tree. https://www.sqlite.org/fileformat.html#b_tree_pages
func (l layout) slack(page []byte, number uint32) []byte {
	head := 0
	if number == 1 {
		head = 100
	}
	list := head + 8
	switch page[head] {
	case 2, 5:
		list += 4
	case 10, 13:
	default:
		return nil
	}
	from := list + 2*int(binary.BigEndian.Uint16(page[head+3:]))
	to := int(binary.BigEndian.Uint16(page[head+5:]))
	if to == 0 {
		to = 1 << 16
	}
	if from > to || to > l.usable {
		return nil // damaged: not ours to mend
	}
	return page[from:to]
}

func empty(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// logged gives the pages in the write-ahead log of a file, each once.
// https://www.sqlite.org/fileformat.html#the_write_ahead_log
func logged(file string) ([]uint32, error) {
	f, err := os.Open(file + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // other than the file's own, no lock hangs on it
	head := make([]byte, logHead)
	if there, err := begins(f, head); !there {
		return nil, err
	}
	size, salt := int64(binary.BigEndian.Uint32(head[8:])), head[16:24]
	var pages []uint32
	frame := make([]byte, 24)
	for at := int64(logHead); ; at += 24 + size {
		_, err := f.ReadAt(frame, at)
		if errors.Is(err, io.EOF) || err == nil && !bytes.Equal(frame[8:16], salt) { // the end, or what was before the log began anew
			slices.Sort(pages)
			return slices.Compact(pages), nil
		}
		if err != nil {
			return nil, err
		}
		pages = append(pages, binary.BigEndian.Uint32(frame))
	}
}

// Opened clears what Find found, and what the log of a process that died holds.
// From here on the file counts as one with leftovers, until Close.
func Opened(ctx context.Context, db *sql.DB, file string, left []uint32) error {
	return on(ctx, db, func(conn *sql.Conn) error {
		if err := clearLogged(ctx, conn, file, left); err != nil {
			return err
		}
		return mark(ctx, conn, 0)
	})
}

// Close clears the pages in the log, marks the file as one without leftovers,
// and closes db, the last connection that writes. Where that cannot be done, on
// a full disk, say, the file is not marked and the next opening reads all of it.
func Close(ctx context.Context, db *sql.DB, file string) error {
	_ = on(ctx, db, func(conn *sql.Conn) error {
		if err := clearLogged(ctx, conn, file, nil); err != nil {
			return err
		}
		return mark(ctx, conn, cleared)
	})
	return db.Close()
}

// Checkpoint clears the pages in the log and copies the log into the file. db
// has one connection, the only one that writes. Not done: readers, or another
// process, kept it from being copied, or emptied.
func Checkpoint(ctx context.Context, db *sql.DB, file, how string) (done bool, err error) {
	err = on(ctx, db, func(conn *sql.Conn) error {
		if err := clearLogged(ctx, conn, file, nil); err != nil {
			return err
		}
		var busy, frames, copied int
		if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+how+")").Scan(&busy, &frames, &copied); err != nil {
			return err
		}
		done = busy == 0 && frames == copied
		return nil
	})
	return done, err
}

// Keep copies the log into the file each time it has grown by limit bytes, until
// ctx ends. It keeps nobody waiting for readers: a log that they need grows on.
func Keep(ctx context.Context, db *sql.DB, file string, every time.Duration, limit int64, failed func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var last log
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := look(file)
		if err == nil && now.size >= limit && (now.salt != last.salt || now.size >= last.size+limit) {
			last = now
			_, err = Checkpoint(ctx, db, file, Passive)
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

// log tells how long a log became; it has another salt when it begins anew.
type log struct {
	size int64
	salt string
}

func look(file string) (log, error) {
	f, err := os.Open(file + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return log{}, nil
	}
	if err != nil {
		return log{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return log{}, err
	}
	head := make([]byte, logHead)
	_, err = begins(f, head)
	return log{size: info.Size(), salt: string(head[16:24])}, err
}

// on holds the connection, so that nothing is written between two steps of do.
func on(ctx context.Context, db *sql.DB, do func(*sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(conn), conn.Close())
}

func mark(ctx context.Context, conn *sql.Conn, version int) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

func clearLogged(ctx context.Context, conn *sql.Conn, file string, more []uint32) error {
	pages, err := logged(file)
	if err != nil {
		return err
	}
	return clearPages(ctx, conn, append(more, pages...))
}

func clearPages(ctx context.Context, conn *sql.Conn, pages []uint32) error {
	if len(pages) == 0 {
		return nil
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	read, err := tx.PrepareContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = ?")
	if err != nil {
		return err
	}
	defer read.Close() //nolint:errcheck // the error of the transaction counts
	var l layout
	for _, number := range slices.Insert(pages, 0, 1) { // the first one says how all are laid out
		var page []byte
		if err := read.QueryRowContext(ctx, number).Scan(&page); errors.Is(err, sql.ErrNoRows) {
			continue // the file became smaller
		} else if err != nil {
			return err
		}
		if l.size == 0 {
			l = readLayout(page)
		}
		gap := l.slack(page, number)
		if number >= maxPages || empty(gap) {
			continue
		}
		clear(gap)
		if _, err := tx.ExecContext(ctx, "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", page, number); err != nil {
			return err
		}
	}
	return tx.Commit()
}
