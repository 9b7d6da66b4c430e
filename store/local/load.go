package local

import (
	"context"
	"database/sql"
	"fmt"

	"groundwork/rag"
)

// load fills memory from the file.
func (x *Index) load(ctx context.Context) error {
	stores, err := x.loadStores(ctx)
	if err != nil {
		return err
	}
	if err := loadRows(ctx, x.read, stores, `SELECT id, store, chunk, document, length, code FROM chunk ORDER BY id`); err != nil {
		return err
	}
	if err := loadDescriptions(ctx, x.read, stores, `SELECT store, document, facts, allow FROM description`); err != nil {
		return err
	}
	for _, st := range stores {
		x.setStore(st.scope, st)
	}
	return nil
}

func (x *Index) loadStores(ctx context.Context) (map[int64]*store, error) {
	rows, err := x.read.QueryContext(ctx, `SELECT id, tenant, name FROM store`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	stores := map[int64]*store{}
	for rows.Next() {
		var id int64
		var scope rag.Scope
		if err := rows.Scan(&id, &scope.Tenant, &scope.Store); err != nil {
			return nil, err
		}
		stores[id] = newStore(id, scope, x.dim)
	}
	return stores, rows.Err()
}

// reload reads one store again, after a commit whose outcome is unknown. The
// caller holds the store's lock.
func (x *Index) reload(ctx context.Context, st *store) {
	st.clear()
	st.documents = map[string]*document{}
	st.version++
	x.cache.dropStore(st.id)
	st.refill()
	x.exact.Purge()
	one := map[int64]*store{st.id: st}
	err := loadRows(ctx, x.write, one,
		fmt.Sprintf(`SELECT id, store, chunk, document, length, code FROM chunk WHERE store = %d ORDER BY id`, st.id))
	if err == nil {
		err = loadDescriptions(ctx, x.write, one, fmt.Sprintf(`SELECT store, document, facts, allow FROM description WHERE store = %d`, st.id))
	}
	if err != nil {
		st.broken = fmt.Errorf("the index could not be read again after a failed write; restart the server: %w", err)
		return
	}
	st.broken = nil
}

// loadRows appends the rows of a query over chunk to their stores.
func loadRows(ctx context.Context, db *sql.DB, stores map[int64]*store, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	var (
		id, storeID int64
		chunk       string
		length      int
		doc, raw    sql.RawBytes
		codes       []int8
	)
	for rows.Next() {
		if err := rows.Scan(&id, &storeID, &chunk, &doc, &length, &raw); err != nil {
			return err
		}
		st := stores[storeID]
		if st == nil {
			return fmt.Errorf("chunk %d belongs to no store", id)
		}
		c, err := readCode(raw, st.dim, codes[:0])
		if err != nil {
			return fmt.Errorf("chunk %d: %w", id, err)
		}
		st.add(row{id: id, chunk: chunk, doc: st.document(string(doc)), length: int32(length)}, c)
		codes = c.c
	}
	return rows.Err()
}
