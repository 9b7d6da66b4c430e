package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"groundwork/rag"
)

// Reader lists what an index holds, beside the process that works on it.
type Reader struct {
	inventory
	source      string // of a connection that may write
	Dimensions  int
	Fingerprint string
}

// OpenReader opens the index in dir to read it, whatever it was made for;
// rag.CodeNotFound when there is none.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	file := filepath.Join(dir, "index.db")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, rag.Fail(rag.CodeNotFound, "There is no index at "+dir+".")
	}
	source := dsn(file, Options{}.withDefaults().PageCache)
	db, err := sql.Open("sqlite", source+"&_query_only=1")
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	r := &Reader{inventory: inventory{db}, source: source}
	meta, err := readMeta(ctx, db)
	if err == nil && meta["format"] != format {
		err = Options{}.fits(meta)
	}
	if err == nil {
		r.Fingerprint = meta["fingerprint"]
		r.Dimensions, err = strconv.Atoi(meta["dimensions"])
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), db.Close())
	}
	return r, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.db.Close() }

// Snapshot writes the index as it is at this moment to a folder, where nothing may be yet, to be opened there.
func (r *Reader) Snapshot(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("copy the index: %w", err)
	}
	db, err := sql.Open("sqlite", r.source) // SQLite takes a copy for a write
	if err != nil {
		return fmt.Errorf("copy the index: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	file := filepath.Join(dir, "index.db")
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return fmt.Errorf("copy the index: %w", err)
	}
	return os.Chmod(file, 0o600)
}
