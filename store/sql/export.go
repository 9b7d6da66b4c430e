package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"groundwork/ingest"
	"groundwork/rag"
)

// Part is some rows of one table, the same whatever database they came from. It
// goes through JSON unchanged.
type Part struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"` // of whole numbers, strings and nil
}

// partBytes is the size of texts from which a part ends.
const partBytes = 4 << 20

// Export gives everything that CopyAll copies, as it is at one moment. Before the
// first part, and while that moment still lasts, needs hears the SHA-256 of all
// originals that the rows refer to; an error from it or from each ends the export.
func (s *Store) Export(ctx context.Context, needs func(sha256 []string) error, each func(Part) error) error {
	err := s.snapshot(ctx, func(source *txn) error {
		sums, err := collect(ctx, source, scanString, "SELECT sha256 FROM files UNION SELECT sha256 FROM versions ORDER BY sha256")
		if err == nil {
			err = needs(sums)
		}
		for i := 0; i < len(all) && err == nil; i++ {
			if err = all[i].export(ctx, source, each); err != nil {
				err = fmt.Errorf("%s: %w", all[i].name, err)
			}
		}
		return err
	})
	return s.explain(ctx, "export the library", err)
}

func (t table) names() []string {
	names := strings.Split(t.columns, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

func (t table) export(ctx context.Context, source *txn, each func(Part) error) error {
	names := t.names()
	part, size := Part{Table: t.name, Columns: names}, 0
	flush := func() error {
		if len(part.Rows) == 0 {
			return nil
		}
		err := each(part)
		part.Rows, size = nil, 0
		return err
	}
	err := t.pages(ctx, source, func(rows [][]any) error {
		for _, row := range rows {
			n, err := plain(row)
			if err != nil {
				return err
			}
			part.Rows = append(part.Rows, row)
			if size += n; size >= partBytes {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// plain makes what drivers give the same for all of them, and tells its size.
func plain(row []any) (size int, err error) {
	for i, v := range row {
		switch v := v.(type) {
		case nil, int64:
		case []byte:
			row[i] = strings.ToValidUTF8(string(v), "\uFFFD")
		case string:
			row[i] = strings.ToValidUTF8(v, "\uFFFD") // JSON holds no other text, and neither does PostgreSQL
		case int32:
			row[i] = int64(v)
		case int16:
			row[i] = int64(v)
		default:
			return 0, fmt.Errorf("a column holds a %T", v)
		}
		if text, ok := row[i].(string); ok {
			size += len(text)
		}
		size += 8
	}
	return size, nil
}

// DecodePart reads a part from JSON; numbers stay whole.
func DecodePart(raw []byte) (p Part, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		return p, err
	}
	for _, row := range p.Rows {
		for i, v := range row {
			switch v := v.(type) {
			case json.Number:
				if row[i], err = v.Int64(); err != nil {
					return p, err
				}
			case nil, string:
			default:
				return p, fmt.Errorf("a row of %s holds a %T", p.Table, v)
			}
		}
		if len(row) != len(p.Columns) {
			return p, fmt.Errorf("a row of %s has %d values for %d columns", p.Table, len(row), len(p.Columns))
		}
	}
	return p, nil
}

// Import puts what Export gave into an empty library (rag.CodeConflict when it
// is not): all of it, or nothing. next ends with io.EOF. As after Copy, documents
// on their way begin anew, and pending removals get a job.
func (s *Store) Import(ctx context.Context, next func() (Part, error)) error {
	err := s.once(ctx, func(ctx context.Context, tx *txn) error {
		if err := empty(ctx, tx); err != nil {
			return err
		}
		for {
			p, err := next()
			if errors.Is(err, io.EOF) {
				return s.resume(ctx, tx)
			}
			if err == nil {
				err = p.insert(ctx, tx)
			}
			if err != nil {
				return err
			}
		}
	})
	return s.explain(ctx, "import into the library", err)
}

func (p Part) insert(ctx context.Context, tx *txn) error {
	i := slices.IndexFunc(all, func(t table) bool { return t.name == p.Table })
	if i < 0 {
		return rag.Fail(rag.CodeConflict, "this version of Groundwork knows no table "+p.Table+"; use the version that made the backup, or a newer one")
	}
	known := all[i].names()
	for _, c := range p.Columns {
		if !slices.Contains(known, c) {
			return rag.Fail(rag.CodeConflict, fmt.Sprintf("this version of Groundwork knows no column %s of %s; use the version that made the backup, or a newer one", c, p.Table))
		}
	}
	return insertRows(ctx, tx, "INSERT INTO "+p.Table+" ("+strings.Join(p.Columns, ", ")+") VALUES ", "", p.Rows)
}

// Empty is nil when the library holds nothing that Import would bring, and rag.CodeConflict else.
func (s *Store) Empty(ctx context.Context) error {
	return s.write(ctx, "look whether the library is empty", empty)
}

// Withdraw takes a document of which the index does not hold the searchable
// version out of sight, and queues it to be indexed anew from its newest original.
// It returns the originals that nothing refers to any more.
func (s *Store) Withdraw(ctx context.Context, scope rag.Scope, documentID string) (orphans []string, err error) {
	err = s.write(ctx, "withdraw a document", func(ctx context.Context, tx *txn) error {
		doc, err := lockDocument(ctx, tx, scope, documentID)
		if err != nil {
			return err
		}
		if doc.State.Done() { // else its newest version is on its way already
			a := ingest.Accepted{Tenant: doc.Tenant, StoreID: doc.StoreID, FileID: doc.ID, Path: doc.Path, SHA256: doc.SHA256, Bytes: doc.Bytes, MediaType: doc.MediaType}
			if err := s.renew(ctx, tx, &doc, a); err != nil {
				return err
			}
			if err := s.enqueueVersion(ctx, tx, doc); err != nil {
				return err
			}
		}
		if err := tx.exec(ctx, "UPDATE documents SET live_version = 0 WHERE store_id = ? AND id = ?", doc.StoreID, doc.ID); err != nil {
			return err
		}
		orphans, err = collect(ctx, tx, scanString, "DELETE FROM versions WHERE store_id = ? AND document_id = ? AND version < ? RETURNING sha256",
			doc.StoreID, doc.ID, doc.Version)
		return err
	})
	if err != nil || len(orphans) == 0 {
		return nil, err
	}
	return s.Unreferenced(ctx, unique(orphans))
}
