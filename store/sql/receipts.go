package sql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"groundwork/ingest"
	"groundwork/internal/failpoint"
	"groundwork/internal/leftover"
	"groundwork/rag"
)

const receiptColumns = "id, object_id, store_id, sha256, created_at, deleted_at, versions, passages, answers, chunks, vectors, originals"

// beginReceipt writes down what the library loses. A whole store goes out of the
// index without being counted: as many chunks as the library had passages.
func (s *Store) beginReceipt(ctx context.Context, tx *txn, r ingest.Removal, removed rag.Receipt, job int64) error {
	blobs, err := json.Marshal(r.Blobs)
	if err != nil {
		return fmt.Errorf("originals of a removal: %w", err)
	}
	chunks := 0
	if len(r.Targets) == 1 && r.Targets[0].DocumentID == "" {
		chunks = removed.Passages
	}
	return tx.exec(ctx, "INSERT INTO receipts ("+receiptColumns+", tenant, job_id, blobs) VALUES ("+marks(15)+")",
		r.ID, r.ObjectID, r.StoreID, r.SHA256, s.now(), 0, removed.Versions, removed.Passages, removed.Answers, chunks, chunks, 0,
		r.Tenant, job, string(blobs))
}

// Pending gives ErrDone once Removed was called.
func (s *Store) Pending(ctx context.Context, tenant, removalID string) (r ingest.Removal, err error) {
	r = ingest.Removal{ID: removalID, Tenant: tenant}
	err = s.read(ctx, "read a removal", func(ctx context.Context, q querier) error {
		var blobs string
		err := q.QueryRowContext(ctx, "SELECT object_id, store_id, sha256, blobs FROM receipts WHERE tenant = ? AND id = ? AND deleted_at = 0",
			tenant, removalID).Scan(&r.ObjectID, &r.StoreID, &r.SHA256, &blobs)
		if errors.Is(err, sql.ErrNoRows) {
			return ingest.ErrDone
		}
		if err == nil {
			err = json.Unmarshal([]byte(blobs), &r.Blobs)
		}
		if err != nil {
			return err
		}
		r.Targets, err = collect(ctx, q, func(row scanner) (t ingest.Target, err error) {
			err = row.Scan(&t.StoreID, &t.DocumentID)
			return t, err
		}, "SELECT store_id, document_id FROM removals WHERE tenant = ? AND id = ? ORDER BY store_id, document_id", tenant, removalID)
		return err
	})
	if err != nil {
		return ingest.Removal{}, err
	}
	return r, nil
}

// Swept adds what the index held to the receipt.
func (s *Store) Swept(ctx context.Context, r ingest.Removal, chunks, vectors int) error {
	return s.write(ctx, "count a removal", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, "UPDATE receipts SET chunks = chunks + ?, vectors = vectors + ? WHERE tenant = ? AND id = ? AND deleted_at = 0",
			chunks, vectors, r.Tenant, r.ID)
	})
}

// Removed ends a removal. On SQLite the deleted rows are out of the write-ahead
// log by then. PostgreSQL overwrites them when VACUUM has run and the space is
// used again.
func (s *Store) Removed(ctx context.Context, r ingest.Removal, originals int) error {
	if !s.Shared() {
		if err := s.emptyLog(ctx); err != nil {
			return err
		}
	}
	failpoint.Reached(failpoint.LibraryRemoved)
	return s.write(ctx, "end a removal", func(ctx context.Context, tx *txn) error {
		for _, q := range []string{
			"DELETE FROM river_job WHERE state <> 'running' AND id IN (SELECT job_id FROM receipts WHERE tenant = ? AND id = ?)",
			"DELETE FROM removals WHERE tenant = ? AND id = ?",
		} {
			if err := tx.exec(ctx, q, r.Tenant, r.ID); err != nil {
				return err
			}
		}
		return tx.exec(ctx, "UPDATE receipts SET deleted_at = ?, originals = ?, blobs = '[]' WHERE tenant = ? AND id = ? AND deleted_at = 0",
			s.now(), originals, r.Tenant, r.ID)
	})
}

// Receipt finds a receipt by its own id or by that of what was deleted; the newest one.
func (s *Store) Receipt(ctx context.Context, tenant, id string) (r rag.Receipt, err error) {
	err = s.read(ctx, "read a receipt", func(ctx context.Context, q querier) error {
		for _, where := range []string{"id = ? AND tenant = ?", "object_id = ? AND tenant = ? ORDER BY created_at DESC, id LIMIT 1"} { // each by its index
			if r, err = scanReceipt(q.QueryRowContext(ctx, "SELECT "+receiptColumns+" FROM receipts WHERE "+where, id, tenant)); !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no receipt for %q; give its id (del_…) or that of what was deleted", id))
	})
	return r, err
}

func scanReceipt(row scanner) (r rag.Receipt, err error) {
	var requested, deleted int64
	err = row.Scan(&r.ID, &r.ObjectID, &r.StoreID, &r.SHA256, &requested, &deleted,
		&r.Versions, &r.Passages, &r.Answers, &r.Chunks, &r.Vectors, &r.Blobs)
	if r.RequestedAt = moment(requested); deleted != 0 {
		r.DeletedAt = moment(deleted)
	}
	return r, err
}

// emptyLog copies the write-ahead log into the file and empties it: until then it
// holds what was deleted. A reader that still needs it is waited for.
func (s *Store) emptyLog(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		done, err := s.pages.Checkpoint(ctx, leftover.Truncate)
		if err != nil {
			return fmt.Errorf("empty the write-ahead log: %w", err)
		}
		if done {
			return nil
		}
		if attempt == logTries || !pause(ctx, attempt) {
			return errors.New("empty the write-ahead log: a reader kept it busy; it is tried again")
		}
	}
}

// logTries is how often emptyLog tries; each try waits for readers as long as a
// statement waits for a lock.
const logTries = 3
