package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"groundwork/internal/disk"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Remove deletes all versions of a document, staged ones too, and returns
// how many chunks and vectors went. When it returns without error, terms and
// vectors are gone from the files as well.
func (x *Index) Remove(ctx context.Context, scope rag.Scope, documentID string) (chunks, vectors int, err error) {
	defer disk.Note(&err)
	x.writing.Lock()
	defer x.writing.Unlock()
	st := x.store(scope)
	if st == nil {
		return 0, 0, nil
	}
	chunks, vectors, err = x.removeDocument(ctx, st, documentID)
	if err != nil {
		return 0, 0, fmt.Errorf("remove: %w", err)
	}
	failpoint.Reached(failpoint.IndexRemoved)
	// Even when nothing was there: an earlier try may have ended before this.
	if err := x.erase(ctx); err != nil {
		return chunks, vectors, fmt.Errorf("remove: %w", err)
	}
	return chunks, vectors, nil
}

func (x *Index) removeDocument(ctx context.Context, st *store, documentID string) (chunks, vectors int, err error) {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, 0, err
	}
	defer tx.Rollback() // nothing after Commit
	gone, err := ids(ctx, tx, `SELECT id FROM chunk WHERE store = ? AND document = ? ORDER BY id`, st.id, documentID)
	if err != nil {
		return 0, 0, err
	}
	var staged int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM staged s WHERE store = ?1 AND document = ?2 AND NOT EXISTS
		(SELECT 1 FROM chunk c WHERE c.store = ?1 AND c.chunk = s.chunk)`, st.id, documentID).Scan(&staged)
	if err != nil {
		return 0, 0, err
	}
	if err := removeRows(ctx, tx, st, gone); err != nil {
		return 0, 0, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM staged WHERE store = ? AND document = ?`, st.id, documentID); err != nil {
		return 0, 0, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM description WHERE store = ? AND document = ?`, st.id, documentID); err != nil {
		return 0, 0, err
	}
	if len(gone) == 0 && st.documents[documentID] == nil { // only writers change them, and this one holds the right to write
		err = tx.Commit()
	} else {
		err = x.commit(ctx, tx, st, change{removed: gone, forgotten: documentID})
	}
	if err != nil {
		return 0, 0, err
	}
	return len(gone) + staged, len(gone) + staged, nil
}

// Discard deletes what is staged for a version. What is published stays.
func (x *Index) Discard(ctx context.Context, scope rag.Scope, documentID string, version int) (err error) {
	defer disk.Note(&err)
	x.writing.Lock()
	defer x.writing.Unlock()
	st := x.store(scope)
	if st == nil {
		return nil
	}
	result, err := x.write.ExecContext(ctx, `DELETE FROM staged WHERE store = ? AND document = ? AND version = ?`,
		st.id, documentID, version)
	if err != nil {
		return fmt.Errorf("discard: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("discard: %w", err)
	}
	x.erasing = x.erasing || n > 0
	return x.settle(ctx)
}

// removeRows deletes published rows and all that hangs on them.
func removeRows(ctx context.Context, tx *sql.Tx, st *store, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := removeTerms(ctx, tx, st, ids); err != nil {
		return err
	}
	if err := each(ctx, tx, `DELETE FROM vector WHERE id = ?`, ids); err != nil {
		return err
	}
	return each(ctx, tx, `DELETE FROM chunk WHERE id = ?`, ids)
}

// removeTerms takes rows out of the full text so that no term stays on the
// disk. FTS5 has two ways: secure-delete edits each posting list, about 10 ms a
// row; otherwise a row is only marked, and merging everything anew ("optimize"), about
// 20 µs for each row there is, drops it. The cheaper one is taken.
func removeTerms(ctx context.Context, tx *sql.Tx, st *store, ids []int64) error {
	const rowsPerRemoval = 500 // that can be merged anew in the time of one secure-delete
	merge := len(ids)*rowsPerRemoval > len(st.rows)
	if merge {
		if err := st.secureDelete(ctx, tx, 0); err != nil {
			return err
		}
	}
	if err := each(ctx, tx, fmt.Sprintf(`DELETE FROM terms_%d WHERE rowid = ?`, st.id), ids); err != nil {
		return err
	}
	if !merge {
		return nil
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO terms_%[1]d (terms_%[1]d) VALUES ('optimize')`, st.id)); err != nil {
		return err
	}
	return st.secureDelete(ctx, tx, 1)
}

// secureDelete switches FTS5's secure-delete on or off.
func (s *store) secureDelete(ctx context.Context, tx *sql.Tx, on int) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO terms_%[1]d (terms_%[1]d, rank) VALUES ('secure-delete', %[2]d)`, s.id, on))
	return err
}

func each(ctx context.Context, tx *sql.Tx, query string, ids []int64) error {
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer stmt.Close() //nolint:errcheck // the error of the transaction counts
	for _, id := range ids {
		if _, err := stmt.ExecContext(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// RemoveStore deletes everything of the store.
func (x *Index) RemoveStore(ctx context.Context, scope rag.Scope) (err error) {
	defer disk.Note(&err)
	x.writing.Lock()
	defer x.writing.Unlock()
	if st := x.store(scope); st != nil {
		if err := x.dropStore(ctx, st); err != nil {
			return fmt.Errorf("remove store: %w", err)
		}
	}
	if err := x.erase(ctx); err != nil {
		return fmt.Errorf("remove store: %w", err)
	}
	return nil
}

func (x *Index) dropStore(ctx context.Context, st *store) error {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	for _, statement := range []string{
		fmt.Sprintf(`DROP TABLE IF EXISTS postings_%d`, st.id),
		fmt.Sprintf(`DROP TABLE IF EXISTS terms_%d`, st.id),
		`DELETE FROM vector WHERE id IN (SELECT id FROM chunk WHERE store = ?)`,
		`DELETE FROM chunk WHERE store = ?`,
		`DELETE FROM staged WHERE store = ?`,
		`DELETE FROM description WHERE store = ?`,
		`DELETE FROM store WHERE id = ?`,
	} {
		if _, err := tx.ExecContext(ctx, statement, st.id); err != nil {
			return err
		}
	}
	var all change
	for _, r := range st.rows { // only writers change rows, and this one holds the right to write
		all.removed = append(all.removed, r.id)
	}
	if err := x.commit(ctx, tx, st, all); err != nil {
		return errors.Join(err, x.findStore(context.WithoutCancel(ctx), st.scope))
	}
	x.cache.dropStore(st.id)
	x.setStore(st.scope, nil)
	return st.close()
}
