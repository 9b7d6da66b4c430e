package sql

import (
	"context"
	"database/sql"
	"fmt"

	"groundwork/ingest"
	"groundwork/rag"
)

// Complete is nil while every chunk is indexed and the version waits to be published.
func (s *Store) Complete(ctx context.Context, ref ingest.Ref) error {
	doc, err := current(ctx, s.reader, ref)
	if err != nil {
		return fmt.Errorf("check a version: %w", err)
	}
	left, err := batchesLeft(ctx, s.reader, ref)
	if err != nil {
		return fmt.Errorf("check a version: %w", err)
	}
	if doc.State != rag.StateEmbedding || left > 0 {
		return fmt.Errorf("check a version: it is %s with %d batches left", doc.State, left)
	}
	return nil
}

// Ready makes the version the live one and drops the others.
func (s *Store) Ready(ctx context.Context, ref ingest.Ref) (orphans []string, err error) {
	err = s.write(ctx, "publish a document", func(tx *sql.Tx) error {
		if _, err := current(ctx, tx, ref); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE documents SET state = ?, live_version = ?, updated_at = ? WHERE store_id = ? AND id = ?",
			rag.StateReady, ref.Version, s.now(), ref.StoreID, ref.DocumentID)
		if err != nil {
			return err
		}
		old, err := collect(ctx, tx, scanString, "DELETE FROM versions WHERE store_id = ? AND document_id = ? AND version <> ? RETURNING sha256",
			ref.StoreID, ref.DocumentID, ref.Version)
		if err != nil {
			return err
		}
		orphans, err = unreferenced(ctx, tx, unique(old))
		return err
	})
	return orphans, err
}

// Fail records why the version will never be ready.
func (s *Store) Fail(ctx context.Context, ref ingest.Ref, code rag.Code, message string) error {
	return s.write(ctx, "fail a document", func(tx *sql.Tx) error {
		if _, err := current(ctx, tx, ref); err != nil {
			return err
		}
		if err := clear(ctx, tx, ref); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE documents SET state = ?, error_code = ?, error = ?, updated_at = ? WHERE store_id = ? AND id = ?",
			rag.StateFailed, code, message, s.now(), ref.StoreID, ref.DocumentID)
		return err
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
