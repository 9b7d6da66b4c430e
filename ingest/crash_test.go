package ingest_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
)

// Environment of the child process that is killed.
const (
	childDir   = "GROUNDWORK_TEST_CHILD"
	childURL   = "GROUNDWORK_TEST_CHILD_URL"
	childFrom  = "GROUNDWORK_TEST_CHILD_FROM"
	childSlow  = "GROUNDWORK_TEST_CHILD_SLOW"
	documents  = 100
	killed     = 20
	storeName  = "handbook"
	childReady = "up"
)

// deed is one request to the server, in the order of the plan.
type deed struct {
	path    string
	content string // empty: delete the document
}

// plan: 100 documents; every tenth is replaced later and every tenth deleted.
func plan() []deed {
	var deeds []deed
	for i := range documents {
		deeds = append(deeds, deed{fmt.Sprintf("doc-%02d.md", i), fmt.Sprintf("document %d\n", i) + numbered(i%23)})
		switch {
		case i >= 20 && i%10 == 3:
			deeds = append(deeds, deed{fmt.Sprintf("doc-%02d.md", i-20), "replaced\n" + numbered(i%17)})
		case i >= 20 && i%10 == 7:
			deeds = append(deeds, deed{fmt.Sprintf("doc-%02d.md", i-20), ""})
		}
	}
	return deeds
}

// outcome is what must be there in the end: content by path.
func outcome(deeds []deed) map[string]string {
	want := map[string]string{}
	for _, d := range deeds {
		if want[d.path] = d.content; d.content == "" {
			delete(want, d.path)
		}
	}
	return want
}

// child carries out the plan from where the parent tells, says each deed that
// was acknowledged, and says "idle" when nothing is left to do. The parent
// kills it on the way.
func child(ctx context.Context, dir string) error {
	s, err := assemble(ctx, dir, os.Getenv(childURL))
	if err != nil {
		return err
	}
	if os.Getenv(childSlow) != "" {
		s.model.before = func(ctx context.Context, _ []string) error {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
			return ctx.Err()
		}
	}
	if s.store.Shared() {
		s.timeout = 3 * time.Second // nothing but a rescue takes a dead worker's jobs up
	}
	stop, err := s.work(ctx)
	if err != nil {
		return err
	}
	if err := s.Recover(ctx); err != nil {
		return err
	}
	fmt.Println(childReady)
	from, err := strconv.Atoi(os.Getenv(childFrom))
	if err != nil {
		return err
	}
	st, err := s.store.EnsureStore(ctx, rag.DefaultTenant, storeName)
	if err != nil {
		return err
	}
	scope := rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID}
	for i, d := range plan()[from:] {
		if err := s.carryOut(ctx, scope, d); err != nil {
			return err
		}
		fmt.Println("ack", from+i+1)
	}
	for n := 1; n > 0; {
		if n, err = s.store.Waiting(ctx); err != nil {
			return err
		}
		<-time.After(10 * time.Millisecond)
	}
	fmt.Println("idle")
	if err := stop(ctx); err != nil {
		return err
	}
	return s.store.Close()
}

func (s *server) carryOut(ctx context.Context, scope rag.Scope, d deed) error {
	if d.content != "" {
		_, err := s.Upload(ctx, scope, rag.Upload{Path: d.path, Body: strings.NewReader(d.content)})
		return err
	}
	docs, err := s.all(ctx, scope)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if doc.Path == d.path {
			_, err := s.Remove(ctx, scope, doc.ID)
			return err
		}
	}
	return nil // deleted, but not acknowledged, before the last kill
}

func (s *server) all(ctx context.Context, scope rag.Scope) (docs []rag.Document, err error) {
	for more := true; more; {
		p := rag.Page{Limit: 100}
		if len(docs) > 0 {
			p.After = docs[len(docs)-1].ID
		}
		var some []rag.Document
		if some, more, err = s.store.Documents(ctx, scope, p); err != nil {
			return nil, err
		}
		docs = append(docs, some...)
	}
	return docs, nil
}

// where the data of a killed server lies.
type where struct{ dir, url string }

// end says when a child is killed: that long after so many deeds more, or
// after it is up when none is left. The zero value lets it live.
type end struct {
	deeds int
	after time.Duration
}

// run starts a child that goes on after acked deeds. It returns how many were
// acknowledged in the end and whether it became idle.
func run(t *testing.T, w where, acked int, e end) (int, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // long before a rescue would help
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+w.dir, childURL+"="+w.url, childFrom+"="+strconv.Itoa(acked))
	if e.after > 0 {
		cmd.Env = append(cmd.Env, childSlow+"=1")
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	killAt, idle := min(acked+e.deeds, len(plan())), false
	in := bufio.NewScanner(out)
	for in.Scan() {
		word, n, _ := strings.Cut(in.Text(), " ")
		switch word {
		case childReady:
		case "ack":
			acked, err = strconv.Atoi(n)
			require.NoError(t, err)
		case "idle":
			idle = true
		default:
			t.Fatalf("the child says: %s", in.Text())
		}
		if acked == killAt && e.after > 0 {
			killAt = -1
			timer := time.AfterFunc(e.after, func() { _ = cmd.Process.Kill() }) // it may have ended
			defer timer.Stop()
		}
	}
	if err := cmd.Wait(); e.after == 0 {
		require.NoError(t, err)
	}
	return acked, idle
}

func TestKilledAgainAndAgainNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		killedAgainAndAgain(t, where{dir: t.TempDir()}, killed)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		killedAgainAndAgain(t, where{t.TempDir(), pgtest.URL(t)}, killed/2)
	})
}

func killedAgainAndAgain(t *testing.T, w where, kills int) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acked, early := 0, 0
	for range kills {
		var idle bool
		acked, idle = run(t, w, acked, end{random.IntN(15), time.Millisecond + time.Duration(random.IntN(100))*time.Millisecond})
		if idle {
			early++
		}
	}
	t.Logf("%d of %d deeds acknowledged after %d kills; %d children had nothing left to do", acked, len(plan()), kills, early)
	acked, idle := run(t, w, acked, end{})
	require.Equal(t, len(plan()), acked)
	require.True(t, idle)
	requireOutcome(t, w)
}

// requireOutcome checks invariants 1 to 3: every acknowledged document is
// there once and ready, with exactly its chunks, and nothing else is anywhere.
func requireOutcome(t *testing.T, w where) {
	t.Helper()
	s, err := assemble(t.Context(), w.dir, w.url)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.store.Close()) }()
	st, err := s.store.Store(t.Context(), rag.DefaultTenant, storeName)
	require.NoError(t, err)
	docs, err := s.all(t.Context(), rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID})
	require.NoError(t, err)
	want := outcome(plan())
	contents, entries := map[string]bool{}, 0
	for _, doc := range docs {
		content, ok := want[doc.Path]
		require.True(t, ok, "%s is there twice, or was deleted", doc.Path)
		delete(want, doc.Path)
		require.Equal(t, rag.StateReady, doc.State, "%s: %s", doc.Path, doc.Error)
		require.Equal(t, doc.Version, doc.LiveVersion)
		text, err := s.store.Text(t.Context(), rag.Scope{Tenant: doc.Tenant}, doc.ID)
		require.NoError(t, err)
		require.Equal(t, content, text)
		require.Equal(t, strings.Count(content, "\n"), doc.Chunks)
		require.Equal(t, doc.Chunks, doc.ChunksDone)
		requireIndexed(t, s, doc)
		for seq := range doc.Chunks {
			ref := ingest.Ref{StoreID: doc.StoreID, DocumentID: doc.ID, Version: doc.Version}
			require.Contains(t, s.index.held(doc).Versions[doc.Version], ingest.ChunkID(ref, seq))
		}
		contents[doc.SHA256] = true
		entries++
	}
	require.Empty(t, want, "lost")
	holding := 0
	for _, d := range s.index.docs {
		if len(d.Versions) > 0 {
			holding++
		}
	}
	require.Equal(t, entries, holding, "documents in the index")
	var kept []string
	for sum := range contents {
		kept = append(kept, sum)
	}
	require.ElementsMatch(t, kept, s.blobs(t))
}
