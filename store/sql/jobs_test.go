package sql_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// bench is a store with a queue whose jobs only note that they ran.
type bench struct {
	*sql.Store
	scope rag.Scope
	ran   chan string
}

type noter[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	do func(ctx context.Context, args T) error
}

func (n noter[T]) Work(ctx context.Context, job *river.Job[T]) error { return n.do(ctx, job.Args) }

func newBench(t *testing.T, opt sql.Options) *bench {
	t.Helper()
	b := &bench{Store: open(t, opt), ran: make(chan string, 1000)}
	st, err := b.EnsureStore(t.Context(), rag.DefaultTenant, "handbook")
	require.NoError(t, err)
	b.scope = rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID}
	return b
}

func (b *bench) accept(t *testing.T, path string) ingest.Ref {
	t.Helper()
	doc, _, err := b.Accept(t.Context(), ingest.Accepted{Tenant: b.scope.Tenant, StoreID: b.scope.Store, Path: path, SHA256: path, Bytes: 1})
	require.NoError(t, err)
	return ingest.Ref{Tenant: doc.Tenant, StoreID: doc.StoreID, DocumentID: doc.ID, Version: doc.Version}
}

func (b *bench) save(t *testing.T, ref ingest.Ref, chunks int) {
	t.Helper()
	list := make([]ingest.Chunk, chunks)
	for i := range list {
		list[i] = ingest.Chunk{ID: ingest.ChunkID(ref, i), Seq: i, Start: i, End: i + 1, Text: "x"}
	}
	require.NoError(t, b.SaveText(t.Context(), ref, ingest.Reading{Text: strings.Repeat("x", chunks), Chunks: list}, 1))
}

// work starts workers that note what they are given and then do as told.
func (b *bench) work(t *testing.T, do func(ctx context.Context, note string) error) (stop func(context.Context) error) {
	t.Helper()
	workers := river.NewWorkers()
	note := func(ctx context.Context, format string, args ...any) error {
		text := fmt.Sprintf(format, args...)
		b.ran <- text
		return do(ctx, text)
	}
	river.AddWorker(workers, noter[ingest.ParseArgs]{do: func(ctx context.Context, a ingest.ParseArgs) error {
		return note(ctx, "parse %s", a.DocumentID)
	}})
	river.AddWorker(workers, noter[ingest.EmbedArgs]{do: func(ctx context.Context, a ingest.EmbedArgs) error {
		return note(ctx, "embed %s %d-%d", a.DocumentID, a.From, a.To)
	}})
	river.AddWorker(workers, noter[ingest.PublishArgs]{do: func(ctx context.Context, a ingest.PublishArgs) error {
		return note(ctx, "publish %s", a.DocumentID)
	}})
	river.AddWorker(workers, noter[ingest.SweepArgs]{do: func(ctx context.Context, a ingest.SweepArgs) error {
		return note(ctx, "sweep %s", a.RemovalID)
	}})
	stop, err := b.Work(t.Context(), workers, sql.WorkOptions{Workers: 1, JobTimeout: time.Minute, RescueAfter: 2 * time.Minute})
	require.NoError(t, err)
	return stop
}

func nothing(context.Context, string) error { return nil }

func take(t *testing.T, from chan string, n int) []string {
	t.Helper()
	var got []string
	for range n {
		select {
		case s := <-from:
			got = append(got, s)
		case <-time.After(20 * time.Second):
			t.Fatalf("only %q ran", got)
		}
	}
	return got
}

func TestJobsThatFinishADocumentPassTheOthersAndReadingGoesOnBeside(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		b := newBench(t, place(t))
		long, short, next := b.accept(t, "long"), b.accept(t, "short"), b.accept(t, "next")
		b.save(t, long, 9)
		b.save(t, short, 2)
		ahead, err := b.Ahead(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, ahead, "a long document holds nobody back")
		require.NoError(t, b.Embedded(t.Context(), short, 0, 1))
		require.NoError(t, b.Embedded(t.Context(), short, 1, 2))
		begun := func(note string) bool { return strings.HasPrefix(note, "parse") }
		leave := make(chan struct{})
		stop := b.work(t, func(_ context.Context, note string) error {
			if !begun(note) { // three run at once, and no fourth begins before
				<-leave
			}
			return nil
		})
		got := take(t, b.ran, 6) // the three, and what is read beside
		finished := slices.DeleteFunc(slices.Clone(got), begun)
		close(leave)
		got = append(got, take(t, b.ran, 9)...)
		require.NoError(t, stop(t.Context()))
		require.ElementsMatch(t, []string{"publish " + short.DocumentID, "embed " + short.DocumentID + " 0-1", "embed " + short.DocumentID + " 1-2"}, finished)
		read := slices.DeleteFunc(got, func(note string) bool { return !begun(note) })
		require.Equal(t, []string{"parse " + long.DocumentID, "parse " + short.DocumentID, "parse " + next.DocumentID}, read)
	})
}

func TestAnAcceptThatFailsEnqueuesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, sql.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := b.Accept(ctx, ingest.Accepted{Tenant: b.scope.Tenant, StoreID: b.scope.Store, Path: "a", SHA256: "a"})
	require.Error(t, err)
	n, err := b.Waiting(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestStopCancelsWhatDoesNotEndAndKeepsItForTheNextStart(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		opt := place(t)
		b := newBench(t, opt)
		ref := b.accept(t, "a")
		stop := b.work(t, func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		take(t, b.ran, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.NoError(t, stop(ctx))
		require.NoError(t, stop(t.Context()), "stopping twice is no harm")
		again := newBench(t, opt)
		stop = again.work(t, nothing)
		require.Equal(t, []string{"parse " + ref.DocumentID}, take(t, again.ran, 1))
		require.NoError(t, stop(t.Context()))
	})
}

func TestOneJobOfSeveralProcessesRunsOnce(t *testing.T) {
	t.Parallel()
	opt := sql.Options{URL: pgtest.URL(t), Writers: 4, Readers: 2}
	benches := []*bench{newBench(t, opt), newBench(t, opt), newBench(t, opt)}
	for _, b := range benches {
		b.ran = benches[0].ran
		stop := b.work(t, nothing)
		defer func() { require.NoError(t, stop(t.Context())) }()
	}
	for i := range 60 {
		benches[i%3].accept(t, fmt.Sprint(i))
	}
	got := take(t, benches[0].ran, 60)
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 60)
	require.Eventually(t, func() bool {
		n, err := benches[0].Waiting(t.Context())
		return err == nil && n == 0
	}, 10*time.Second, 20*time.Millisecond)
	require.Empty(t, benches[0].ran)
}

func TestJobsGoOnAfterTheDatabaseWasAway(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	b := newBench(t, sql.Options{URL: server.URL, Timeout: time.Second})
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	stop := b.work(t, func(context.Context, string) error {
		entered <- struct{}{}
		<-leave
		return nil
	})
	defer func() { require.NoError(t, stop(t.Context())) }()
	b.accept(t, "first")
	<-entered
	require.NoError(t, server.Stop())
	close(leave) // it ends while nobody can be told
	take(t, b.ran, 1)
	require.NoError(t, server.Start())
	since := newStopwatch(t)
	require.Eventually(t, func() bool {
		_, _, err := b.Accept(t.Context(), ingest.Accepted{Tenant: b.scope.Tenant, StoreID: b.scope.Store, Path: "second", SHA256: "second", Bytes: 1})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	take(t, b.ran, 1)
	require.Less(t, since(), 10*time.Second)
	require.Eventually(t, func() bool {
		n, err := b.Waiting(t.Context())
		return err == nil && n == 0
	}, 20*time.Second, 20*time.Millisecond, "the first one's end is told, too")
}

func TestRequeueRunningTakesUpWhatADeadProcessLeft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "library.db")
	dead := newBench(t, sql.Options{Path: path, SweepAfter: time.Hour})
	gone := dead.accept(t, "gone")
	removal, err := dead.Remove(t.Context(), dead.scope, gone.DocumentID)
	require.NoError(t, err)
	release := make(chan struct{})
	var once sync.Once
	stop := dead.work(t, func(context.Context, string) error { <-release; return nil })
	defer func() {
		once.Do(func() { close(release) })
		require.NoError(t, stop(t.Context()))
	}()
	running := take(t, dead.ran, 1) // and never comes to an end, as in a killed process

	b := newBench(t, sql.Options{Path: path})
	b.ran = dead.ran // whose other workers are not dead, and may be faster
	n, err := b.RequeueRunning(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	stopNew := b.work(t, nothing)
	got := take(t, b.ran, 2)
	require.NoError(t, stopNew(t.Context()))
	require.True(t, slices.Contains(got, running[0]))
	require.True(t, slices.Contains(got, "sweep "+removal.ID), "an interrupted deletion does not wait")
}

func TestTheQueueLogsNothingButWarnings(t *testing.T) {
	t.Parallel()
	var out lockedBuffer
	b := newBench(t, sql.Options{Log: slog.New(slog.NewTextHandler(&out, nil)).With("part", "queue").WithGroup("river")})
	b.accept(t, "a")
	stop := b.work(t, func(context.Context, string) error { return river.JobCancel(errors.New("salary of the boss")) })
	take(t, b.ran, 1)
	require.NoError(t, stop(t.Context()))
	require.NotContains(t, out.String(), "level=INFO")
	require.NotContains(t, out.String(), "salary")
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
