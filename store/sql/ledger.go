package sql

import (
	"bytes"
	"context"
	"database/sql"
	"slices"

	"groundwork/rag"
)

// Ledger keeps what an index outside cannot keep in step: which version of a
// document is searchable, and how many chunks of a store hold a term.
type Ledger struct{ s *Store }

// Ledger is the ledger of this database.
func (s *Store) Ledger() *Ledger { return &Ledger{s} }

// Publish makes version the searchable one of the document unless a newer one
// is, and moves the store's statistics, in one transaction. frequencies are
// the numbers of the version's chunks that hold each term. It returns the
// version that is searchable afterwards. Running twice changes nothing.
func (l *Ledger) Publish(ctx context.Context, scope rag.Scope, documentID string, version, chunks int, frequencies map[uint32]int) (searchable int, err error) {
	err = l.s.write(ctx, "publish a version", func(ctx context.Context, tx *txn) error {
		if err := openLedger(ctx, tx, scope); err != nil {
			return err
		}
		old, err := findEntry(ctx, tx, scope, documentID)
		if err != nil {
			return err
		}
		packed := pack(frequencies)
		same := old.version == version && old.chunks == chunks && bytes.Equal(old.packed, packed)
		if searchable = old.version; same || old.version > version {
			return nil
		}
		searchable = version // of the same version, an index that was rebuilt may tell other terms
		if err := moveTerms(ctx, tx, scope, old.frequencies, frequencies); err != nil {
			return err
		}
		err = tx.exec(ctx, `INSERT INTO ledger_documents (tenant, store_id, document_id, version, chunks, terms) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (tenant, store_id, document_id) DO UPDATE SET version = EXCLUDED.version, chunks = EXCLUDED.chunks, terms = EXCLUDED.terms`,
			scope.Tenant, scope.Store, documentID, version, chunks, packed)
		if err != nil {
			return err
		}
		return addChunks(ctx, tx, scope, chunks-old.chunks)
	})
	return searchable, err
}

// Forget takes a document out (documentID "": the whole store), and its part
// of the statistics.
func (l *Ledger) Forget(ctx context.Context, scope rag.Scope, documentID string) error {
	return l.s.writeWithin(ctx, l.s.d.removing, "forget a document", func(ctx context.Context, tx *txn) error {
		found, err := lockLedger(ctx, tx, scope)
		if err != nil || !found {
			return err
		}
		if documentID == "" {
			return forgetStore(ctx, tx, scope)
		}
		old, err := findEntry(ctx, tx, scope, documentID)
		if err != nil || old.version == 0 {
			return err
		}
		if err := moveTerms(ctx, tx, scope, old.frequencies, nil); err != nil {
			return err
		}
		err = tx.exec(ctx, "DELETE FROM ledger_documents WHERE tenant = ? AND store_id = ? AND document_id = ?", scope.Tenant, scope.Store, documentID)
		if err != nil {
			return err
		}
		return addChunks(ctx, tx, scope, -old.chunks)
	})
}

// forgetStore keeps the store's row, which changes of the store are locked by.
func forgetStore(ctx context.Context, tx *txn, scope rag.Scope) error {
	for _, table := range []string{"ledger_terms", "ledger_documents"} {
		if err := tx.exec(ctx, "DELETE FROM "+table+" WHERE tenant = ? AND store_id = ?", scope.Tenant, scope.Store); err != nil {
			return err
		}
	}
	if err := tx.exec(ctx, "UPDATE ledger_stores SET chunks = 0 WHERE tenant = ? AND store_id = ?", scope.Tenant, scope.Store); err != nil {
		return err
	}
	return turn(ctx, tx)
}

// Searchable gives the searchable version of each of the documents that has one.
func (l *Ledger) Searchable(ctx context.Context, scope rag.Scope, documentIDs []string) (map[string]int, error) {
	versions := make(map[string]int, len(documentIDs))
	err := l.s.read(ctx, "look versions up", func(ctx context.Context, q querier) error {
		for ids := range slices.Chunk(documentIDs, 512) {
			in, args := inList(ids)
			_, err := collect(ctx, q, func(row scanner) (struct{}, error) {
				var id string
				var version int
				err := row.Scan(&id, &version)
				versions[id] = version
				return struct{}{}, err
			}, "SELECT document_id, version FROM ledger_documents WHERE tenant = ? AND store_id = ? AND document_id IN "+in,
				append([]any{scope.Tenant, scope.Store}, args...)...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return versions, err
}

// Frequencies gives the number of searchable chunks of the store, how many of
// them hold each term (in order), and the generation of the whole ledger, which
// rises with each Publish and Forget that changes something.
func (l *Ledger) Frequencies(ctx context.Context, scope rag.Scope, terms []uint32) (chunks int, holding []int, generation int, err error) {
	numbers := []int64{-1} // no term; without any, the chunks are still wanted
	for _, t := range terms {
		numbers = append(numbers, int64(t))
	}
	found := map[int64]int{}
	err = l.s.read(ctx, "look terms up", func(ctx context.Context, q querier) error {
		for some := range slices.Chunk(numbers, 512) {
			in, args := inList(some)
			_, err := collect(ctx, q, func(row scanner) (struct{}, error) {
				var term, n sql.NullInt64
				err := row.Scan(&chunks, &generation, &term, &n)
				if term.Valid {
					found[term.Int64] = int(n.Int64)
				}
				return struct{}{}, err
			}, `SELECT COALESCE((SELECT chunks FROM ledger_stores WHERE tenant = ? AND store_id = ?), 0),
				(SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT) FROM ledger_turns), t.term, t.chunks
				FROM (SELECT 1 AS one) AS o LEFT JOIN ledger_terms t ON t.tenant = ? AND t.store_id = ? AND t.term IN `+in,
				append([]any{scope.Tenant, scope.Store, scope.Tenant, scope.Store}, args...)...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	holding = make([]int, len(terms))
	for i, t := range terms {
		holding[i] = found[int64(t)]
	}
	return chunks, holding, generation, err
}
