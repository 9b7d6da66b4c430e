package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"groundwork/rag"
)

const documentColumns = `id, tenant, store_id, path, sha256, bytes, media_type, version, live_version, state,
	error_code, error, chunks, chunks_done, created_at, updated_at, attributes, allow, described, attempts, waits_for,
	attached_to, attached_version, taken_apart`

// Documents lists a store's documents.
func (s *Store) Documents(ctx context.Context, scope rag.Scope, p rag.Page) (docs []rag.Document, more bool, err error) {
	err = s.read(ctx, "list documents", func(ctx context.Context, q querier) error {
		if err := storeExists(ctx, q, scope); err != nil {
			return err
		}
		l := list{documentColumns, "documents", "tenant = ? AND store_id = ?", []any{scope.Tenant, scope.Store}}
		if readable, groups := readableBy(scope, "documents.store_id", "documents.id"); readable != "" {
			l.where, l.args = l.where+readable, append(l.args, groups...)
		}
		if p.State != "" {
			l.where += " AND state = ?"
			l.args = append(l.args, string(p.State))
		}
		docs, more, err = page(ctx, q, l, p, scanDocument)
		return err
	})
	return docs, more, err
}

// Document finds one document of a store.
func (s *Store) Document(ctx context.Context, scope rag.Scope, id string) (doc rag.Document, err error) {
	err = s.read(ctx, "find a document", func(ctx context.Context, q querier) error {
		doc, err = findDocument(ctx, q, scope, id)
		return err
	})
	return doc, err
}

// Text is the extracted text of the live version, in a store where the scope's
// groups may read it; the scope names no store.
func (s *Store) Text(ctx context.Context, scope rag.Scope, fileID string) (text string, err error) {
	err = s.read(ctx, "read a document's text", func(ctx context.Context, q querier) error {
		if _, err := findFile(ctx, q, scope.Tenant, fileID); err != nil {
			return err
		}
		readable, groups := readableBy(scope, "d.store_id", "d.id")
		err := q.QueryRowContext(ctx, `SELECT v.text FROM documents d
			JOIN versions v ON v.store_id = d.store_id AND v.document_id = d.id AND v.version = d.live_version
			WHERE d.tenant = ? AND d.id = ?`+readable+` ORDER BY d.live_version DESC, d.store_id LIMIT 1`,
			append([]any{scope.Tenant, fileID}, groups...)...).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return rag.Fail(rag.CodeNotFound, fmt.Sprintf("file %q has no text yet; attach it to a store and wait until it is ready", fileID))
		}
		return err
	})
	return text, err
}

func findDocument(ctx context.Context, q querier, scope rag.Scope, id string) (rag.Document, error) {
	return oneDocument(ctx, q, scope, id, "")
}

// lockDocument is findDocument for a transaction that decides by what it finds.
func lockDocument(ctx context.Context, tx *txn, scope rag.Scope, id string) (rag.Document, error) {
	return oneDocument(ctx, tx, scope, id, tx.d.lockRow)
}

func oneDocument(ctx context.Context, q querier, scope rag.Scope, id, lock string) (rag.Document, error) {
	readable, groups := readableBy(scope, "documents.store_id", "documents.id")
	doc, err := scanDocument(q.QueryRowContext(ctx, "SELECT "+documentColumns+
		" FROM documents WHERE tenant = ? AND store_id = ? AND id = ?"+readable+lock, append([]any{scope.Tenant, scope.Store, id}, groups...)...))
	if errors.Is(err, sql.ErrNoRows) {
		return rag.Document{}, rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no document %q in this store; list its documents", id))
	}
	return doc, err
}

func scanDocument(row scanner) (rag.Document, error) {
	var d rag.Document
	var created, updated int64
	var attributes, allow []byte
	err := row.Scan(&d.ID, &d.Tenant, &d.StoreID, &d.Path, &d.SHA256, &d.Bytes, &d.MediaType, &d.Version, &d.LiveVersion, &d.State,
		&d.ErrorCode, &d.Error, &d.Chunks, &d.ChunksDone, &created, &updated, &attributes, &allow, &d.Described, &d.Attempts, &d.WaitsFor,
		&d.AttachedTo, &d.AttachedVersion, &d.TakenApart)
	if err != nil {
		return d, err
	}
	d.CreatedAt, d.UpdatedAt = moment(created), moment(updated)
	d.Labels, err = decodeLabels(attributes, allow)
	return d, err
}
