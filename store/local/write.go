package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"groundwork/ingest"
	"groundwork/internal/disk"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Upsert stores entries aside, where no search looks, until Publish. An entry
// with the id of one stored aside before replaces it; one that is published
// already is left as it is, since the id stands for document, version and place.
func (x *Index) Upsert(ctx context.Context, scope rag.Scope, entries []ingest.Entry) (err error) {
	defer disk.Note(&err)
	for _, e := range entries {
		if err := checkVector(e.Vector, x.dim); err != nil {
			return err
		}
	}
	if len(entries) == 0 {
		return nil
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("upsert: %w", err)
	}
	defer tx.Rollback() // nothing after Commit
	st := x.store(scope)
	made := st == nil
	if made {
		if st, err = x.createStore(ctx, tx, scope); err != nil {
			return fmt.Errorf("upsert: make the store: %w", err)
		}
	}
	if err := stage(ctx, tx, st, entries); err != nil {
		return fmt.Errorf("upsert: %w", err)
	}
	failpoint.Reached(failpoint.IndexStaged)
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("upsert: %w", errors.Join(err, x.findStore(context.WithoutCancel(ctx), scope)))
	}
	if made {
		x.setStore(scope, st)
	}
	return x.settle(ctx)
}

func stage(ctx context.Context, tx *sql.Tx, st *store, entries []ingest.Entry) error {
	stmt, err := tx.PrepareContext(ctx, `INSERT INTO staged (store, chunk, document, version, terms, length, code, vector, sum)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
		WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE store = ?1 AND chunk = ?2)
		ON CONFLICT (store, chunk) DO UPDATE SET document = excluded.document, version = excluded.version,
			terms = excluded.terms, length = excluded.length, code = excluded.code, vector = excluded.vector, sum = excluded.sum`)
	if err != nil {
		return err
	}
	defer stmt.Close() //nolint:errcheck // the error of the transaction counts
	for _, e := range entries {
		joined, length := encodeAll(e.Terms)
		_, err := stmt.ExecContext(ctx, st.id, e.ChunkID, e.DocumentID, e.Version, joined, length,
			quantise(e.Vector).bytes(), vectorBytes(e.Vector), e.Checksum())
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) createStore(ctx context.Context, tx *sql.Tx, scope rag.Scope) (*store, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO store (tenant, name) VALUES (?, ?)`, scope.Tenant, scope.Store)
	if err != nil {
		return nil, err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(`
		CREATE VIRTUAL TABLE terms_%[1]d USING fts5(terms, columnsize=0, tokenize="%[2]s");
		CREATE VIRTUAL TABLE postings_%[1]d USING fts5vocab(terms_%[1]d, instance)`, id, tokenizer))
	if err != nil {
		return nil, err
	}
	st := newStore(id, scope, x.dim)
	return st, st.secureDelete(ctx, tx, 1)
}

// findStore looks up whether the store exists, after a commit that may or may
// not have made or dropped it.
func (x *Index) findStore(ctx context.Context, scope rag.Scope) error {
	var id int64
	err := x.write.QueryRowContext(ctx, `SELECT id FROM store WHERE tenant = ? AND name = ?`, scope.Tenant, scope.Store).Scan(&id)
	switch st := x.store(scope); {
	case errors.Is(err, sql.ErrNoRows):
		x.setStore(scope, nil)
	case err != nil:
		return err
	case st == nil:
		x.setStore(scope, newStore(id, scope, x.dim))
	}
	return nil
}

// A change is what a transaction does to what can be found.
type change struct {
	removed   []int64 // ids
	forgotten string  // the document they were all of, when nothing of it stays
	added     []addition
	described *ingest.Description
}

type addition struct {
	id       int64
	chunk    string
	document string
	length   int
	code     code
	terms    string
}

// commit ends tx and brings memory in line with it, while no search of the
// store is running. A search waits for one fsync at most.
func (x *Index) commit(ctx context.Context, tx *sql.Tx, st *store, c change) error {
	var generation int64
	err := tx.QueryRowContext(ctx,
		`UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation' RETURNING CAST(value AS INTEGER)`).Scan(&generation)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := tx.Commit(); err != nil {
		// A failed fsync may have left the commit there all the same.
		x.reload(context.WithoutCancel(ctx), st)
		return err
	}
	x.generation.Store(generation)
	x.erasing = x.erasing || len(c.removed) > 0
	x.apply(st, c)
	return nil
}

func (x *Index) apply(st *store, c change) {
	for _, id := range c.removed {
		if ordinal := st.ordinal(id, 0); ordinal >= 0 {
			st.kill(ordinal)
		}
		x.exact.Remove(id)
	}
	if len(c.removed) > 0 {
		x.cache.removeRows(st)
	}
	if c.forgotten != "" {
		delete(st.documents, c.forgotten)
	}
	if c.described != nil {
		st.document(c.described.DocumentID).describe(*c.described)
	}
	for _, a := range c.added {
		st.add(row{id: a.id, chunk: a.chunk, doc: st.document(a.document), length: int32(a.length)}, a.code)
		x.cache.addRow(st.id, len(st.rows)-1, a.terms)
	}
	st.version++
	if st.compact() {
		x.cache.dropStore(st.id)
		st.refill()
	}
}
