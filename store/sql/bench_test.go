package sql_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// BenchmarkAccept is one durable upload: document row, version, file and job in one transaction.
func BenchmarkAccept(b *testing.B) {
	store, scope := loaded(b, 0)
	b.ResetTimer()
	for i := range b.N {
		_, _, err := store.Accept(b.Context(), ingest.Accepted{Tenant: scope.Tenant, StoreID: scope.Store,
			Path: fmt.Sprint(i, ".md"), SHA256: fmt.Sprint(i), Bytes: 1})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
}

// BenchmarkPassages loads the 50 candidates of a question out of 10,000 chunks.
func BenchmarkPassages(b *testing.B) {
	store, scope := loaded(b, 100)
	ids := make([]string, 50)
	docs, _, err := store.Documents(b.Context(), scope, rag.Page{Limit: 100})
	if err != nil {
		b.Fatal(err)
	}
	for i := range ids {
		d := docs[i%len(docs)]
		ids[i] = ingest.ChunkID(ingest.Ref{StoreID: d.StoreID, DocumentID: d.ID, Version: d.Version}, i)
	}
	for b.Loop() {
		got, err := store.Passages(b.Context(), scope, ids)
		if err != nil || len(got) != len(ids) {
			b.Fatal(len(got), err)
		}
	}
}

// BenchmarkStoreByName is what MODEL@STORE costs a question, counts and all.
func BenchmarkStoreByName(b *testing.B) {
	store, scope := loaded(b, 500)
	for b.Loop() {
		if _, err := store.Store(b.Context(), scope.Tenant, "handbook"); err != nil {
			b.Fatal(err)
		}
	}
}

// loaded is a store with documents of 100 chunks each.
func loaded(tb testing.TB, documents int) (*sql.Store, rag.Scope) {
	tb.Helper()
	ctx := tb.Context()
	store, err := sql.Open(ctx, sql.Options{Path: filepath.Join(tb.TempDir(), "library.db"), MaxQueue: 10_000, MaxQueueTenant: 10_000})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	st, err := store.EnsureStore(ctx, rag.DefaultTenant, "handbook")
	if err != nil {
		tb.Fatal(err)
	}
	for i := range documents {
		doc, _, err := store.Accept(ctx, ingest.Accepted{Tenant: st.Tenant, StoreID: st.ID, Path: fmt.Sprint(i), SHA256: fmt.Sprint(i), Bytes: 1})
		if err != nil {
			tb.Fatal(err)
		}
		ref := ingest.Ref{Tenant: st.Tenant, StoreID: st.ID, DocumentID: doc.ID, Version: doc.Version}
		chunks := make([]ingest.Chunk, 100)
		for seq := range chunks {
			chunks[seq] = ingest.Chunk{ID: ingest.ChunkID(ref, seq), Seq: seq, Text: fmt.Sprintf("chunk %d %0800d", seq, seq), Header: "handbook"}
		}
		if err := store.SaveText(ctx, ref, ingest.Reading{Text: "text", Chunks: chunks}, 32); err != nil {
			tb.Fatal(err)
		}
	}
	return store, rag.Scope{Tenant: st.Tenant, Store: st.ID}
}
