package ingest_test

import (
	"context"
	dbsql "database/sql"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// pair are two processes on one library and one index: late is the worker that
// stands still, and other the one that goes on.
type pair struct {
	late, other *server
	scope       rag.Scope
	held        chan struct{} // closed when late stands still
	resume      func()        // lets it go on
	job         *dbsql.DB
}

// onBoth runs a test on a library in SQLite and in PostgreSQL. The late worker
// stands still before the first change of the index that at is true for.
func onBoth(t *testing.T, at func(c change) bool, test func(t *testing.T, p *pair)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, newPair(t, "", at))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, newPair(t, pgtest.URL(t), at))
	})
}

func newPair(t *testing.T, url string, at func(c change) bool) *pair {
	t.Helper()
	dir := t.TempDir()
	late, err := assemble(t.Context(), dir, url)
	require.NoError(t, err)
	opt := sql.Options{Path: filepath.Join(dir, "library.db"), URL: url, SweepAfter: time.Second}
	store, err := sql.Open(t.Context(), opt)
	require.NoError(t, err)
	other := newServer(store, late.files, late.index)
	p := &pair{late: late, other: other, held: make(chan struct{})}
	resume := make(chan struct{})
	p.resume = sync.OnceFunc(func() { close(resume) })
	var taken atomic.Bool
	late.index.gate = func(c change) {
		if at(c) && taken.CompareAndSwap(false, true) {
			close(p.held)
			<-resume
		}
	}
	driver, name := "sqlite", "file:"+opt.Path+"?_pragma=busy_timeout(10000)"
	if url != "" {
		driver, name = "pgx", url
	}
	p.job, err = dbsql.Open(driver, name)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.job.Close())
		require.NoError(t, store.Close())
		require.NoError(t, late.store.Close())
		require.NoError(t, late.index.file.Close())
	})
	st, err := store.CreateStore(t.Context(), rag.DefaultTenant, "handbook", nil)
	require.NoError(t, err)
	p.scope = rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID}
	return p
}

// start lets a process work until the test ends.
func (p *pair) start(t *testing.T, s *server) {
	t.Helper()
	stop, err := s.work(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		p.resume()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, stop(ctx))
	})
}

// standStill starts the late worker and waits until it stands still.
func (p *pair) standStill(t *testing.T) {
	t.Helper()
	p.start(t, p.late)
	select {
	case <-p.held:
	case <-time.After(20 * time.Second):
		t.Fatal("the late worker never came to the place")
	}
}

// rescue gives the running jobs away, as the queue does with those of a worker that it takes for dead.
func (p *pair) rescue(t *testing.T) {
	t.Helper()
	_, err := p.job.ExecContext(t.Context(), "UPDATE river_job SET state = 'available' WHERE state = 'running'")
	require.NoError(t, err)
}

// quiet waits until no job is left and the late worker has said all it had to say.
func (p *pair) quiet(t *testing.T) {
	t.Helper()
	eventually(t, "the jobs end", func() bool { return !p.other.busy(t) })
}

// onlyLive waits until the index holds what the library says, and nothing else.
func (p *pair) onlyLive(t *testing.T, doc rag.Document) {
	t.Helper()
	eventually(t, "what came late goes", func() bool { return len(p.other.index.held(doc).Versions) == 1 })
	requireIndexed(t, p.other, doc)
}

func firstUpsert(c change) bool  { return c.Op == "upsert" && c.Version == 1 }
func firstPublish(c change) bool { return c.Op == "publish" && c.Version == 1 }

func TestALateUpsertOfAReplacedVersionLeavesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, firstUpsert, func(t *testing.T, p *pair) {
		doc := p.other.upload(t, p.scope, "a.md", numbered(3))
		p.standStill(t)
		p.other.upload(t, p.scope, "a.md", numbered(5))
		p.start(t, p.other)
		doc = p.other.settled(t, doc)
		require.Equal(t, 2, doc.LiveVersion)
		p.resume()
		p.quiet(t)
		p.onlyLive(t, doc)
	})
}

func TestALateUpsertOfADeletedDocumentLeavesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, firstUpsert, func(t *testing.T, p *pair) {
		doc := p.other.upload(t, p.scope, "a.md", numbered(3))
		p.standStill(t)
		_, err := p.other.Remove(t.Context(), p.scope, doc.ID)
		require.NoError(t, err)
		p.resume()
		p.start(t, p.other)
		p.quiet(t)
		eventually(t, "what came late goes", func() bool { return len(p.late.index.held(doc).Versions) == 0 })
	})
}

func TestALateUpsertOfAVersionThatIsReadyByNowChangesNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, firstUpsert, func(t *testing.T, p *pair) {
		doc := p.other.upload(t, p.scope, "a.md", numbered(9))
		p.standStill(t)
		p.rescue(t)
		p.start(t, p.other)
		doc = p.other.settled(t, doc)
		require.Equal(t, rag.StateReady, doc.State)
		p.resume()
		p.quiet(t)
		requireIndexed(t, p.other, doc)
		require.Equal(t, rag.StateReady, p.other.settled(t, doc).State)
	})
}

func TestALatePublishOfADeletedDocumentShowsNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, firstPublish, func(t *testing.T, p *pair) {
		doc := p.other.upload(t, p.scope, "a.md", numbered(3))
		p.standStill(t)
		_, err := p.other.Remove(t.Context(), p.scope, doc.ID)
		require.NoError(t, err)
		// The worst case: an upsert that comes late, too.
		ref := ingest.Ref{Tenant: doc.Tenant, StoreID: doc.StoreID, DocumentID: doc.ID, Version: 1}
		require.NoError(t, p.late.index.Upsert(t.Context(), p.scope, []ingest.Entry{{ChunkID: ingest.ChunkID(ref, 0), DocumentID: doc.ID, Version: 1}}))
		p.resume()
		p.start(t, p.other)
		p.quiet(t)
		eventually(t, "what came late goes", func() bool { return len(p.late.index.held(doc).Versions) == 0 })
	})
}

// A version that the index shows is the live one, though a newer one is on its
// way: the text and the passages are those that a search finds.
func TestAVersionThatIsOvertakenWhileItIsPublishedIsTheLiveOneMeanwhile(t *testing.T) {
	t.Parallel()
	onBoth(t, firstPublish, func(t *testing.T, p *pair) {
		doc := p.other.upload(t, p.scope, "a.md", numbered(3))
		p.standStill(t)
		p.other.upload(t, p.scope, "a.md", "!scan\n")
		p.resume()
		p.start(t, p.other)
		doc = p.other.settled(t, doc)
		p.quiet(t)
		require.Equal(t, rag.StateFailed, doc.State, "the newer version has no text")
		eventually(t, "the overtaken one is live", func() bool {
			got, err := p.other.store.Document(t.Context(), p.scope, doc.ID)
			return err == nil && got.LiveVersion == 1
		})
		held := p.late.index.held(doc)
		require.Equal(t, 1, held.Live)
		require.Len(t, held.Versions, 1)
		require.Len(t, held.Versions[1], 3)
		text, err := p.other.store.Text(t.Context(), rag.Scope{Tenant: doc.Tenant}, doc.ID)
		require.NoError(t, err)
		require.Equal(t, numbered(3), text)
	})
}

func TestTwoProcessesUploadAndDeleteTheSameContent(t *testing.T) {
	t.Parallel()
	p := newPair(t, pgtest.URL(t), func(change) bool { return false })
	var wg sync.WaitGroup
	for i, s := range []*server{p.late, p.other, p.late, p.other} {
		path := string(rune('a'+i)) + ".md"
		wg.Go(func() {
			for range 12 {
				doc, err := s.Upload(t.Context(), p.scope, rag.Upload{Path: path, Body: strings.NewReader("the same")})
				if rag.CodeOf(err) == rag.CodeBusy {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if content, err := s.files.Open(t.Context(), doc.SHA256); err != nil {
					t.Errorf("acknowledged, but its content is gone: %v", err)
				} else if err := content.Close(); err != nil {
					t.Error(err)
				}
				if _, err := s.Remove(t.Context(), p.scope, doc.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, p.late.blobs(t))
}
