package local

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"groundwork/internal/disk"
	"groundwork/internal/leftover"
	"groundwork/rag"
)

//go:embed schema.sql
var schema string

// format is the version of schema.sql and of the codes; another one is refused.
const format = "1"

// walLimit is the size in bytes from which the log is copied into the file after a write.
const walLimit = 8 << 20

func dsn(file string, pageCache int) string {
	u := url.URL{Scheme: "file", Path: file}
	return u.String() + "?_txlock=immediate&_busy_timeout=10000" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=secure_delete(ON)&_pragma=temp_store(MEMORY)&_pragma=wal_autocheckpoint(0)" +
		"&_pragma=cache_size(-" + strconv.Itoa(pageCache) + ")"
}

// opened is a file with its writing connection.
type opened struct {
	*sql.DB
	pages *leftover.File
}

// openFile opens the writing connection on a file that fits o, and gives the generation.
func openFile(ctx context.Context, file string, o Options) (*opened, int64, error) {
	db, generation, err := tryFile(ctx, file, o, 1)
	var unfit *rag.Error
	if !o.Reset || !errors.As(err, &unfit) || ctx.Err() != nil {
		return db, generation, err
	}
	for _, suffix := range []string{"-wal", "-shm", ""} { // the file last: until then the next start resets again
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, fmt.Errorf("remove the old index: %w", err)
		}
	}
	return tryFile(ctx, file, o, generation+1)
}

// tryFile opens or makes the file. When the file does not fit, the generation
// it had comes with the error.
func tryFile(ctx context.Context, file string, o Options, first int64) (*opened, int64, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, 0, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // SQLite would make it readable for others
	if err != nil {
		return nil, 0, err
	}
	if err := f.Close(); err != nil {
		return nil, 0, err
	}
	for _, dir := range []string{filepath.Dir(file), filepath.Dir(filepath.Dir(file))} { // SQLite never syncs their names
		if err := disk.Sync(dir); err != nil {
			return nil, 0, err
		}
	}
	db, err := sql.Open("sqlite", dsn(file, o.PageCache))
	if err != nil {
		return nil, 0, err
	}
	db.SetMaxOpenConns(1)
	generation, err := prepare(ctx, db, o, first)
	if err != nil {
		return nil, generation, errors.Join(err, db.Close())
	}
	pages, err := leftover.Open(ctx, db, file)
	if err != nil {
		var e *sqlite.Error
		if errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB) {
			err = damaged(err)
		}
		return nil, generation, errors.Join(err, db.Close())
	}
	if err := ready(ctx, db, pages); err != nil {
		return nil, generation, errors.Join(err, pages.Close(context.WithoutCancel(ctx)))
	}
	return &opened{DB: db, pages: pages}, generation, nil
}

func prepare(ctx context.Context, db *sql.DB, o Options, first int64) (int64, error) {
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return 0, damaged(err)
	}
	if tables == 0 {
		if err := create(ctx, db, o, first); err != nil {
			return 0, err
		}
	}
	meta, err := readMeta(ctx, db)
	if err != nil {
		return 0, damaged(err)
	}
	generation, err := strconv.ParseInt(meta["generation"], 10, 64)
	if err != nil {
		return 0, damaged(err)
	}
	return generation, o.fits(meta)
}

// ready makes a file that fits one of today.
func ready(ctx context.Context, db *sql.DB, pages *leftover.File) error {
	if _, err := db.ExecContext(ctx, describing); err != nil {
		return damaged(err)
	}
	if err := addSums(ctx, db); err != nil {
		return damaged(err)
	}
	// A crash may have come between an erasure and the end of its log.
	return truncateLog(ctx, pages)
}

// addSums adds the checksums to a file that was made before there were any.
func addSums(ctx context.Context, db *sql.DB) error {
	for _, table := range []string{"staged", "chunk"} {
		var there int
		err := db.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info(?) WHERE name = 'sum'`, table).Scan(&there)
		if err == nil && there == 0 {
			_, err = db.ExecContext(ctx, `ALTER TABLE `+table+` ADD COLUMN sum INTEGER`)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func create(ctx context.Context, db *sql.DB, o Options, first int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO meta VALUES ('format', ?), ('fingerprint', ?), ('dimensions', ?), ('generation', ?)`,
		format, o.Fingerprint, strconv.Itoa(o.Dimensions), strconv.FormatInt(first, 10))
	if err != nil {
		return err
	}
	return tx.Commit()
}

func readMeta(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT key, value FROM meta`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	meta := map[string]string{}
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			return nil, err
		}
		meta[key] = value
	}
	return meta, rows.Err()
}

func (o Options) fits(meta map[string]string) error {
	dim := strconv.Itoa(o.Dimensions)
	switch {
	case meta["format"] != format:
		return refused(fmt.Sprintf("The index has format %s and this version of Groundwork needs %s", meta["format"], format))
	case meta["dimensions"] != dim:
		return refused(fmt.Sprintf("The index holds vectors of %s dimensions and the embedding model makes %s", meta["dimensions"], dim))
	case meta["fingerprint"] != o.Fingerprint:
		return refused(fmt.Sprintf("The index was made with %q and the configuration says %q", meta["fingerprint"], o.Fingerprint))
	}
	return nil
}

func refused(why string) error {
	return rag.Fail(rag.CodeConflict, why+"; run `groundwork reindex` to build it anew, or go back to the old setting.")
}

func damaged(err error) error {
	return &rag.Error{Code: rag.CodeInternal, Err: err,
		Message: "The index cannot be read; run `groundwork reindex` to build it anew."}
}

// errBusy says that searches kept the log from being truncated.
var errBusy = errors.New("truncate the log: searches kept it busy; try again")

// truncateLog copies the log into the file and empties it: only then are
// removed bytes gone from the disk.
func truncateLog(ctx context.Context, pages *leftover.File) error {
	done, err := pages.Checkpoint(ctx, leftover.Truncate)
	if err != nil {
		return fmt.Errorf("truncate the log: %w", err)
	}
	if !done {
		return errBusy
	}
	return nil
}

// settle ends a write: it truncates the log when that is large or holds what
// was removed. A busy log is left for the next write.
func (x *Index) settle(ctx context.Context) error {
	info, err := os.Stat(x.file + "-wal")
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	if !x.erasing && info.Size() < walLimit {
		return nil
	}
	if err := x.erase(ctx); !errors.Is(err, errBusy) {
		return err
	}
	return nil
}

// erase makes sure that what was removed is gone from the files.
func (x *Index) erase(ctx context.Context) error {
	if err := truncateLog(ctx, x.pages); err != nil {
		return err
	}
	x.erasing = false
	return nil
}
