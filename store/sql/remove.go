package sql

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"groundwork/ingest"
	"groundwork/rag"
)

// Remove deletes a document from its store.
func (s *Store) Remove(ctx context.Context, scope rag.Scope, documentID string) (r ingest.Removal, err error) {
	err = s.writeWithin(ctx, s.d.removing, "remove a document", func(ctx context.Context, tx *txn) error {
		if err := keepStore(ctx, tx, scope); err != nil {
			return noDocument(err, documentID)
		}
		if err := lockFile(ctx, tx, documentID); err != nil {
			return noDocument(err, documentID)
		}
		doc, err := lockDocument(ctx, tx, scope, documentID)
		if err != nil {
			return err
		}
		r = ingest.Removal{Tenant: scope.Tenant, SHA256: doc.SHA256, Targets: []ingest.Target{{StoreID: scope.Store, DocumentID: documentID}}}
		return s.remove(ctx, tx, &r,
			query{"SELECT sha256 FROM versions WHERE store_id = ? AND document_id = ?", []any{scope.Store, documentID}},
			query{"DELETE FROM documents WHERE store_id = ? AND id = ?", []any{scope.Store, documentID}},
			query{"DELETE FROM files WHERE id = ? AND owned = 1 AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.id = files.id) RETURNING sha256",
				[]any{documentID}})
	})
	return s.freed(ctx, r, err)
}

// RemoveFile deletes a file and takes it out of every store.
func (s *Store) RemoveFile(ctx context.Context, tenant, fileID string) (r ingest.Removal, err error) {
	err = s.writeWithin(ctx, s.d.removing, "remove a file", func(ctx context.Context, tx *txn) error {
		if err := lockFile(ctx, tx, fileID); err != nil {
			return err
		}
		f, err := findFile(ctx, tx, tenant, fileID)
		if err != nil {
			return err
		}
		stores, err := holders(ctx, tx, rag.Scope{Tenant: tenant}, fileID)
		if err != nil {
			return err
		}
		r = ingest.Removal{Tenant: tenant, SHA256: f.SHA256}
		for _, id := range stores {
			r.Targets = append(r.Targets, ingest.Target{StoreID: id, DocumentID: fileID})
		}
		id := []any{fileID}
		return s.remove(ctx, tx, &r,
			query{"SELECT sha256 FROM versions WHERE document_id = ?", id},
			query{"DELETE FROM documents WHERE id = ?", id},
			query{"DELETE FROM files WHERE id = ? RETURNING sha256", id})
	})
	return s.freed(ctx, r, err)
}

// RemoveStore deletes a store with its documents.
func (s *Store) RemoveStore(ctx context.Context, scope rag.Scope) (r ingest.Removal, err error) {
	err = s.writeWithin(ctx, s.d.removing, "remove a store", func(ctx context.Context, tx *txn) error {
		if err := oneStore(ctx, tx, scope, tx.d.deleteRow); err != nil {
			return err
		}
		r = ingest.Removal{Tenant: scope.Tenant, Targets: []ingest.Target{{StoreID: scope.Store}}}
		return s.remove(ctx, tx, &r,
			query{"SELECT sha256 FROM versions WHERE store_id = ?", []any{scope.Store}},
			query{"DELETE FROM stores WHERE id = ?", []any{scope.Store}},
			query{"DELETE FROM files WHERE tenant = ? AND owned = 1 AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.id = files.id) RETURNING sha256",
				[]any{scope.Tenant}})
	})
	return s.freed(ctx, r, err)
}

// noDocument says of the document what is so of its store or file.
func noDocument(err error, id string) error {
	if rag.CodeOf(err) != rag.CodeNotFound {
		return err
	}
	return rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no document %q in this store; list its documents", id))
}

// freed ends a removal: its blobs are those that nothing refers to any more.
func (s *Store) freed(ctx context.Context, r ingest.Removal, err error) (ingest.Removal, error) {
	if err != nil {
		return ingest.Removal{}, err
	}
	r.Blobs = s.unused(ctx, r.Blobs)
	return r, nil
}

// unused are those of the contents that nothing refers to. It looks after the
// transaction: of two that drop the last references at once, neither sees the
// other's end. Who deletes contents looks again, so too many do no harm.
func (s *Store) unused(ctx context.Context, sums []string) []string {
	if free, err := s.Unreferenced(ctx, sums); err == nil {
		return free
	}
	return sums
}

type query struct {
	text string
	args []any
}

// remove reads the blobs of what goes, deletes the rows and then the files
// (which gives more blobs), and leaves the removal pending with its sweep job.
func (s *Store) remove(ctx context.Context, tx *txn, r *ingest.Removal, blobs, rows, files query) error {
	freed, err := collect(ctx, tx, scanString, blobs.text, blobs.args...)
	if err != nil {
		return err
	}
	if err := tx.exec(ctx, rows.text, rows.args...); err != nil {
		return err
	}
	for _, t := range r.Targets { // answers that were made from it hold its text
		err := tx.exec(ctx, "DELETE FROM kept_answers WHERE id IN (SELECT answer_id FROM kept_answer_documents WHERE store_id = ? AND document_id = ?)", t.StoreID, t.DocumentID)
		if err != nil {
			return err
		}
	}
	more, err := collect(ctx, tx, scanString, files.text, files.args...)
	if err != nil {
		return err
	}
	if r.Blobs = unique(append(freed, more...)); len(r.Targets) == 0 {
		return nil
	}
	r.ID = newID("del_")
	job, err := s.jobs.InsertTx(ctx, tx.Tx, ingest.SweepArgs{Tenant: r.Tenant, RemovalID: r.ID},
		&river.InsertOpts{ScheduledAt: time.Now().Add(s.opt.SweepAfter)}) // the queue's clock is the real one
	if err != nil {
		return err
	}
	for _, t := range r.Targets {
		err := tx.exec(ctx, "INSERT INTO removals (id, tenant, store_id, document_id, job_id, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			r.ID, r.Tenant, t.StoreID, t.DocumentID, job.Job.ID, s.now())
		if err != nil {
			return err
		}
	}
	return nil
}

// Pending gives ErrDone once Removed was called.
func (s *Store) Pending(ctx context.Context, tenant, removalID string) (r ingest.Removal, err error) {
	err = s.read(ctx, "read a removal", func(ctx context.Context, q querier) error {
		targets, err := collect(ctx, q, func(row scanner) (t ingest.Target, err error) {
			err = row.Scan(&t.StoreID, &t.DocumentID)
			return t, err
		}, "SELECT store_id, document_id FROM removals WHERE tenant = ? AND id = ? ORDER BY store_id, document_id", tenant, removalID)
		if err == nil && len(targets) == 0 {
			err = ingest.ErrDone
		}
		r = ingest.Removal{ID: removalID, Tenant: tenant, Targets: targets}
		return err
	})
	if err != nil {
		return ingest.Removal{}, err
	}
	return r, nil
}

// Removed ends a removal. On SQLite it takes the deleted rows out of the
// write-ahead log too, as far as no reader still needs them. PostgreSQL
// overwrites them when VACUUM has run and the space is used again.
func (s *Store) Removed(ctx context.Context, r ingest.Removal) error {
	err := s.write(ctx, "end a removal", func(ctx context.Context, tx *txn) error {
		for _, q := range []string{
			"DELETE FROM river_job WHERE state <> 'running' AND id IN (SELECT job_id FROM removals WHERE tenant = ? AND id = ?)",
			"DELETE FROM removals WHERE tenant = ? AND id = ?",
		} {
			if err := tx.exec(ctx, q, r.Tenant, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || s.Shared() {
		return err
	}
	if _, err := s.writer.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	return nil
}
