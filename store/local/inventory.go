package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"groundwork/ingest"
	"groundwork/rag"
)

// inventoryPage is how many entries are read before the caller gets them, so
// that no connection is held while it works.
const inventoryPage = 256

// inventory is ingest.Inventory on the file.
type inventory struct{ db *sql.DB }

// Scopes are the stores of which the index holds anything.
func (x *Index) Scopes(ctx context.Context) ([]rag.Scope, error) {
	return inventory{x.read}.Scopes(ctx)
}

// Held calls each for every entry of a store.
func (x *Index) Held(ctx context.Context, scope rag.Scope, each func(ingest.Held) error) error {
	return inventory{x.read}.Held(ctx, scope, each)
}

// Scopes are the stores of which the index holds anything.
func (x inventory) Scopes(ctx context.Context) ([]rag.Scope, error) {
	rows, err := x.db.QueryContext(ctx, `SELECT tenant, name FROM store s
		WHERE EXISTS (SELECT 1 FROM chunk WHERE store = s.id) OR EXISTS (SELECT 1 FROM staged WHERE store = s.id)`)
	if err != nil {
		return nil, fmt.Errorf("list stores: %w", err)
	}
	defer rows.Close()
	var out []rag.Scope
	for rows.Next() {
		var s rag.Scope
		if err := rows.Scan(&s.Tenant, &s.Store); err != nil {
			return nil, fmt.Errorf("list stores: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Held calls each for every entry of a store.
func (x inventory) Held(ctx context.Context, scope rag.Scope, each func(ingest.Held) error) error {
	store, err := x.id(ctx, scope)
	if err != nil || store == 0 {
		return err
	}
	for _, query := range []string{
		fmt.Sprintf(`SELECT c.chunk, c.document, c.version, 1, c.length, coalesce(d.mark, ''), coalesce(t.terms, ''), c.code, c.sum, v.vector
			FROM chunk c JOIN vector v ON v.id = c.id LEFT JOIN terms_%d t ON t.rowid = c.id
			LEFT JOIN description d ON d.store = c.store AND d.document = c.document
			WHERE c.store = ? AND c.chunk > ? ORDER BY c.chunk LIMIT ?`, store),
		`SELECT s.chunk, s.document, s.version, 0, s.length, coalesce(d.mark, ''), s.terms, s.code, s.sum, s.vector FROM staged s
			LEFT JOIN description d ON d.store = s.store AND d.document = s.document
			WHERE s.store = ? AND s.chunk > ? ORDER BY s.chunk LIMIT ?`,
	} {
		for last := ""; ; {
			page, err := x.heldPage(ctx, query, store, last)
			if err != nil {
				return fmt.Errorf("list entries: %w", err)
			}
			for _, h := range page {
				if err := each(h); err != nil {
					return err
				}
			}
			if len(page) < inventoryPage {
				break
			}
			last = page[len(page)-1].ChunkID
		}
	}
	return nil
}

// id is the store's number in the index; 0 when it holds none.
func (x inventory) id(ctx context.Context, scope rag.Scope) (store int64, err error) {
	err = x.db.QueryRowContext(ctx, `SELECT id FROM store WHERE tenant = ? AND name = ?`, scope.Tenant, scope.Store).Scan(&store)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look up store: %w", err)
	}
	return store, nil
}

func (x inventory) heldPage(ctx context.Context, query string, store int64, after string) ([]ingest.Held, error) {
	rows, err := x.db.QueryContext(ctx, query, store, after, inventoryPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []ingest.Held
	for rows.Next() {
		h, err := scanHeld(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

func scanHeld(rows *sql.Rows) (h ingest.Held, err error) {
	var terms, code, vector sql.RawBytes
	var sum sql.NullInt64
	if err := rows.Scan(&h.ChunkID, &h.DocumentID, &h.Version, &h.Published, &h.Length, &h.Mark, &terms, &code, &sum, &vector); err != nil {
		return h, err
	}
	h.Vector = make([]float32, len(vector)/4)
	for i := range h.Vector {
		h.Vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(vector[4*i:]))
	}
	h.Terms = markOf(terms)
	h.Damaged = sum.Valid && sum.Int64 != h.Checksum() || !bytes.Equal(code, quantise(h.Vector).bytes())
	return h, nil
}

// TermsMark is the same for terms that FTS5 gets the same text for.
func (x *Index) TermsMark(terms []string) string { return inventory{}.TermsMark(terms) }

// TermsMark is the same for terms that FTS5 gets the same text for.
func (inventory) TermsMark(terms []string) string {
	joined, _ := encodeAll(terms)
	return markOf([]byte(joined))
}

func markOf(joined []byte) string {
	sum := sha256.Sum256(joined)
	return hex.EncodeToString(sum[:8])
}
