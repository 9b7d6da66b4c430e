package sql_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

func TestARepeatedRequestIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		c, opt := newClock(), place(t)
		opt.Now = c.Now
		store := open(t, opt)
		ran := 0
		ask := func(caller, name, fingerprint string, fails error) (rag.Reply, bool, error) {
			return store.Once(t.Context(), rag.Repeat{Caller: caller, Name: name, Fingerprint: fingerprint}, func(context.Context) (rag.Reply, error) {
				ran++
				return rag.Reply{Status: 202, Body: fmt.Appendf(nil, "run %d", ran)}, fails
			})
		}
		busy := errors.New("busy")
		_, _, err := ask("a", "k", "one", busy)
		require.ErrorIs(t, err, busy, "nothing is kept of it")
		for i := range 3 {
			reply, again, err := ask("a", "k", "one", nil)
			require.NoError(t, err)
			require.Equal(t, i > 0, again)
			require.Equal(t, rag.Reply{Status: 202, Body: []byte("run 2")}, reply)
		}
		_, _, err = ask("a", "k", "two", nil)
		require.Equal(t, rag.CodeReused, rag.CodeOf(err))
		reply, again, err := ask("b", "k", "two", nil)
		require.NoError(t, err)
		require.False(t, again, "another caller's")
		require.Equal(t, "run 3", string(reply.Body))
		c.Advance(24*time.Hour + time.Second)
		reply, again, err = ask("a", "k", "two", nil)
		require.NoError(t, err)
		require.False(t, again, "a day later the name is free")
		require.Equal(t, "run 4", string(reply.Body))
	})
}

func TestRequestsOfTheSameNameWaitForEachOther(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		store := open(t, place(t))
		ran := 0
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				reply, _, err := store.Once(t.Context(), rag.Repeat{Caller: "a", Name: "k"}, func(context.Context) (rag.Reply, error) {
					ran++ // a race when two run at once
					return rag.Reply{Body: []byte("done")}, nil
				})
				if err != nil || string(reply.Body) != "done" {
					t.Error(string(reply.Body), err)
				}
			})
		}
		all.Wait()
		require.Equal(t, 1, ran)
	})
}

// TestMoreRequestsWithAKeyThanConnections: each needs a lock while it is carried out, as an upload does.
func TestMoreRequestsWithAKeyThanConnections(t *testing.T) {
	t.Parallel()
	const connections, requests = 3, 24
	store := open(t, sql.Options{URL: pgtest.URL(t), Writers: connections, Readers: 2})
	var begun atomic.Int32
	full := make(chan struct{})
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			reply, _, err := store.Once(t.Context(), rag.Repeat{Caller: "a", Name: fmt.Sprint(i)}, func(ctx context.Context) (rag.Reply, error) {
				if begun.Add(1) == connections {
					close(full)
				}
				<-full // as many as there are connections are carried out before any goes on
				return rag.Reply{Status: 202, Body: []byte("done")}, store.Locks().Shared(ctx, "content/one", func(context.Context) error { return nil })
			})
			if err != nil || string(reply.Body) != "done" {
				t.Error(i, err)
			}
		})
	}
	all.Wait()
}

func TestRequestsThatWaitForOneOfTheSameNameHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	store := open(t, sql.Options{URL: pgtest.URL(t), Writers: 2, Readers: 2})
	done := func(context.Context) (rag.Reply, error) { return rag.Reply{Status: 202, Body: []byte("done")}, nil }
	entered, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, _, err := store.Once(t.Context(), rag.Repeat{Caller: "a", Name: "same"}, func(ctx context.Context) (rag.Reply, error) {
				close(entered) // a second one would panic
				<-leave
				return done(ctx)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	<-entered
	for i := range 30 {
		_, _, err := store.Once(t.Context(), rag.Repeat{Caller: "a", Name: fmt.Sprint(i)}, done)
		require.NoError(t, err, "request %d", i)
	}
	close(leave)
	all.Wait()
}

func TestTooManyRequestsWithAKeyAreRefused(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits 10 seconds")
	}
	store := open(t, sql.Options{URL: pgtest.URL(t), Writers: 1, Readers: 2})
	_, _, err := store.Once(t.Context(), rag.Repeat{Caller: "a", Name: "first"}, func(ctx context.Context) (rag.Reply, error) {
		_, _, err := store.Once(ctx, rag.Repeat{Caller: "b", Name: "second"}, func(context.Context) (rag.Reply, error) { return rag.Reply{}, nil })
		var busy *rag.Error
		require.ErrorAs(t, err, &busy)
		require.Equal(t, rag.CodeBusy, busy.Code)
		require.Positive(t, busy.RetryAfter)
		return rag.Reply{Status: 202}, nil
	})
	require.NoError(t, err, "the first one is carried out")
}

func TestRepliesThatNameWhatIsDeletedGoWithIt(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		b := newBench(t, place(t))
		ref, other := b.accept(t, "a.md"), b.accept(t, "b.md")
		ask := func(name, id string) (again bool) {
			_, again, err := b.Once(t.Context(), rag.Repeat{Caller: "a", Name: name}, func(context.Context) (rag.Reply, error) {
				return rag.Reply{Status: 202, Body: fmt.Appendf(nil, `{"data":[{"id":%q}]}`, id)}, nil
			})
			require.NoError(t, err)
			return again
		}
		ask("one", ref.DocumentID)
		ask("two", other.DocumentID)
		_, err := b.Remove(t.Context(), b.scope, ref.DocumentID)
		require.NoError(t, err)
		require.False(t, ask("one", ref.DocumentID))
		require.True(t, ask("two", other.DocumentID))
	})
}
