package sql_test

import (
	"context"
	"fmt"
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

func TestSeveralProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			store, err := sql.Open(t.Context(), sql.Options{URL: url, Writers: 2, Readers: 1})
			if err != nil {
				t.Error(err)
				return
			}
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestABurstOverThreeProcesses takes documents all the way, each step of each
// by another process, with replacements, failures and removals between, and
// two workers doing the same step at once.
func TestABurstOverThreeProcesses(t *testing.T) {
	t.Parallel()
	const documents, workers, chunks = 1000, 12, 4
	if testing.Short() {
		t.Skip("a burst of 1,000 documents")
	}
	url := pgtest.URL(t)
	stores := make([]*sql.Store, 3)
	for i := range stores {
		stores[i] = open(t, sql.Options{URL: url, Timeout: 20 * time.Second})
	}
	st, err := stores[0].EnsureStore(t.Context(), "acme", "burst")
	require.NoError(t, err)
	scope := rag.Scope{Tenant: "acme", Store: st.ID}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= documents && !t.Failed(); i = int(next.Add(1)) {
				if err := journey(t.Context(), stores, scope, i, chunks); err != nil {
					t.Errorf("document %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	found := map[rag.State]int{}
	require.NoError(t, stores[1].EachDocument(t.Context(), func(d rag.Document) error {
		found[d.State]++
		return nil
	}))
	require.Equal(t, map[rag.State]int{rag.StateReady: documents - documents/10 - documents/20, rag.StateFailed: documents / 20}, found)
	got, err := stores[2].Store(t.Context(), "acme", "burst")
	require.NoError(t, err)
	require.Equal(t, found, got.Counts, "the tallies are right")
	kinds, err := stores[0].JobKinds(t.Context())
	require.NoError(t, err)
	published := 0
	for _, kind := range kinds {
		if kind == "publish" {
			published++
		}
	}
	replaced := 0
	for i := 1; i <= documents; i++ {
		if i%7 == 0 && i%20 != 1 { // those fail before
			replaced++
		}
	}
	require.Equal(t, documents+replaced, published, "each version is published once")
}

// journey is the way of document i: every seventh is replaced, every tenth is
// removed in the end, and of those that are not every twentieth fails.
func journey(ctx context.Context, stores []*sql.Store, scope rag.Scope, i, chunks int) error {
	versions := 1
	if i%7 == 0 {
		versions = 2
	}
	var ref ingest.Ref
	for v := range versions {
		a := ingest.Accepted{Tenant: scope.Tenant, StoreID: scope.Store, Path: fmt.Sprint(i, ".md"), SHA256: fmt.Sprint(i, "/", v), Bytes: 10}
		doc, _, err := stores[i%3].Accept(ctx, a)
		if err != nil {
			return err
		}
		ref = ingest.Ref{Tenant: scope.Tenant, StoreID: scope.Store, DocumentID: doc.ID, Version: doc.Version}
		if err := parsed(ctx, stores[(i+1)%3], ref, chunks); err != nil {
			return err
		}
		if err := embeddedTwice(ctx, stores, ref, chunks); err != nil {
			return err
		}
		if i%20 == 1 {
			return stores[0].Fail(ctx, ref, rag.CodeNoText, "x")
		}
		if _, err := stores[(i+2)%3].Ready(ctx, ref); err != nil {
			return err
		}
	}
	if i%10 != 0 {
		return nil
	}
	r, err := stores[i%3].Remove(ctx, scope, ref.DocumentID)
	if err != nil {
		return err
	}
	return stores[(i+1)%3].Removed(ctx, r, 0)
}

func parsed(ctx context.Context, store *sql.Store, ref ingest.Ref, chunks int) error {
	if _, err := store.Start(ctx, ref); err != nil {
		return err
	}
	list := make([]ingest.Chunk, chunks)
	for seq := range list {
		list[seq] = ingest.Chunk{ID: ingest.ChunkID(ref, seq), Seq: seq, Start: seq, End: seq + 1, Text: "x"}
	}
	return store.SaveText(ctx, ref, ingest.Reading{Text: "xxxx", Chunks: list}, 1)
}

// embeddedTwice marks all batches at once, each by two processes.
func embeddedTwice(ctx context.Context, stores []*sql.Store, ref ingest.Ref, chunks int) error {
	failed := make(chan error, 2*chunks)
	for seq := range chunks {
		for twice := range 2 {
			go func() { failed <- stores[(seq+twice)%3].Embedded(ctx, ref, seq, seq+1) }()
		}
	}
	var err error
	for range 2 * chunks {
		if e := <-failed; e != nil {
			err = e
		}
	}
	return err
}

func TestTheSameThingsAtTheSameTimeFromTwoProcesses(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	stores := []*sql.Store{open(t, sql.Options{URL: url}), open(t, sql.Options{URL: url})}
	ctx := t.Context()
	for round := range 20 {
		name := fmt.Sprint("store ", round)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				s := stores[i%2]
				st, err := s.EnsureStore(ctx, "acme", name)
				if err != nil {
					t.Error(err)
					return
				}
				scope := rag.Scope{Tenant: "acme", Store: st.ID}
				doc, _, err := s.Accept(ctx, ingest.Accepted{Tenant: "acme", StoreID: st.ID, Path: "a.md", SHA256: fmt.Sprint(i / 2), Bytes: 1})
				if err == nil && i%3 == 0 {
					_, err = s.Remove(ctx, scope, doc.ID)
				}
				if err == nil && i%3 == 1 {
					_, err = s.RemoveFile(ctx, "acme", doc.ID)
				}
				if err == nil && i == 5 {
					_, err = s.RemoveStore(ctx, scope)
				}
				if err != nil && rag.CodeOf(err) != rag.CodeNotFound { // gone already: another was faster
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	require.NoError(t, stores[0].EachStore(ctx, func(st rag.Store) error {
		got, err := stores[0].Store(ctx, "acme", st.ID)
		require.NoError(t, err)
		total := 0
		for _, n := range got.Counts {
			total += n
		}
		docs, _, err := stores[0].Documents(ctx, rag.Scope{Tenant: "acme", Store: st.ID}, rag.Page{Limit: 100})
		require.NoError(t, err)
		require.Len(t, docs, total)
		return nil
	}))
}

func TestADatabaseThatIsAwayIsUnavailableAndComesBack(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	store := open(t, sql.Options{URL: server.URL, Timeout: time.Second})
	_, err := store.CreateStore(t.Context(), "acme", "handbook", nil)
	require.NoError(t, err)
	away := func(why string) {
		t.Helper()
		began := time.Now()
		_, err := store.Store(t.Context(), "acme", "handbook")
		var known *rag.Error
		require.ErrorAs(t, err, &known, why)
		require.Equal(t, rag.CodeUnavailable, known.Code, why)
		require.Positive(t, known.RetryAfter)
		_, err = store.CreateStore(t.Context(), "acme", "other", nil)
		require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err), why)
		require.Less(t, time.Since(began), 15*time.Second, why)
	}
	back := func(why string) {
		t.Helper()
		require.Eventually(t, func() bool {
			_, err := store.Store(t.Context(), "acme", "handbook")
			return err == nil && store.Ping(t.Context()) == nil
		}, 10*time.Second, 50*time.Millisecond, why)
	}
	require.NoError(t, server.Stop())
	away("stopped")
	require.NoError(t, server.Start())
	back("started")
	require.NoError(t, server.Restart())
	back("restarted")
	require.NoError(t, server.Pause())
	away("paused")
	require.NoError(t, server.Resume())
	back("resumed")
}

func TestLocksReachAcrossProcesses(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	one, two := open(t, sql.Options{URL: url}).Locks(), open(t, sql.Options{URL: url}).Locks()
	nothing := func(context.Context) error { return nil }
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- one.Exclusive(t.Context(), "a", func(context.Context) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.Error(t, two.Shared(soon, "a", nothing), "somebody is in Exclusive")
	require.NoError(t, two.Exclusive(t.Context(), "b", nothing), "another key")
	close(leave)
	require.NoError(t, <-done)
	require.NoError(t, two.Shared(t.Context(), "a", func(ctx context.Context) error {
		return one.Shared(ctx, "a", nothing)
	}))
	require.ErrorIs(t, two.Exclusive(t.Context(), "a", func(context.Context) error { return context.Canceled }), context.Canceled)
	require.NoError(t, one.Exclusive(t.Context(), "a", nothing), "released after an error")
}

func TestNobodyWaitsLongForALockOfADatabaseThatSaysNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	locks := open(t, sql.Options{URL: server.URL, Timeout: time.Second}).Locks()
	nothing := func(context.Context) error { return nil }
	require.NoError(t, locks.Exclusive(t.Context(), "a", nothing))
	var since func() time.Duration
	err := locks.Exclusive(t.Context(), "a", func(context.Context) error {
		err := server.Pause()
		since = newStopwatch(t)
		return err
	})
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err), "given back to nobody: %v", err)
	require.Less(t, since(), 10*time.Second)
	require.NoError(t, server.Resume())
	require.NoError(t, locks.Exclusive(t.Context(), "a", nothing), "the database gave it back")

	require.NoError(t, server.Pause())
	since = newStopwatch(t)
	err = locks.Exclusive(t.Context(), "a", nothing)
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err), "not to be had: %v", err)
	require.Less(t, since(), 20*time.Second)
	require.NoError(t, server.Resume())
	require.NoError(t, locks.Exclusive(t.Context(), "a", nothing))
}

func TestAProcessThatStandsStillInATransactionBlocksNobodyForLong(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 15 seconds")
	}
	url := pgtest.URL(t)
	stopped, other := open(t, sql.Options{URL: url}), open(t, sql.Options{URL: url})
	st, err := other.CreateStore(t.Context(), "acme", "handbook", nil)
	require.NoError(t, err)
	entered, resume, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { done <- stopped.HoldStore(t.Context(), st.ID, entered, resume) }()
	<-entered
	name := "renamed"
	_, err = other.UpdateStore(t.Context(), "acme", st.ID, &name, nil)
	require.NoError(t, err, "the server ended the other's transaction")
	close(resume)
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(<-done), "a late write changes nothing")
	got, err := other.Store(t.Context(), "acme", st.ID)
	require.NoError(t, err)
	require.Equal(t, "renamed", got.Name)
}
