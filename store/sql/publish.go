package sql

import (
	"context"
	"fmt"

	"groundwork/ingest"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Complete is nil while every chunk is indexed and the version waits to be published.
func (s *Store) Complete(ctx context.Context, ref ingest.Ref) error {
	return s.read(ctx, "check a version", func(ctx context.Context, q querier) error {
		doc, err := findDocument(ctx, q, ref.Scope(), ref.DocumentID)
		if err == nil && isOvertaken(doc, ref) {
			return whole(ctx, q, ref)
		}
		if doc, err = judged(ref, doc, err); err != nil {
			return err
		}
		left, err := batchesLeft(ctx, q, ref)
		if err == nil && (doc.State != rag.StateEmbedding || left > 0) {
			err = fmt.Errorf("it is %s with %d batches left", doc.State, left)
		}
		return err
	})
}

// Ready makes the version the live one and drops the older ones.
func (s *Store) Ready(ctx context.Context, ref ingest.Ref) (out ingest.Superseded, err error) {
	err = s.write(ctx, "publish a document", func(ctx context.Context, tx *txn) error {
		doc, err := lockDocument(ctx, tx, ref.Scope(), ref.DocumentID)
		if err == nil && isOvertaken(doc, ref) {
			err = whole(ctx, tx, ref) // the state is that of the newer version
		} else {
			doc, err = judged(ref, doc, err)
			doc.State = rag.StateReady
		}
		if err != nil {
			return err
		}
		err = tx.exec(ctx, "UPDATE documents SET state = ?, live_version = ?, waits_for = '', updated_at = ? WHERE store_id = ? AND id = ?",
			doc.State, ref.Version, s.now(), ref.StoreID, ref.DocumentID)
		if err != nil {
			return err
		}
		failpoint.Reached(failpoint.ReadyUpdated)
		out.Originals, err = collect(ctx, tx, scanString, "SELECT sha256 FROM expected WHERE store_id = ? AND document_id = ? AND version < ?",
			ref.StoreID, ref.DocumentID, ref.Version)
		if err != nil {
			return err
		}
		old, err := collect(ctx, tx, scanString, "DELETE FROM versions WHERE store_id = ? AND document_id = ? AND version < ? RETURNING sha256",
			ref.StoreID, ref.DocumentID, ref.Version)
		if err != nil {
			return err
		}
		out.Originals = unique(append(out.Originals, old...))
		out.Removals, err = s.detach(ctx, tx, doc, ref.Version)
		return err
	})
	if err != nil {
		return ingest.Superseded{}, err
	}
	out.Originals = s.unused(ctx, out.Originals)
	for i, r := range out.Removals {
		out.Removals[i].Blobs = s.unused(ctx, r.Blobs)
	}
	return out, nil
}

// isOvertaken tells whether a newer version is on its way, or failed, and none that is as new is live.
func isOvertaken(doc rag.Document, ref ingest.Ref) bool {
	return doc.Version > ref.Version && doc.LiveVersion < ref.Version
}

// whole is nil when all chunks of a version that was overtaken are indexed: it
// is published all the same. Otherwise they never will be.
func whole(ctx context.Context, q querier, ref ingest.Ref) error {
	var chunks int
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM chunks WHERE store_id = ? AND document_id = ? AND version = ?",
		ref.StoreID, ref.DocumentID, ref.Version).Scan(&chunks)
	if err != nil {
		return err
	}
	left, err := batchesLeft(ctx, q, ref)
	if err == nil && (chunks == 0 || left > 0) {
		err = ingest.ErrStale
	}
	return err
}

// Fail records why the version will never be ready.
func (s *Store) Fail(ctx context.Context, ref ingest.Ref, code rag.Code, message string) error {
	return s.write(ctx, "fail a document", func(ctx context.Context, tx *txn) error {
		if _, err := lockCurrent(ctx, tx, ref); err != nil {
			return err
		}
		if err := clear(ctx, tx, ref); err != nil {
			return err
		}
		return tx.exec(ctx, "UPDATE documents SET state = ?, error_code = ?, error = ?, attempts = attempts + 1, waits_for = '', updated_at = ? WHERE store_id = ? AND id = ?",
			rag.StateFailed, code, message, s.now(), ref.StoreID, ref.DocumentID)
	})
}

// Delayed records what the version waits for, and whether an attempt was used up.
func (s *Store) Delayed(ctx context.Context, ref ingest.Ref, attempt bool, why string) error {
	if !attempt {
		known, err := s.Document(ctx, ref.Scope(), ref.DocumentID)
		if doc, err := judged(ref, known, err); err != nil || doc.WaitsFor == why {
			return err
		}
	}
	return s.write(ctx, "delay a document", func(ctx context.Context, tx *txn) error {
		if _, err := lockCurrent(ctx, tx, ref); err != nil {
			return err
		}
		used := 0
		if attempt {
			used = 1
		}
		return tx.exec(ctx, "UPDATE documents SET attempts = attempts + ?, waits_for = ?, updated_at = ? WHERE store_id = ? AND id = ?",
			used, why, s.now(), ref.StoreID, ref.DocumentID)
	})
}

func unique(in []string) []string {
	seen := make(map[string]bool, len(in))
	var out []string
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
