package retrieval

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

// cache keeps what the embedding model made of a text, by the hash of the text and
// of everything the result depends on.
type cache struct{ db *sql.DB }

func openCache(ctx context.Context, dir string) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	path := filepath.Join(dir, "embeddings.db")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS made (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`); err != nil {
		return nil, errors.Join(fmt.Errorf("open the cache: %w", err), db.Close())
	}
	return &cache{db}, nil
}

func (c *cache) close() error { return c.db.Close() }

// key names a result: what was made (a vector of a passage, of a question, a count), by which model, of which text.
func key(kind, fingerprint, text string) []byte {
	sum := sha256.Sum256([]byte(kind + "\x00" + fingerprint + "\x00" + text))
	return sum[:]
}

// get gives nil where nothing is kept.
func (c *cache) get(ctx context.Context, key []byte) (value []byte, err error) {
	err = c.db.QueryRowContext(ctx, `SELECT value FROM made WHERE key = ?`, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}

// put keeps values in one transaction.
func (c *cache) put(ctx context.Context, keys, values [][]byte) error {
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for i, k := range keys {
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO made (key, value) VALUES (?, ?)`, k, values[i]); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func encode(v []float32) []byte {
	raw := make([]byte, 0, 4*len(v))
	for _, a := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(a))
	}
	return raw
}

func decode(raw []byte) []float32 {
	v := make([]float32, len(raw)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return v
}
