package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"groundwork/ingest"
	"groundwork/rag"
)

// CreateBatch records files that were attached to a store together.
func (s *Store) CreateBatch(ctx context.Context, scope rag.Scope, fileIDs []string) (b rag.Batch, err error) {
	id := newID("vsfb_")
	err = s.write(ctx, "create a file batch", func(ctx context.Context, tx *txn) error {
		if err := keepStore(ctx, tx, scope); err != nil {
			return err
		}
		err := tx.exec(ctx, "INSERT INTO file_batches (id, tenant, store_id, created_at, cancelled) VALUES (?, ?, ?, ?, 0)",
			id, scope.Tenant, scope.Store, s.now())
		for _, file := range unique(fileIDs) {
			if err == nil {
				err = tx.exec(ctx, "INSERT INTO file_batch_files (batch_id, file_id) VALUES (?, ?)", id, file)
			}
		}
		if err == nil {
			b, err = findBatch(ctx, tx, scope, id)
		}
		return err
	})
	return b, err
}

// Batch finds a batch with its counts.
func (s *Store) Batch(ctx context.Context, scope rag.Scope, id string) (b rag.Batch, err error) {
	err = s.read(ctx, "find a file batch", func(ctx context.Context, q querier) error {
		b, err = findBatch(ctx, q, scope, id)
		return err
	})
	return b, err
}

// BatchFiles lists those of a batch's files that are in its store.
func (s *Store) BatchFiles(ctx context.Context, scope rag.Scope, id string, p rag.Page) (docs []rag.Document, more bool, err error) {
	err = s.read(ctx, "list a file batch", func(ctx context.Context, q querier) error {
		if _, err := findBatch(ctx, q, scope, id); err != nil {
			return err
		}
		readable, groups := readableBy(scope, "documents.store_id", "documents.id")
		docs, more, err = page(ctx, q, list{documentColumns, "documents",
			"tenant = ? AND store_id = ? AND id IN (SELECT file_id FROM file_batch_files WHERE batch_id = ?)" + readable,
			append([]any{scope.Tenant, scope.Store, id}, groups...)}, p, scanDocument)
		return err
	})
	return docs, more, err
}

// CancelBatch takes those of a batch's files out of its store that are on
// their way and of which no version is searchable.
func (s *Store) CancelBatch(ctx context.Context, scope rag.Scope, id string) (r ingest.Removal, err error) {
	err = s.writeWithin(ctx, s.d.removing, "cancel a file batch", func(ctx context.Context, tx *txn) error {
		if err := keepStore(ctx, tx, scope); err != nil {
			return err
		}
		if _, err := findBatch(ctx, tx, scope, id); err != nil {
			return err
		}
		if err := tx.exec(ctx, "UPDATE file_batches SET cancelled = 1 WHERE id = ?", id); err != nil {
			return err
		}
		r = ingest.Removal{Tenant: scope.Tenant, StoreID: scope.Store, ObjectID: id}
		waiting, err := s.unfinished(ctx, tx, scope, id)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, doc := range waiting {
			targets, err := s.family(ctx, tx, doc)
			if err != nil {
				return err
			}
			r.Targets = append(r.Targets, targets...)
		}
		return s.removeDocuments(ctx, tx, &r)
	})
	return s.freed(ctx, r, err)
}

// unfinished are the documents of a batch that can be cancelled, locked.
func (s *Store) unfinished(ctx context.Context, tx *txn, scope rag.Scope, id string) (docs []rag.Document, err error) {
	files, err := collect(ctx, tx, scanString, "SELECT file_id FROM file_batch_files WHERE batch_id = ? ORDER BY file_id", id)
	for _, file := range files {
		if err := lockFile(ctx, tx, file); rag.CodeOf(err) == rag.CodeNotFound {
			continue
		} else if err != nil {
			return nil, err
		}
		doc, err := lockDocument(ctx, tx, scope, file)
		switch {
		case rag.CodeOf(err) == rag.CodeNotFound:
		case err != nil:
			return nil, err
		case !doc.State.Done() && doc.LiveVersion == 0:
			docs = append(docs, doc)
		}
	}
	return docs, err
}

// findBatch counts what the scope's groups may read; they are not told of files
// that are gone, nor of a batch in which nothing is left for them.
func findBatch(ctx context.Context, q querier, scope rag.Scope, id string) (rag.Batch, error) {
	b := rag.Batch{ID: id, StoreID: scope.Store, Counts: map[rag.State]int{}}
	var created int64
	err := q.QueryRowContext(ctx, "SELECT created_at, cancelled FROM file_batches WHERE tenant = ? AND store_id = ? AND id = ?",
		scope.Tenant, scope.Store, id).Scan(&created, &b.Cancelled)
	if errors.Is(err, sql.ErrNoRows) {
		return rag.Batch{}, noBatch(id)
	}
	if err != nil {
		return rag.Batch{}, err
	}
	b.CreatedAt = moment(created)
	type row struct {
		state string
		n     int
	}
	readable, groups := readableBy(scope, "d.store_id", "d.id")
	rows, err := collect(ctx, q, func(sc scanner) (r row, err error) {
		err = sc.Scan(&r.state, &r.n)
		return r, err
	}, `SELECT COALESCE(d.state, ''), COUNT(*) FROM file_batch_files f LEFT JOIN documents d ON d.store_id = ? AND d.id = f.file_id`+readable+`
		WHERE f.batch_id = ? GROUP BY 1`, slices.Concat([]any{scope.Store}, groups, []any{id})...)
	for _, r := range rows {
		switch {
		case r.state != "":
			b.Counts[rag.State(r.state)] = r.n
		case readable == "":
			b.Gone = r.n
		}
	}
	if err == nil && readable != "" && len(b.Counts) == 0 {
		err = noBatch(id)
	}
	return b, err
}

func noBatch(id string) error {
	return rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no file batch %q in this store", id))
}
