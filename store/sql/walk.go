package sql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"groundwork/ingest"
	"groundwork/rag"
)

// A walk reads everything of a kind, of all tenants, in the order of the keys,
// a page at a time: what is added or deleted meanwhile may be met or not.
type walk[T any] struct {
	what    string // for errors
	columns string
	from    string // a table, or a table and a condition
	key     string // columns that are unique together
	args    []any  // of the condition
	scan    func(scanner) (T, error)
	keyOf   func(T) []any
}

const walkPage = 500

// EachStore calls each for every store, without counts; an error from it ends the walk and is returned.
func (s *Store) EachStore(ctx context.Context, each func(rag.Store) error) error {
	return walk[rag.Store]{"walk the stores", storeColumns, "stores WHERE 1 = 1", "id", nil, scanStore,
		func(st rag.Store) []any { return []any{st.ID} }}.run(ctx, s, each)
}

// EachDocument calls each for every document, in any state, store by store.
func (s *Store) EachDocument(ctx context.Context, each func(rag.Document) error) error {
	return walk[rag.Document]{"walk the documents", documentColumns, "documents WHERE 1 = 1", "store_id, id", nil, scanDocument,
		func(d rag.Document) []any { return []any{d.StoreID, d.ID} }}.run(ctx, s, each)
}

// EachFile calls each for every file.
func (s *Store) EachFile(ctx context.Context, each func(rag.File) error) error {
	return walk[rag.File]{"walk the files", fileRow, "files WHERE 1 = 1", "id", nil, scanFile,
		func(f rag.File) []any { return []any{f.ID} }}.run(ctx, s, each)
}

// EachOriginal calls each for every content that a file or a version refers to, with the id of the file; more than once when there are more.
func (s *Store) EachOriginal(ctx context.Context, each func(sha256, fileID string) error) error {
	err := s.EachFile(ctx, func(f rag.File) error { return each(f.SHA256, f.ID) })
	if err != nil {
		return err
	}
	type version struct {
		store, document, sha256 string
		number                  int
	}
	return walk[version]{"walk the versions", "store_id, document_id, version, sha256", "versions WHERE 1 = 1", "store_id, document_id, version", nil,
		func(row scanner) (v version, err error) {
			err = row.Scan(&v.store, &v.document, &v.number, &v.sha256)
			return v, err
		},
		func(v version) []any { return []any{v.store, v.document, v.number} },
	}.run(ctx, s, func(v version) error { return each(v.sha256, v.document) })
}

// EachChunk calls each for every chunk of a version, in order, whatever became of the version.
func (s *Store) EachChunk(ctx context.Context, ref ingest.Ref, each func(ingest.Chunk) error) error {
	return walk[ingest.Chunk]{"walk the chunks", "id, seq, start_at, end_at, page, heading, header, text, checksum",
		"chunks WHERE tenant = ? AND store_id = ? AND document_id = ? AND version = ?", "seq",
		[]any{ref.Tenant, ref.StoreID, ref.DocumentID, ref.Version}, scanChecked,
		func(c ingest.Chunk) []any { return []any{c.Seq} }}.run(ctx, s, each)
}

// scanChecked reads a chunk as it is, whatever became of it.
func scanChecked(row scanner) (ingest.Chunk, error) {
	var c ingest.Chunk
	var heading string
	var checksum sql.NullInt64
	if err := row.Scan(&c.ID, &c.Seq, &c.Start, &c.End, &c.Page, &heading, &c.Header, &c.Text, &checksum); err != nil {
		return ingest.Chunk{}, err
	}
	err := json.Unmarshal([]byte(heading), &c.Heading)
	c.Damaged = err != nil || checksum.Valid && checksum.Int64 != c.Checksum()
	return c, nil
}

// Body is the extracted text of a version, and whether it is what was stored;
// rag.CodeNotFound when there is no such version.
func (s *Store) Body(ctx context.Context, ref ingest.Ref) (text string, sound bool, err error) {
	err = s.read(ctx, "read a version's text", func(ctx context.Context, q querier) error {
		var checksum sql.NullInt64
		err := q.QueryRowContext(ctx, "SELECT text, checksum FROM versions WHERE tenant = ? AND store_id = ? AND document_id = ? AND version = ?",
			ref.Tenant, ref.StoreID, ref.DocumentID, ref.Version).Scan(&text, &checksum)
		sound = !checksum.Valid || checksum.Int64 == ingest.Checksum(text)
		if errors.Is(err, sql.ErrNoRows) {
			return rag.Fail(rag.CodeNotFound, "there is no such version of the document; list the documents again")
		}
		return err
	})
	return text, sound, err
}

func (w walk[T]) run(ctx context.Context, s *Store, each func(T) error) error {
	var after []any
	for {
		var rows []T
		err := s.read(ctx, w.what, func(ctx context.Context, q querier) (err error) {
			query, args := w.page(after, walkPage)
			rows, err = collect(ctx, q, w.scan, query, args...)
			return err
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := each(row); err != nil {
				return err
			}
		}
		if len(rows) < walkPage {
			return nil
		}
		after = w.keyOf(rows[len(rows)-1])
	}
}

// page is the statement for the rows behind a key; nil begins.
func (w walk[T]) page(after []any, limit int) (query string, args []any) {
	args = append(args, w.args...)
	query = "SELECT " + w.columns + " FROM " + w.from
	if after != nil {
		query += " AND (" + w.key + ") > (" + marks(strings.Count(w.key, ",")+1) + ")"
		args = append(args, after...)
	}
	return query + " ORDER BY " + w.key + " LIMIT ?", append(args, limit)
}
