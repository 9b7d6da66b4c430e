package local

import (
	"context"
	"database/sql"
	"fmt"

	"groundwork/internal/disk"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Publish makes the staged entries of version findable and removes every
// other version of the document, in one transaction. Entries staged for a
// newer version stay: they are on their way. With nothing staged it does
// nothing; a version older than the published one is discarded.
func (x *Index) Publish(ctx context.Context, scope rag.Scope, documentID string, version int) (err error) {
	defer disk.Note(&err)
	x.writing.Lock()
	defer x.writing.Unlock()
	st := x.store(scope)
	if st == nil {
		return nil
	}
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer tx.Rollback() // nothing after Commit
	p := publication{tx: tx, st: st, document: documentID, version: version}
	c, err := p.run(ctx)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if len(c.added) == 0 {
		err = tx.Commit()
		x.erasing = true // perhaps: an older version may have been discarded
	} else {
		err = x.commit(ctx, tx, st, c)
	}
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	failpoint.Reached(failpoint.IndexPublished)
	return x.settle(ctx)
}

// A publication is one Publish inside its transaction.
type publication struct {
	tx       *sql.Tx
	st       *store
	document string
	version  int
}

// run gives an empty change when there is nothing to publish.
func (p publication) run(ctx context.Context) (c change, err error) {
	var staged, live int
	err = p.tx.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM staged WHERE store = ?1 AND document = ?2 AND version = ?3),
		(SELECT coalesce(max(version), 0) FROM chunk WHERE store = ?1 AND document = ?2)`,
		p.st.id, p.document, p.version).Scan(&staged, &live)
	switch {
	case err != nil:
		return c, err
	case staged == 0:
		return c, nil
	case live > p.version:
		return c, p.clear(ctx)
	}
	if len(p.st.rows)+staged > maxRows {
		return c, rag.Fail(rag.CodeTooLarge, fmt.Sprintf(
			"A store of the embedded index holds at most %d chunks; put further documents into another store.", maxRows))
	}
	c.removed, err = ids(ctx, p.tx, `SELECT id FROM chunk WHERE store = ? AND document = ? AND version <> ? ORDER BY id`,
		p.st.id, p.document, p.version)
	if err != nil {
		return c, err
	}
	if err := removeRows(ctx, p.tx, p.st, c.removed); err != nil {
		return c, err
	}
	var before int64
	if err := p.tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM chunk`).Scan(&before); err != nil {
		return c, err
	}
	if err := p.move(ctx); err != nil {
		return c, err
	}
	if c.added, err = p.additions(ctx, before); err != nil {
		return c, err
	}
	return c, p.clear(ctx)
}

// clear deletes what is staged for this version and older ones.
func (p publication) clear(ctx context.Context) error {
	_, err := p.tx.ExecContext(ctx, `DELETE FROM staged WHERE store = ? AND document = ? AND version <= ?`,
		p.st.id, p.document, p.version)
	return err
}

// move copies the staged rows to where searches find them.
func (p publication) move(ctx context.Context) error {
	const from = ` FROM staged s JOIN chunk c ON c.store = s.store AND c.chunk = s.chunk
		WHERE s.store = ?1 AND s.document = ?2 AND s.version = ?3 ORDER BY c.id`
	for _, statement := range []string{
		`INSERT INTO chunk (store, chunk, document, version, length, code, sum)
			SELECT store, chunk, document, version, length, code, sum FROM staged
			WHERE store = ?1 AND document = ?2 AND version = ?3 ORDER BY chunk`,
		`INSERT INTO vector (id, vector) SELECT c.id, s.vector` + from,
		fmt.Sprintf(`INSERT INTO terms_%d (rowid, terms) SELECT c.id, s.terms`, p.st.id) + from,
	} {
		if _, err := p.tx.ExecContext(ctx, statement, p.st.id, p.document, p.version); err != nil {
			return err
		}
	}
	return nil
}

// additions reads back the rows that move made.
func (p publication) additions(ctx context.Context, before int64) ([]addition, error) {
	rows, err := p.tx.QueryContext(ctx, `SELECT c.id, c.chunk, c.length, c.code, s.terms
		FROM chunk c JOIN staged s ON c.store = s.store AND c.chunk = s.chunk
		WHERE c.id > ? AND s.store = ? AND s.document = ? AND s.version = ? ORDER BY c.id`,
		before, p.st.id, p.document, p.version)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []addition
	for rows.Next() {
		var a addition
		var raw sql.RawBytes
		if err := rows.Scan(&a.id, &a.chunk, &a.length, &raw, &a.terms); err != nil {
			return nil, err
		}
		if a.code, err = readCode(raw, p.st.dim, nil); err != nil {
			return nil, err
		}
		a.document = p.document
		out = append(out, a)
	}
	return out, rows.Err()
}

func ids(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
