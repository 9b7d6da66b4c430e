package indextest_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	qc "github.com/qdrant/go-client/qdrant"
	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/local"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
	"groundwork/store/sql"
)

// index is what both indexes are.
type index interface {
	ingest.Index
	rag.Searcher
	Close() error
}

// installation is a library and an index, as a server opens them.
type installation struct {
	tb      testing.TB
	library *sql.Store
	index   index
	closed  bool
}

// close closes both; the end of the test does too.
func (in *installation) close() {
	in.tb.Helper()
	if in.closed {
		return
	}
	in.closed = true
	if in.index != nil {
		require.NoError(in.tb, in.index.Close())
	}
	require.NoError(in.tb, in.library.Close())
}

// kind is one of the two ways to keep documents.
type kind struct {
	name string
	open func(tb testing.TB, dimensions int) *installation

	rounding float64 // Qdrant adds terms in float32: a share of the leg's best score
}

var kinds = []kind{{name: "embedded", open: embedded}, {name: "qdrant", open: scaleOut, rounding: 0x1p-22}}

// embedded is SQLite and the embedded index.
func embedded(tb testing.TB, dimensions int) *installation {
	tb.Helper()
	return embeddedIn(tb, tb.TempDir(), vectorKind{dimensions, "made up"})
}

// vectorKind is what an index was made for.
type vectorKind struct {
	dimensions  int
	fingerprint string
}

func embeddedIn(tb testing.TB, dir string, v vectorKind) *installation {
	tb.Helper()
	in := &installation{tb: tb}
	var err error
	in.library, err = sql.Open(tb.Context(), sql.Options{Path: filepath.Join(dir, "library.db")})
	require.NoError(tb, err)
	tb.Cleanup(in.close)
	x, err := local.Open(tb.Context(), filepath.Join(dir, "index"), local.Options{Dimensions: v.dimensions, Fingerprint: v.fingerprint})
	require.NoError(tb, err)
	in.index = x
	return in
}

// scaleOut is PostgreSQL and Qdrant, quantised as the shipped configuration has it.
func scaleOut(tb testing.TB, dimensions int) *installation {
	tb.Helper()
	in := &installation{tb: tb}
	var err error
	in.library, err = sql.Open(tb.Context(), sql.Options{URL: pgtest.URL(tb), Timeout: time.Minute})
	require.NoError(tb, err)
	tb.Cleanup(in.close)
	in.index = openQdrant(tb, qdrant.Options{Dimensions: dimensions, Quantise: true}, in.library.Ledger())
	return in
}

// openQdrant makes an index of its own on the server that tests share; its
// collection goes with the test.
func openQdrant(tb testing.TB, o qdrant.Options, ledger qdrant.Ledger) *qdrant.Index {
	tb.Helper()
	s := qdranttest.Start(tb)
	o.URL, o.APIKey, o.Fingerprint = s.URL, s.APIKey, "made up"
	o.Alias = fmt.Sprintf("indextest-%d-%d", os.Getpid(), time.Now().UnixNano())
	o.Timeout, o.SearchTimeout = time.Minute, time.Minute // patient: the machine may be busy
	x, err := qdrant.Open(tb.Context(), o, ledger)
	require.NoError(tb, err)
	tb.Cleanup(func() { drop(tb, s, o.Alias) })
	return x
}

// drop takes the collection of an alias off a server that outlives the test.
func drop(tb testing.TB, s *qdranttest.Server, alias string) {
	tb.Helper()
	u, err := url.Parse(s.URL)
	require.NoError(tb, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(tb, err)
	client, err := qc.NewClient(&qc.Config{Host: u.Hostname(), Port: port, APIKey: s.APIKey, UseTLS: u.Scheme == "https", SkipCompatibilityCheck: true, PoolSize: 1})
	require.NoError(tb, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's is over
	defer cancel()
	names, err := client.ListCollections(ctx)
	require.NoError(tb, err)
	for _, name := range names {
		if strings.HasPrefix(name, alias+"-") {
			require.NoError(tb, client.DeleteCollection(ctx, name))
		}
	}
}

// document is one that was parsed, chunked and embedded.
type document struct {
	path   string
	chunks []passage
}

type passage struct {
	text   string
	vector []float32
}

// storeName is that of every tenant's store.
const storeName = "handbook"

// tenancy is a tenant with its key and its store.
type tenancy struct {
	token string
	scope rag.Scope
	ids   map[string]string // path to document id
}

// admit makes a tenant as `groundwork keys create --tenant` does, and takes its documents in.
func (in *installation) admit(ctx context.Context, tenant string, documents []document) (tenancy, error) {
	_, token, err := in.library.CreateKey(ctx, rag.Key{Tenant: tenant, Name: "test", Verbs: []string{"ask", "write"}})
	if err != nil {
		return tenancy{}, err
	}
	st, err := in.library.EnsureStore(ctx, tenant, storeName)
	if err != nil {
		return tenancy{}, err
	}
	t := tenancy{token: token, scope: rag.Scope{Tenant: tenant, Store: st.ID}, ids: map[string]string{}}
	for _, d := range documents {
		if t.ids[d.path], err = in.add(ctx, t.scope, d); err != nil {
			return tenancy{}, fmt.Errorf("%s of %s: %w", d.path, tenant, err)
		}
	}
	return t, nil
}

// add takes the steps that the workers take for a document.
func (in *installation) add(ctx context.Context, scope rag.Scope, d document) (id string, err error) {
	row, _, err := in.library.Accept(ctx, ingest.Accepted{
		Tenant: scope.Tenant, StoreID: scope.Store, Path: d.path, SHA256: fmt.Sprintf("%064x", d.path), Bytes: 1, MediaType: "text/plain",
	})
	if err != nil {
		return "", err
	}
	ref := ingest.Ref{Tenant: scope.Tenant, StoreID: scope.Store, DocumentID: row.ID, Version: row.Version}
	if _, err := in.library.Start(ctx, ref); err != nil {
		return "", err
	}
	chunks, entries, body := make([]ingest.Chunk, len(d.chunks)), make([]ingest.Entry, len(d.chunks)), strings.Builder{}
	for seq, p := range d.chunks {
		start := body.Len()
		body.WriteString(p.text)
		c := ingest.Chunk{ID: ingest.ChunkID(ref, seq), Seq: seq, Start: start, End: body.Len(), Text: p.text}
		chunks[seq] = c
		entries[seq] = ingest.Entry{ChunkID: c.ID, DocumentID: row.ID, Version: row.Version, Vector: p.vector, Terms: analyze.Terms(c.Searchable())}
	}
	if err := in.library.SaveText(ctx, ref, ingest.Reading{Text: body.String(), Chunks: chunks}, len(chunks)); err != nil {
		return "", err
	}
	if err := in.index.Upsert(ctx, scope, entries); err != nil {
		return "", err
	}
	if err := in.library.Embedded(ctx, ref, 0, len(chunks)); err != nil {
		return "", err
	}
	if err := in.index.Publish(ctx, scope, row.ID, row.Version); err != nil {
		return "", err
	}
	_, err = in.library.Ready(ctx, ref)
	return row.ID, err
}
