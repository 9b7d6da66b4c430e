package sql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"groundwork/rag"
)

const storeColumns = "id, tenant, name, metadata, created_at"

// CreateStore makes an empty store. It fails with rag.CodeConflict when the
// tenant has the name; an empty name becomes the id.
func (s *Store) CreateStore(ctx context.Context, tenant, name string, metadata map[string]string) (rag.Store, error) {
	st := rag.Store{ID: newID("vs_"), Tenant: tenant, Name: strings.TrimSpace(name), Metadata: metadata,
		CreatedAt: moment(s.now()), Counts: map[rag.State]int{}}
	if st.Name == "" {
		st.Name = st.ID
	} else if err := checkName(st.Name); err != nil {
		return rag.Store{}, err
	}
	meta, err := encodeMetadata(metadata)
	if err != nil {
		return rag.Store{}, err
	}
	err = s.write(ctx, "create a store", func(ctx context.Context, tx *txn) error {
		if err := nameFree(ctx, tx, tenant, st.Name, ""); err != nil {
			return err
		}
		return tx.exec(ctx, "INSERT INTO stores ("+storeColumns+") VALUES (?, ?, ?, ?, ?)",
			st.ID, tenant, st.Name, meta, st.CreatedAt.UnixMicro())
	})
	if err != nil {
		return rag.Store{}, err
	}
	return st, nil
}

// EnsureStore finds a store by id or name and makes one of that name when
// there is none. Two callers at once get the same store.
func (s *Store) EnsureStore(ctx context.Context, tenant, idOrName string) (rag.Store, error) {
	for {
		st, err := s.Store(ctx, tenant, idOrName)
		if rag.CodeOf(err) != rag.CodeNotFound || strings.HasPrefix(idOrName, "vs_") || strings.TrimSpace(idOrName) == "" {
			return st, err
		}
		st, err = s.CreateStore(ctx, tenant, idOrName, nil)
		if rag.CodeOf(err) != rag.CodeConflict {
			return st, err
		}
	}
}

// Stores lists a tenant's stores.
func (s *Store) Stores(ctx context.Context, tenant string, p rag.Page) (stores []rag.Store, more bool, err error) {
	err = s.read(ctx, "list stores", func(ctx context.Context, q querier) error {
		stores, more, err = page(ctx, q, list{storeColumns, "stores", "tenant = ?", []any{tenant}}, p, scanStore)
		if err != nil {
			return err
		}
		return count(ctx, q, stores)
	})
	return stores, more, err
}

// Store finds by id or name; rag.CodeNotFound when the tenant has neither.
func (s *Store) Store(ctx context.Context, tenant, idOrName string) (st rag.Store, err error) {
	err = s.read(ctx, "find a store", func(ctx context.Context, q querier) error {
		found, err := findStore(ctx, q, tenant, strings.TrimSpace(idOrName), "")
		if err != nil {
			return err
		}
		counted := []rag.Store{found}
		err = count(ctx, q, counted)
		st = counted[0]
		return err
	})
	return st, err
}

// Readable counts the documents that the scope's groups may read, by state, and their bytes.
func (s *Store) Readable(ctx context.Context, scope rag.Scope) (counts map[rag.State]int, bytes int64, err error) {
	counts = map[rag.State]int{}
	err = s.read(ctx, "count documents", func(ctx context.Context, q querier) error {
		readable, groups := readableBy(scope, "documents.store_id", "documents.id")
		_, err := collect(ctx, q, func(row scanner) (struct{}, error) {
			var state rag.State
			var n int
			var size int64
			err := row.Scan(&state, &n, &size)
			counts[state] = n
			bytes += size
			return struct{}{}, err
		}, "SELECT state, COUNT(*), CAST(SUM(bytes) AS BIGINT) FROM documents WHERE tenant = ? AND store_id = ?"+readable+" GROUP BY state",
			append([]any{scope.Tenant, scope.Store}, groups...)...)
		return err
	})
	return counts, bytes, err
}

// UpdateStore renames and replaces metadata; nil leaves as it is.
func (s *Store) UpdateStore(ctx context.Context, tenant, id string, name *string, metadata map[string]string) (rag.Store, error) {
	err := s.write(ctx, "update a store", func(ctx context.Context, tx *txn) error {
		st, err := findStore(ctx, tx, tenant, id, tx.d.lockRow)
		if err != nil {
			return err
		}
		if name != nil {
			st.Name = strings.TrimSpace(*name)
			if err := checkName(st.Name); err != nil {
				return err
			}
			if err := nameFree(ctx, tx, tenant, st.Name, st.ID); err != nil {
				return err
			}
		}
		if metadata != nil {
			st.Metadata = metadata
		}
		meta, err := encodeMetadata(st.Metadata)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE stores SET name = ?, metadata = ? WHERE tenant = ? AND id = ?", st.Name, meta, tenant, st.ID)
		id = st.ID
		return err
	})
	if err != nil {
		return rag.Store{}, err
	}
	return s.Store(ctx, tenant, id)
}

// findStore looks by id or name; lock is "" or the dialect's lockRow.
func findStore(ctx context.Context, q querier, tenant, idOrName, lock string) (rag.Store, error) {
	st, err := scanStore(q.QueryRowContext(ctx, "SELECT "+storeColumns+" FROM stores WHERE tenant = ? AND (id = ? OR name = ?)"+lock,
		tenant, idOrName, idOrName))
	if errors.Is(err, sql.ErrNoRows) {
		return rag.Store{}, rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no store %q; list the stores or create it", idOrName))
	}
	return st, err
}

// storeExists is findStore for a caller that has the id and needs nothing else.
func storeExists(ctx context.Context, q querier, scope rag.Scope) error {
	return oneStore(ctx, q, scope, "")
}

// keepStore is storeExists for a transaction that adds to the store: nobody removes it meanwhile.
func keepStore(ctx context.Context, tx *txn, scope rag.Scope) error {
	return oneStore(ctx, tx, scope, tx.d.keepRow)
}

func oneStore(ctx context.Context, q querier, scope rag.Scope, lock string) error {
	var one int
	err := q.QueryRowContext(ctx, "SELECT 1 FROM stores WHERE tenant = ? AND id = ?"+lock, scope.Tenant, scope.Store).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no store %q; list the stores or create it", scope.Store))
	}
	return err
}

// count fills in how many documents the stores hold, by state, and their bytes.
func count(ctx context.Context, q querier, stores []rag.Store) error {
	if len(stores) == 0 {
		return nil
	}
	at := make(map[string]*rag.Store, len(stores))
	ids := make([]string, len(stores))
	for i := range stores {
		at[stores[i].ID], ids[i] = &stores[i], stores[i].ID
	}
	type row struct {
		store string
		state rag.State
		n     int
		bytes int64
	}
	in, args := inList(ids)
	rows, err := collect(ctx, q, func(sc scanner) (r row, err error) {
		err = sc.Scan(&r.store, &r.state, &r.n, &r.bytes)
		return r, err
	}, `SELECT store_id, state, CAST(SUM(documents) AS BIGINT), CAST(SUM(bytes) AS BIGINT) FROM tallies WHERE store_id IN `+in+`
		GROUP BY store_id, state HAVING SUM(documents) > 0`, args...)
	for _, r := range rows {
		at[r.store].Counts[r.state] = r.n
		at[r.store].Bytes += r.bytes
	}
	return err
}

func scanStore(row scanner) (rag.Store, error) {
	st := rag.Store{Counts: map[rag.State]int{}}
	var meta string
	var created int64
	if err := row.Scan(&st.ID, &st.Tenant, &st.Name, &meta, &created); err != nil {
		return rag.Store{}, err
	}
	st.CreatedAt = moment(created)
	err := json.Unmarshal([]byte(meta), &st.Metadata)
	return st, err
}

func nameFree(ctx context.Context, tx *txn, tenant, name, except string) error {
	var id string
	err := tx.QueryRowContext(ctx, "SELECT id FROM stores WHERE tenant = ? AND name = ?", tenant, name).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && id == except:
		return nil
	case err != nil:
		return err
	}
	return &rag.Error{Code: rag.CodeConflict, Param: "name",
		Message: fmt.Sprintf("a store named %q exists already; use it or choose another name", name)}
}

func checkName(name string) error {
	bad := ""
	switch {
	case name == "" || len(name) > 255:
		bad = "must have 1 to 255 bytes"
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		bad = "must be plain UTF-8 without control characters"
	case strings.HasPrefix(name, "vs_"):
		bad = "must not begin with vs_, as ids do"
	default:
		return nil
	}
	return &rag.Error{Code: rag.CodeInvalid, Param: "name", Message: "the name of a store " + bad + "; choose another"}
}

func encodeMetadata(metadata map[string]string) (string, error) {
	if metadata == nil {
		metadata = map[string]string{}
	}
	raw, err := json.Marshal(metadata)
	if err != nil {
		return "", fmt.Errorf("encode metadata: %w", err)
	}
	return string(raw), nil
}
