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
	db, err := sql.Open("sqlite", dsn(file, Options{}.withDefaults().PageCache)+"&_query_only=1")
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	r := &Reader{inventory: inventory{db}}
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
