package ingest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/blob"
	"groundwork/store/sql"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(context.Background(), dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := pgtest.Stop(); err != nil {
			fmt.Println(err)
			code = 1
		}
		os.Exit(code)
	}))
}

// server is a whole document path over one data directory.
type server struct {
	*ingest.Service
	store   *sql.Store
	files   *blob.Folder
	index   *journal
	model   *model
	timeout time.Duration // of a job
}

// assemble builds a server on a data directory. Its library is the file in it,
// or the database that url names.
func assemble(ctx context.Context, dir, url string) (*server, error) {
	opt := sql.Options{Path: filepath.Join(dir, "library.db"), SweepAfter: time.Second}
	if url != "" {
		opt.URL, opt.Writers, opt.Readers = url, 4, 2
	}
	store, err := sql.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	files, err := blob.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	index, err := openJournal(filepath.Join(dir, "index.jsonl"))
	if err != nil {
		return nil, err
	}
	return newServer(store, files, index), nil
}

func newServer(store *sql.Store, files *blob.Folder, index *journal) *server {
	s := &server{store: store, files: files, index: index, model: &model{}, timeout: time.Minute}
	s.Service = &ingest.Service{Library: store, Publisher: store, Catalog: store, Trash: store, Retrier: store, Attachments: store, Files: files, Index: index, Labels: store, Describer: index,
		Embedder: s.model, Parse: parse, Split: lines, Analyze: analyze,
		Limits: ingest.Limits{MaxFile: 1 << 20, Batch: 4, Attempts: 3, Backoff: time.Millisecond}, Locks: store.Locks()}
	return s
}

// work takes jobs until the returned function is called.
func (s *server) work(ctx context.Context) (stop func(context.Context) error, err error) {
	if _, err := s.store.RequeueRunning(ctx); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	s.Register(workers)
	return s.store.Work(ctx, workers, sql.WorkOptions{Workers: 2, JobTimeout: s.timeout, RescueAfter: 10 * s.timeout})
}

// setup is a server that works, with an empty store. Change what it is made of in prepare.
func setup(t *testing.T, prepare ...func(*server)) (*server, rag.Scope) {
	t.Helper()
	s, err := assemble(t.Context(), t.TempDir(), "")
	require.NoError(t, err)
	for _, f := range prepare {
		f(s)
	}
	stop, err := s.work(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, stop(ctx))
		require.NoError(t, s.store.Close())
		require.NoError(t, s.index.file.Close())
	})
	st, err := s.store.CreateStore(t.Context(), rag.DefaultTenant, "handbook", nil)
	require.NoError(t, err)
	return s, rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID}
}

func (s *server) upload(t *testing.T, scope rag.Scope, path, content string) rag.Document {
	t.Helper()
	doc, err := s.Upload(t.Context(), scope, rag.Upload{Path: path, MediaType: "text/plain", Body: strings.NewReader(content)})
	require.NoError(t, err)
	return doc
}

// settled waits until a document is ready or failed.
func (s *server) settled(t *testing.T, doc rag.Document) rag.Document {
	t.Helper()
	docs, err := s.Wait(t.Context(), rag.Scope{Tenant: doc.Tenant, Store: doc.StoreID}, []string{doc.ID}, 30*time.Second)
	require.NoError(t, err)
	require.Len(t, docs, 1)
	require.True(t, docs[0].State.Done(), "still %s", docs[0].State)
	return docs[0]
}

// blobs are the contents that are kept.
func (s *server) blobs(t *testing.T) (sums []string) {
	t.Helper()
	require.NoError(t, s.files.List(t.Context(), func(sum string) error {
		sums = append(sums, sum)
		return nil
	}))
	return sums
}

// eventually polls for what no event tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 10*time.Millisecond, what)
}
