package sql

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"groundwork/rag"
)

// entry is what the searchable version of a document added to the ledger; the
// zero value is that of a document that has none.
type entry struct {
	version, chunks int
	frequencies     map[uint32]int
	packed          []byte // frequencies as they are stored
}

// lockLedger keeps other changes of the same store out until the transaction
// ends; found is false when the ledger does not know the store.
func lockLedger(ctx context.Context, tx *txn, scope rag.Scope) (found bool, err error) {
	var chunks int
	err = tx.QueryRowContext(ctx, "SELECT chunks FROM ledger_stores WHERE tenant = ? AND store_id = ?"+tx.d.lockRow,
		scope.Tenant, scope.Store).Scan(&chunks)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// openLedger is lockLedger that makes the store known.
func openLedger(ctx context.Context, tx *txn, scope rag.Scope) error {
	found, err := lockLedger(ctx, tx, scope)
	if err != nil || found {
		return err
	}
	err = tx.exec(ctx, "INSERT INTO ledger_stores (tenant, store_id, chunks) VALUES (?, ?, 0) ON CONFLICT (tenant, store_id) DO NOTHING",
		scope.Tenant, scope.Store)
	if err != nil {
		return err
	}
	_, err = lockLedger(ctx, tx, scope)
	return err
}

// addChunks ends a change that moves the number of the store's chunks.
func addChunks(ctx context.Context, tx *txn, scope rag.Scope, chunks int) error {
	err := tx.exec(ctx, "UPDATE ledger_stores SET chunks = chunks + ? WHERE tenant = ? AND store_id = ?", chunks, scope.Tenant, scope.Store)
	if err != nil {
		return err
	}
	return turn(ctx, tx)
}

// turn moves the ledger's generation. It is the last lock that a change takes, and held for as long as the commit takes.
func turn(ctx context.Context, tx *txn) error {
	return tx.exec(ctx, "INSERT INTO ledger_turns AS t (part, generation) VALUES ("+tx.d.part+", 1) ON CONFLICT (part) DO UPDATE SET generation = t.generation + 1")
}

func findEntry(ctx context.Context, tx *txn, scope rag.Scope, documentID string) (e entry, err error) {
	err = tx.QueryRowContext(ctx, "SELECT version, chunks, terms FROM ledger_documents WHERE tenant = ? AND store_id = ? AND document_id = ?",
		scope.Tenant, scope.Store, documentID).Scan(&e.version, &e.chunks, &e.packed)
	if errors.Is(err, sql.ErrNoRows) {
		return entry{}, nil
	}
	if err == nil {
		e.frequencies, err = unpack(e.packed)
	}
	return e, err
}

// moveTerms takes the terms of the old version out of the statistics and those of the next one in.
func moveTerms(ctx context.Context, tx *txn, scope rag.Scope, old, next map[uint32]int) error {
	delta := make(map[uint32]int, len(old)+len(next))
	for term, n := range next {
		delta[term] += n
	}
	for term, n := range old {
		delta[term] -= n
	}
	maps.DeleteFunc(delta, func(_ uint32, n int) bool { return n == 0 })
	rows := make([][]any, 0, len(delta))
	var fewer []int64
	for _, term := range slices.Sorted(maps.Keys(delta)) {
		rows = append(rows, []any{scope.Tenant, scope.Store, int64(term), delta[term]})
		if delta[term] < 0 {
			fewer = append(fewer, int64(term))
		}
	}
	err := insertRows(ctx, tx, "INSERT INTO ledger_terms (tenant, store_id, term, chunks) VALUES ",
		" ON CONFLICT (tenant, store_id, term) DO UPDATE SET chunks = ledger_terms.chunks + EXCLUDED.chunks", rows)
	for some := range slices.Chunk(fewer, 512) {
		if err != nil {
			return err
		}
		in, args := inList(some)
		err = tx.exec(ctx, "DELETE FROM ledger_terms WHERE tenant = ? AND store_id = ? AND chunks <= 0 AND term IN "+in,
			append([]any{scope.Tenant, scope.Store}, args...)...)
	}
	return err
}

// packing is the first byte of packed terms, should their form ever change.
const packing = 1

// pack writes terms in rising order, each as the distance from the one before,
// followed by its number of chunks: about three bytes a term.
func pack(frequencies map[uint32]int) []byte {
	out := []byte{packing}
	last := uint32(0)
	for _, term := range slices.Sorted(maps.Keys(frequencies)) {
		out = binary.AppendUvarint(out, uint64(term-last))
		out = binary.AppendUvarint(out, uint64(max(frequencies[term], 0)))
		last = term
	}
	return out
}

func unpack(packed []byte) (map[uint32]int, error) {
	if len(packed) == 0 || packed[0] != packing {
		return nil, fmt.Errorf("the ledger holds terms in an unknown form; rebuild it with `groundwork reindex`")
	}
	out := map[uint32]int{}
	term := uint64(0)
	for rest := packed[1:]; len(rest) > 0; {
		distance, a := binary.Uvarint(rest)
		n, b := binary.Uvarint(rest[max(a, 0):])
		if a <= 0 || b <= 0 {
			return nil, fmt.Errorf("the ledger's terms are damaged; rebuild it with `groundwork reindex`")
		}
		term += distance
		out[uint32(term)] = int(n) //nolint:gosec // as it was packed
		rest = rest[a+b:]
	}
	return out, nil
}
