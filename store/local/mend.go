package local

import (
	"context"
	"errors"
	"fmt"

	"groundwork/rag"
)

// Unsound says what in a store's full text does not fit its chunks: lists of rows
// by term that are not those of the terms, and rows of no chunk. The empty scope
// stands for vectors of no chunk.
func (x *Index) Unsound(ctx context.Context, scope rag.Scope) (string, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	if scope == (rag.Scope{}) {
		return x.strays(ctx, "%d vectors belong to no chunk", `SELECT count(*) FROM vector WHERE id NOT IN (SELECT id FROM chunk)`)
	}
	st := x.store(scope)
	if st == nil {
		return "", nil
	}
	unsound, err := x.strays(ctx, "the full text holds %d chunks that are not there",
		fmt.Sprintf(`SELECT count(*) FROM terms_%[1]d WHERE rowid NOT IN (SELECT id FROM chunk WHERE store = %[1]d)`, st.id))
	if unsound != "" || err != nil {
		return unsound, err
	}
	if _, err := x.write.ExecContext(ctx, fmt.Sprintf(`INSERT INTO terms_%[1]d (terms_%[1]d) VALUES ('integrity-check')`, st.id)); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("check the index: %w", err)
		}
		return "the full text is not that of its chunks: " + err.Error(), nil
	}
	return "", nil
}

// strays says how many a query counts, when there are any.
func (x *Index) strays(ctx context.Context, what, query string) (string, error) {
	var n int
	if err := x.write.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return "", fmt.Errorf("check the index: %w", err)
	}
	if n == 0 {
		return "", nil
	}
	return fmt.Sprintf(what, n), nil
}

// Mend makes a store's full text anew from the terms of its chunks, and drops
// terms of no chunk; with the empty scope, vectors of no chunk.
func (x *Index) Mend(ctx context.Context, scope rag.Scope) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	var err error
	if st := x.store(scope); st != nil {
		err = x.mend(ctx, st)
	} else if scope == (rag.Scope{}) {
		_, err = x.write.ExecContext(ctx, `DELETE FROM vector WHERE id NOT IN (SELECT id FROM chunk)`)
	}
	if err != nil {
		return fmt.Errorf("mend the index: %w", err)
	}
	if err := x.erase(ctx); err != nil {
		return fmt.Errorf("mend the index: %w", err)
	}
	return nil
}

func (x *Index) mend(ctx context.Context, st *store) error {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	for _, statement := range []string{
		fmt.Sprintf(`INSERT INTO terms_%[1]d (terms_%[1]d) VALUES ('rebuild')`, st.id), // first: a row can only be taken out of lists that are right
		fmt.Sprintf(`DELETE FROM terms_%[1]d WHERE rowid NOT IN (SELECT id FROM chunk WHERE store = %[1]d)`, st.id),
		fmt.Sprintf(`INSERT INTO terms_%[1]d (terms_%[1]d) VALUES ('optimize')`, st.id),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := x.commit(ctx, tx, st, change{}); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	x.reload(ctx, st)
	return errors.Join(st.broken)
}
