package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

func TestADocumentBecomesSearchable(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	content := "Fünf Tage Urlaub\n\nwerden übertragen\nzwei\ndrei\nvier\nfünf\n"
	doc := s.settled(t, s.upload(t, scope, `guides\leave.md`, content))
	require.Equal(t, rag.StateReady, doc.State, doc.Error)
	require.Equal(t, "guides/leave.md", doc.Path)
	require.Equal(t, 6, doc.Chunks)
	require.Equal(t, 6, doc.ChunksDone)

	text, err := s.store.Text(t.Context(), scope, doc.ID)
	require.NoError(t, err)
	require.Equal(t, content, text)
	requireIndexed(t, s, doc)
	second := ingest.ChunkID(ingest.Ref{StoreID: scope.Store, DocumentID: doc.ID, Version: 1}, 1)
	entry := s.index.held(doc).Versions[1][second]
	require.Equal(t, []string{"guides/leave.md", "werden", "übertragen"}, entry.Terms, "the header is searched too")
	require.Equal(t, vector("guides/leave.md\nwerden übertragen"), entry.Vector)
}

// requireIndexed checks that index, library and text agree about a ready document.
func requireIndexed(t *testing.T, s *server, doc rag.Document) {
	t.Helper()
	held := s.index.held(doc)
	require.Equal(t, doc.Version, held.Live)
	require.Len(t, held.Versions, 1)
	var ids []string
	for id := range held.Versions[doc.Version] {
		ids = append(ids, id)
	}
	scope := rag.Scope{Tenant: doc.Tenant, Store: doc.StoreID}
	passages, err := s.store.Passages(t.Context(), scope, ids)
	require.NoError(t, err)
	require.Len(t, passages, doc.Chunks)
	require.Len(t, ids, doc.Chunks)
	text, err := s.store.Text(t.Context(), rag.Scope{Tenant: doc.Tenant}, doc.ID)
	require.NoError(t, err)
	points := []rune(text)
	for _, p := range passages {
		require.Equal(t, string(points[p.Start:p.End]), p.Text)
	}
}

func TestUploadRefuses(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		path, content string
		code          rag.Code
	}{
		{"../../x", "a", rag.CodeInvalid},
		{`..\x`, "a", rag.CodeInvalid},
		{"a/../../x", "a", rag.CodeInvalid},
		{"/etc/passwd", "a", rag.CodeInvalid},
		{`C:\x.txt`, "a", rag.CodeInvalid},
		{"a\x00b", "a", rag.CodeInvalid},
		{"a\nb", "a", rag.CodeInvalid},
		{"\xff.md", "a", rag.CodeInvalid},
		{long, "a", rag.CodeInvalid},
		{strings.Repeat("folder/", 600) + "x", "a", rag.CodeInvalid},
		{"", "a", rag.CodeInvalid},
		{"./", "a", rag.CodeInvalid},
		{"empty.md", "", rag.CodeEmptyFile},
		{"large.md", strings.Repeat("x", 1<<20+1), rag.CodeTooLarge},
	} {
		_, err := s.Upload(t.Context(), scope, rag.Upload{Path: c.path, Body: strings.NewReader(c.content)})
		require.Equal(t, c.code, rag.CodeOf(err), "%.20q", c.path)
		_, err = s.AddFile(t.Context(), scope.Tenant, c.path, "assistants", strings.NewReader(c.content))
		require.Equal(t, c.code, rag.CodeOf(err), "%.20q", c.path)
	}
	_, err := s.Upload(t.Context(), rag.Scope{Tenant: scope.Tenant, Store: "vs_absent"}, rag.Upload{Path: "a.md", Body: strings.NewReader("a")})
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
	_, err = s.Upload(t.Context(), scope, rag.Upload{Path: "a.md", Body: io.MultiReader(strings.NewReader("half"), broken{})})
	require.Equal(t, rag.CodeInvalid, rag.CodeOf(err))
	_, err = s.Upload(t.Context(), scope, rag.Upload{Path: "a.md", Body: broken{}})
	require.Equal(t, rag.CodeInvalid, rag.CodeOf(err))
	require.Empty(t, s.blobs(t), "nothing refused is kept")
	for dirty, clean := range map[string]string{"./a//b.md": "a/b.md", `a\b.md`: "a/b.md", "...": "...", "a.": "a.", "x:y.md": "x:y.md"} {
		got, err := ingest.CleanPath(dirty)
		require.NoError(t, err)
		require.Equal(t, clean, got)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"a/b", "../x", `a\..\b`, "./", "C:/x", "\x00", "é/ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		clean, err := ingest.CleanPath(path)
		if err != nil {
			require.Equal(t, rag.CodeInvalid, rag.CodeOf(err))
			return
		}
		again, err := ingest.CleanPath(clean)
		require.NoError(t, err)
		require.Equal(t, clean, again)
		for part := range strings.SplitSeq(clean, "/") {
			require.NotContains(t, []string{"", ".", ".."}, part)
		}
	})
}

func TestWhatCannotBeReadFailsWithItsReason(t *testing.T) {
	t.Parallel()
	var embedded atomic.Int32
	s, scope := setup(t, func(s *server) {
		s.model.before = func(context.Context, []string) error { embedded.Add(1); return nil }
	})
	for content, code := range map[string]rag.Code{
		"!encrypted": rag.CodeEncrypted,
		"!scan":      rag.CodeNoText,
		"\n\n \n":    rag.CodeEmptyFile,
		"!broken":    rag.CodeInternal,
		"!panic":     rag.CodeInternal,
	} {
		doc := s.settled(t, s.upload(t, scope, strings.Trim(content, "!\n ")+".txt", content))
		require.Equal(t, rag.StateFailed, doc.State, content)
		require.Equal(t, code, doc.ErrorCode, content)
		require.NotEmpty(t, doc.Error)
		require.NotContains(t, doc.Error, "cheese", "causes are for the log")
	}
	require.Zero(t, embedded.Load())
}

func TestErrorsOfTheModelCountAndItsAbsenceDoesNot(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	tries := map[string]int{}
	s, scope := setup(t, func(s *server) {
		s.model.before = func(_ context.Context, texts []string) error {
			mu.Lock()
			defer mu.Unlock()
			name, _, _ := strings.Cut(texts[0], "\n")
			tries[name]++
			switch {
			case name == "away" && tries[name] <= 6:
				return &rag.Error{Code: rag.CodeUnavailable, RetryAfter: time.Millisecond, Message: "the model server is away"}
			case name == "flaky" && tries[name] <= 2:
				return errors.New("connection reset")
			case name == "bad":
				return errors.New("wrong dimensions")
			case name == "explained":
				return rag.Fail(rag.CodeTimeout, "the model server took too long; make it faster")
			}
			return nil
		}
	})
	want := map[string]struct {
		state rag.State
		code  rag.Code
		tries int
	}{
		"away":      {rag.StateReady, "", 7},
		"flaky":     {rag.StateReady, "", 3},
		"bad":       {rag.StateFailed, rag.CodeEmbedding, 3},
		"explained": {rag.StateFailed, rag.CodeEmbedding, 3},
	}
	var docs []rag.Document
	for name := range want {
		docs = append(docs, s.upload(t, scope, name, "content of "+name))
	}
	for _, doc := range docs {
		doc = s.settled(t, doc)
		w := want[doc.Path]
		require.Equal(t, w.state, doc.State, doc.Path)
		require.Equal(t, w.code, doc.ErrorCode, doc.Path)
		mu.Lock()
		require.Equal(t, w.tries, tries[doc.Path], doc.Path)
		mu.Unlock()
		if doc.Path == "explained" {
			require.Equal(t, "the model server took too long; make it faster", doc.Error)
		}
		if doc.State == rag.StateReady {
			requireIndexed(t, s, doc)
		}
	}
}

func TestAFailedVersionLeavesNothingInTheIndex(t *testing.T) {
	t.Parallel()
	var bad atomic.Bool
	s, scope := setup(t, func(s *server) {
		s.model.before = func(_ context.Context, texts []string) error {
			if bad.Load() && strings.Contains(texts[0], "line 4") {
				return errors.New("wrong dimensions")
			}
			return nil
		}
	})
	first := s.settled(t, s.upload(t, scope, "a.md", numbered(3)))
	bad.Store(true)
	second := s.settled(t, s.upload(t, scope, "a.md", numbered(9)))
	require.Equal(t, rag.StateFailed, second.State)
	require.Equal(t, 1, second.LiveVersion)
	eventually(t, "batches that came after the failure go too", func() bool { return len(s.index.held(first).Versions) == 1 })
	requireIndexed(t, s, first)
	bad.Store(false)
	third := s.settled(t, s.upload(t, scope, "a.md", numbered(9)))
	require.Equal(t, rag.StateReady, third.State, "the same content again is a new try")
	requireIndexed(t, s, third)
	eventually(t, "the old file goes", func() bool { return len(s.blobs(t)) == 1 })
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// gate stops embedding until it is opened.
type gate struct {
	reached chan struct{}
	open    chan struct{}
}

func newGate() gate { return gate{make(chan struct{}, 100), make(chan struct{})} }

func (g gate) wait(ctx context.Context, _ []string) error {
	g.reached <- struct{}{}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watched tells when somebody looked a document up.
type watched struct {
	ingest.Catalog
	looked chan struct{}
}

func (w watched) Document(ctx context.Context, scope rag.Scope, id string) (rag.Document, error) {
	defer func() { w.looked <- struct{}{} }()
	return w.Catalog.Document(ctx, scope, id)
}

func TestDeletingWhileAJobRunsLeavesNothing(t *testing.T) {
	t.Parallel()
	g := newGate()
	looked := make(chan struct{}, 100)
	s, scope := setup(t, func(s *server) {
		s.model.before = g.wait
		s.Catalog = watched{s.Catalog, looked}
	})
	doc := s.upload(t, scope, "a.md", numbered(8))
	<-g.reached
	waited := make(chan []rag.Document, 1)
	go func() {
		docs, err := s.Wait(t.Context(), scope, []string{doc.ID}, time.Minute)
		if err != nil {
			t.Error(err)
		}
		waited <- docs
	}()
	<-looked
	receipt, err := s.Remove(t.Context(), scope, doc.ID)
	require.NoError(t, err)
	require.Equal(t, 1, receipt.Blobs)
	require.Empty(t, <-waited, "a wait ends with the document")
	close(g.open)
	eventually(t, "the jobs end", func() bool { return !s.busy(t) })
	require.Empty(t, s.index.held(doc).Versions)
	require.Empty(t, s.blobs(t))
}

func TestReplacingWhileAJobRunsKeepsTheNewest(t *testing.T) {
	t.Parallel()
	g := newGate()
	s, scope := setup(t, func(s *server) { s.model.before = g.wait })
	s.upload(t, scope, "a.md", numbered(8))
	<-g.reached
	newest := s.upload(t, scope, "a.md", "other\n"+numbered(5))
	close(g.open)
	doc := s.settled(t, newest)
	require.Equal(t, rag.StateReady, doc.State)
	require.Equal(t, 2, doc.LiveVersion)
	eventually(t, "the jobs end", func() bool { return !s.busy(t) })
	requireIndexed(t, s, doc)
	require.Equal(t, []string{doc.SHA256}, s.blobs(t))
}

// busy tells whether jobs of documents wait or run.
func (s *server) busy(t *testing.T) bool {
	t.Helper()
	n, err := s.store.Waiting(t.Context())
	require.NoError(t, err)
	return n > 0
}

func TestRecoverDeletesWhatNothingRefersTo(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	doc := s.upload(t, scope, "a.md", "kept")
	for i := range 450 {
		_, _, err := s.files.Put(t.Context(), strings.NewReader(fmt.Sprint("stray ", i)), 100)
		require.NoError(t, err)
	}
	require.NoError(t, s.Recover(t.Context()))
	require.Equal(t, []string{doc.SHA256}, s.blobs(t))
}

func TestWait(t *testing.T) {
	t.Parallel()
	g := newGate()
	s, scope := setup(t, func(s *server) { s.model.before = g.wait })
	failing := s.upload(t, scope, "a.md", "!scan")
	slow := s.upload(t, scope, "b.md", "text")
	ids := []string{slow.ID, failing.ID, slow.ID}
	<-g.reached
	docs, err := s.Wait(t.Context(), scope, ids, 50*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, rag.StateEmbedding, docs[0].State, "a timeout gives what is known")
	_, err = s.Wait(t.Context(), scope, []string{slow.ID, "file-absent"}, time.Minute)
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Wait(ctx, scope, ids, time.Minute)
	require.ErrorIs(t, err, context.Canceled)
	close(g.open)
	docs, err = s.Wait(t.Context(), scope, ids, time.Minute)
	require.NoError(t, err)
	require.Equal(t, []rag.State{rag.StateReady, rag.StateFailed, rag.StateReady}, []rag.State{docs[0].State, docs[1].State, docs[2].State})
}

func TestChunkIDsAreStable(t *testing.T) {
	t.Parallel()
	ref := ingest.Ref{StoreID: "vs_1", DocumentID: "file-1", Version: 1}
	require.Equal(t, "b0b3b1c4-0000-5000-8000-000000000000"[14:15], ingest.ChunkID(ref, 0)[14:15], "a version 5 UUID")
	ids := []string{ingest.ChunkID(ref, 0), ingest.ChunkID(ref, 1)}
	ref.Version = 2
	ids = append(ids, ingest.ChunkID(ref, 0), ingest.ChunkID(ref, 1))
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(ids))), 4)
}
