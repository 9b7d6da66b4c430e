package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// Database is what keeps the library.
type Database interface {
	ingest.Library
	ingest.Publisher
	ingest.Catalog
	ingest.Trash
	ingest.Labeller
	ingest.Attachments
	rag.Passages
	rag.Vocabulary
	Reader
	Stores
	Batches
}

// Reader is the reading half of a library, as api wants it.
type Reader interface {
	Documents(ctx context.Context, scope rag.Scope, page rag.Page) ([]rag.Document, bool, error)
	Files(ctx context.Context, tenant string, page rag.Page) ([]rag.File, bool, error)
	Text(ctx context.Context, scope rag.Scope, fileID string) (string, error)
	DocumentPassages(ctx context.Context, scope rag.Scope, id string) (rag.Document, []rag.Passage, error)
	Holders(ctx context.Context, scope rag.Scope, fileID string) ([]string, error)
}

// Stores keeps stores, as api wants it.
type Stores interface {
	CreateStore(ctx context.Context, tenant, name string, metadata map[string]string) (rag.Store, error)
	EnsureStore(ctx context.Context, tenant, idOrName string) (rag.Store, error)
	Stores(ctx context.Context, tenant string, page rag.Page) ([]rag.Store, bool, error)
	Store(ctx context.Context, tenant, idOrName string) (rag.Store, error)
	Readable(ctx context.Context, scope rag.Scope) (map[rag.State]int, int64, error)
	UpdateStore(ctx context.Context, tenant, id string, name *string, metadata map[string]string) (rag.Store, error)
}

// Limits are what Options of an adapter would say.
type Limits struct {
	MaxQueue       int
	MaxQueueTenant int
}

// Fixture is an empty library on a clock of its own.
type Fixture struct {
	Database
	Advance func(d time.Duration)
	// Jobs are the kinds of the jobs that wait, in the order they were enqueued.
	Jobs func(t *testing.T) []string
}

// OpenLibrary opens a fresh, empty library.
type OpenLibrary func(t *testing.T, limits Limits) Fixture

// Library checks a library with everything that belongs to it.
func Library(t *testing.T, open OpenLibrary) {
	t.Run("Accept", func(t *testing.T) { acceptSuite(t, open) })
	t.Run("Versions", func(t *testing.T) { versionSuite(t, open) })
	t.Run("Failures", func(t *testing.T) { failSuite(t, open) })
	t.Run("Trash", func(t *testing.T) { trashSuite(t, open) })
	t.Run("Batches", func(t *testing.T) { batchSuite(t, open) })
	t.Run("Stores", func(t *testing.T) { storeSuite(t, open) })
	t.Run("Labels", func(t *testing.T) { labelSuite(t, open) })
	t.Run("Attached", func(t *testing.T) { attachedSuite(t, open) })
	t.Run("Lists", func(t *testing.T) { listSuite(t, open) })
}

const tenant = rag.DefaultTenant

var everywhere = rag.Scope{Tenant: tenant}

// scope makes a store.
func (f Fixture) scope(t *testing.T, name string) rag.Scope {
	t.Helper()
	st, err := f.CreateStore(t.Context(), tenant, name, nil)
	require.NoError(t, err)
	return rag.Scope{Tenant: tenant, Store: st.ID}
}

func (f Fixture) upload(t *testing.T, scope rag.Scope, path, content string) rag.Document {
	t.Helper()
	doc, _, err := f.Accept(t.Context(), upload(scope, path, content))
	require.NoError(t, err)
	return doc
}

func upload(scope rag.Scope, path, content string) ingest.Accepted {
	return ingest.Accepted{Tenant: scope.Tenant, StoreID: scope.Store, Path: path, SHA256: hash(content),
		Bytes: int64(len(content)), MediaType: "text/plain"}
}

func refOf(d rag.Document) ingest.Ref {
	return ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.Version}
}

// words makes one chunk of every word.
func words(ref ingest.Ref, text string) []ingest.Chunk {
	var out []ingest.Chunk
	at := 0
	for i, w := range strings.Fields(text) {
		n := len([]rune(w))
		out = append(out, ingest.Chunk{ID: ingest.ChunkID(ref, i), Seq: i, Start: at, End: at + n, Page: i + 1,
			Heading: []string{"Leave", fmt.Sprint("Part ", i)}, Header: "Handbook", Text: w})
		at += n + 1
	}
	return out
}

// embed goes as far as all chunks indexed, in batches of two.
func (f Fixture) embed(t *testing.T, doc rag.Document, text string) []ingest.Chunk {
	t.Helper()
	ref := refOf(doc)
	_, err := f.Start(t.Context(), ref)
	require.NoError(t, err)
	chunks := words(ref, text)
	require.NoError(t, f.SaveText(t.Context(), ref, ingest.Reading{Text: text, Chunks: chunks}, 2))
	for from := 0; from < len(chunks); from += 2 {
		require.NoError(t, f.Embedded(t.Context(), ref, from, min(from+2, len(chunks))))
	}
	return chunks
}

// ready goes all the way.
func (f Fixture) ready(t *testing.T, doc rag.Document, text string) []string {
	t.Helper()
	f.embed(t, doc, text)
	require.NoError(t, f.Complete(t.Context(), refOf(doc)))
	old, err := f.Ready(t.Context(), refOf(doc))
	require.NoError(t, err)
	require.Empty(t, old.Removals)
	return old.Originals
}

func (f Fixture) document(t *testing.T, d rag.Document) rag.Document {
	t.Helper()
	doc, err := f.Document(t.Context(), rag.Scope{Tenant: d.Tenant, Store: d.StoreID}, d.ID)
	require.NoError(t, err)
	return doc
}

func requireCode(t *testing.T, code rag.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, rag.CodeOf(err), "%v", err)
}
