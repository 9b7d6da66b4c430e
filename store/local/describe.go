package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"unique"

	"groundwork/ingest"
	"groundwork/internal/disk"
	"groundwork/rag"
)

// describing is not in schema.sql, because files made before it exist have no such table.
const describing = `
-- What filters and permissions see of a document, whatever its version.
CREATE TABLE IF NOT EXISTS description (
    store    INTEGER NOT NULL REFERENCES store (id),
    document TEXT NOT NULL,
    facts    TEXT NOT NULL, -- JSON
    allow    TEXT NOT NULL, -- JSON
    mark     TEXT NOT NULL, -- ingest.Description.Mark
    PRIMARY KEY (store, document)
) WITHOUT ROWID`

// A document is what memory holds of one; all its rows point to it.
type document struct {
	facts []fact
	allow []string
}

type fact struct {
	key   string
	value any
}

// document finds a document, and makes one that is not described.
func (s *store) document(id string) *document {
	d := s.documents[id]
	if d == nil {
		d = &document{}
		s.documents[id] = d
	}
	return d
}

func (d *document) describe(as ingest.Description) {
	d.allow, d.facts = slices.Clone(as.Allow), make([]fact, 0, len(as.Facts))
	for key, value := range as.Facts {
		d.facts = append(d.facts, fact{unique.Make(key).Value(), value}) // documents share their keys
	}
}

func (d *document) get(key string) (any, bool) {
	for i := range d.facts {
		if d.facts[i].key == key {
			return d.facts[i].value, true
		}
	}
	return nil, false
}

// Describe says what filters and permissions see of a document of which there are entries.
func (x *Index) Describe(ctx context.Context, scope rag.Scope, d ingest.Description) (err error) {
	defer disk.Note(&err)
	x.writing.Lock()
	defer x.writing.Unlock()
	st := x.store(scope)
	if st == nil {
		return nil
	}
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	defer tx.Rollback() // nothing after Commit
	news, err := describe(ctx, tx, st, d)
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	if !news {
		return nil
	}
	if err := x.commit(ctx, tx, st, change{described: &d}); err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	x.erasing = true // what was said before
	return x.settle(ctx)
}

// describe reports whether anything was written.
func describe(ctx context.Context, tx *sql.Tx, st *store, d ingest.Description) (bool, error) {
	facts, err := json.Marshal(d.Facts)
	if err != nil {
		return false, err
	}
	allow, err := json.Marshal(d.Allow)
	if err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, `INSERT INTO description (store, document, facts, allow, mark) SELECT ?1, ?2, ?3, ?4, ?5
		WHERE EXISTS (SELECT 1 FROM chunk WHERE store = ?1 AND document = ?2) OR EXISTS (SELECT 1 FROM staged WHERE store = ?1 AND document = ?2)
		ON CONFLICT (store, document) DO UPDATE SET facts = excluded.facts, allow = excluded.allow, mark = excluded.mark
		WHERE mark <> excluded.mark`, st.id, d.DocumentID, string(facts), string(allow), d.Mark())
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// loadDescriptions puts the rows of a query over description into their stores.
func loadDescriptions(ctx context.Context, db *sql.DB, stores map[int64]*store, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var storeID int64
		var facts, allow sql.RawBytes
		var d ingest.Description
		if err := rows.Scan(&storeID, &d.DocumentID, &facts, &allow); err != nil {
			return err
		}
		st := stores[storeID]
		if st == nil {
			return fmt.Errorf("document %s belongs to no store", d.DocumentID)
		}
		if err := json.Unmarshal(facts, &d.Facts); err != nil {
			return fmt.Errorf("facts of document %s: %w", d.DocumentID, err)
		}
		if err := json.Unmarshal(allow, &d.Allow); err != nil {
			return fmt.Errorf("groups of document %s: %w", d.DocumentID, err)
		}
		st.document(d.DocumentID).describe(d)
	}
	return rows.Err()
}
