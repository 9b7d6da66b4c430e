package leftover

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
)

// maxPages is the size from which the first byte of a page does not tell what
// it is (128 GiB of pages of 4 KiB): such a file is left as it is.
const maxPages = 1 << 25

// atOnce is how many pages of a whole file are cleared in one transaction.
const atOnce = 2000

// layout is where the bytes of a file's pages are.
type layout struct{ usable, pages int }

// readLayout takes the first page. https://www.sqlite.org/fileformat.html#the_database_header
func readLayout(page []byte) layout {
	return layout{usable: len(page) - int(page[20]), pages: int(binary.BigEndian.Uint32(page[28:]))}
}

// unused is what of a page no row and no list uses; nothing of a page that is
// none of a tree. https://www.sqlite.org/fileformat.html#b_tree_pages
func (l layout) unused(page []byte, number uint32) []byte {
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
	if from > to || to > l.usable || l.pages >= maxPages {
		return nil // damaged, and not ours to mend, or too large
	}
	return page[from:to]
}

func empty(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// clearAll clears all pages, and copies them into the file as it goes.
func (f *File) clearAll(ctx context.Context, conn *sql.Conn) error {
	pages, err := withLeftovers(ctx, conn)
	if err != nil {
		return err
	}
	for len(pages) > 0 {
		n := min(atOnce, len(pages))
		if err := within(ctx, conn, func(tx *sql.Tx) error { return clearPages(ctx, tx, pages[:n]) }); err != nil {
			return err
		}
		if _, err := checkpoint(ctx, conn, Passive); err != nil {
			return err
		}
		pages = pages[n:]
	}
	return nil
}

func withLeftovers(ctx context.Context, conn *sql.Conn) (pages []uint32, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT pgno, data FROM sqlite_dbpage ORDER BY pgno")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var l layout
	for rows.Next() {
		var number uint32
		var page sql.RawBytes
		if err := rows.Scan(&number, &page); err != nil {
			return nil, err
		}
		if number == 1 {
			l = readLayout(page)
		}
		if !empty(l.unused(page, number)) {
			pages = append(pages, number)
		}
	}
	return pages, rows.Err()
}

// clearLogged clears the pages in the log that were not cleared before, and says what the file is then.
func (f *File) clearLogged(ctx context.Context, conn *sql.Conn, state int) error {
	frames, err := inLog(ctx, conn)
	if err != nil {
		return err
	}
	pages, to, err := logged(f.path, f.done, frames)
	if err != nil || to == f.done && state == f.state {
		return err // nothing was written since
	}
	err = within(ctx, conn, func(tx *sql.Tx) error {
		if err := clearPages(ctx, tx, pages); err != nil {
			return err
		}
		if state == f.state {
			return nil
		}
		return mark(ctx, tx, state)
	})
	if err == nil {
		f.done, f.state = to, state
	}
	return err
}

func within(ctx context.Context, conn *sql.Conn, do func(*sql.Tx) error) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func clearPages(ctx context.Context, tx *sql.Tx, pages []uint32) error {
	if len(pages) == 0 {
		return nil
	}
	read, err := tx.PrepareContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = ?")
	if err != nil {
		return err
	}
	defer read.Close() //nolint:errcheck // the error of the transaction counts
	var page []byte
	if err := read.QueryRowContext(ctx, 1).Scan(&page); err != nil {
		return err
	}
	l := readLayout(page)
	for _, number := range pages {
		if err := read.QueryRowContext(ctx, number).Scan(&page); errors.Is(err, sql.ErrNoRows) {
			continue // the file became smaller
		} else if err != nil {
			return err
		}
		unused := l.unused(page, number)
		if empty(unused) {
			continue
		}
		clear(unused)
		if _, err := tx.ExecContext(ctx, "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", page, number); err != nil {
			return err
		}
	}
	return nil
}
