package local

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"

	"groundwork/ingest"
	"groundwork/rag"
)

// inventoryPage is how many entries are read before the caller gets them, so
// that no connection is held while it works.
const inventoryPage = 256

// Scopes are the stores of which the index holds anything.
func (x *Index) Scopes(ctx context.Context) ([]rag.Scope, error) {
	rows, err := x.read.QueryContext(ctx, `SELECT tenant, name FROM store s
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
func (x *Index) Held(ctx context.Context, scope rag.Scope, each func(ingest.Held) error) error {
	for _, query := range []string{
		`SELECT c.chunk, c.document, c.version, 1, c.length, coalesce(d.mark, ''), v.vector FROM chunk c JOIN vector v ON v.id = c.id
			LEFT JOIN description d ON d.store = c.store AND d.document = c.document
			WHERE c.store = (SELECT id FROM store WHERE tenant = ? AND name = ?) AND c.chunk > ? ORDER BY c.chunk LIMIT ?`,
		`SELECT s.chunk, s.document, s.version, 0, s.length, coalesce(d.mark, ''), s.vector FROM staged s
			LEFT JOIN description d ON d.store = s.store AND d.document = s.document
			WHERE s.store = (SELECT id FROM store WHERE tenant = ? AND name = ?) AND s.chunk > ? ORDER BY s.chunk LIMIT ?`,
	} {
		for last := ""; ; {
			page, err := x.heldPage(ctx, query, scope, last)
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

func (x *Index) heldPage(ctx context.Context, query string, scope rag.Scope, after string) ([]ingest.Held, error) {
	rows, err := x.read.QueryContext(ctx, query, scope.Tenant, scope.Store, after, inventoryPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []ingest.Held
	for rows.Next() {
		var h ingest.Held
		var raw sql.RawBytes
		if err := rows.Scan(&h.ChunkID, &h.DocumentID, &h.Version, &h.Published, &h.Length, &h.Mark, &raw); err != nil {
			return nil, err
		}
		h.Vector = make([]float32, len(raw)/4)
		for i := range h.Vector {
			h.Vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		out = append(out, h)
	}
	return out, rows.Err()
}
