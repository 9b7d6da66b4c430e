package sql_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
	"groundwork/store/storetest"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		places := map[*testing.T]sql.Options{}
		var mu sync.Mutex
		storetest.Ledger(t, func(t *testing.T) storetest.SearchLedger {
			mu.Lock()
			opt, known := places[t]
			if !known {
				opt = place(t)
				places[t] = opt
			}
			mu.Unlock()
			return open(t, opt).Ledger()
		})
	})
}

// BenchmarkLedger reads what a question needs: 20 terms, then the versions of 100 documents.
func BenchmarkLedger(b *testing.B) {
	for name, opt := range map[string]func() sql.Options{
		"SQLite":     func() sql.Options { return sql.Options{Path: filepath.Join(b.TempDir(), "library.db")} },
		"PostgreSQL": func() sql.Options { return sql.Options{URL: pgtest.URL(b)} },
	} {
		b.Run(name, func(b *testing.B) {
			store, err := sql.Open(b.Context(), opt())
			require.NoError(b, err)
			b.Cleanup(func() { require.NoError(b, store.Close()) })
			ledger, scope := store.Ledger(), rag.Scope{Tenant: "acme", Store: "vs_1"}
			r := rand.New(rand.NewPCG(1, 2))
			ids, terms := make([]string, 100), make([]uint32, 20)
			for i := range 200 {
				frequencies := map[uint32]int{}
				for range 2000 {
					frequencies[r.Uint32()%200_000] = 1 + r.IntN(5)
				}
				ids[i%100] = fmt.Sprint("file-", i)
				_, err := ledger.Publish(b.Context(), scope, ids[i%100], 1, 50, frequencies)
				require.NoError(b, err)
			}
			for i := range terms {
				terms[i] = r.Uint32() % 200_000
			}
			readTerms := func(b *testing.B) {
				for b.Loop() {
					if _, _, _, err := ledger.Frequencies(b.Context(), scope, terms); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.Run("terms", readTerms)
			for i := range 1000 {
				_, err := ledger.Publish(b.Context(), rag.Scope{Tenant: fmt.Sprint("tenant-", i), Store: "vs_1"}, "doc", 1, 1, map[uint32]int{1: 1})
				require.NoError(b, err)
			}
			b.Run("terms, a thousand stores more", readTerms)
			b.Run("versions", func(b *testing.B) {
				for b.Loop() {
					if found, err := ledger.Searchable(b.Context(), scope, ids); err != nil || len(found) != 100 {
						b.Fatal(len(found), err)
					}
				}
			})
			b.Run("publish", func(b *testing.B) {
				frequencies := map[uint32]int{}
				for range 2000 {
					frequencies[r.Uint32()%200_000] = 1 + r.IntN(5)
				}
				for v := 2; b.Loop(); v++ {
					if _, err := ledger.Publish(b.Context(), scope, ids[0], v, 50, frequencies); err != nil {
						b.Fatal(err)
					}
					frequencies[r.Uint32()%200_000]++
				}
			})
		})
	}
}
