package qdrant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
)

const (
	recovery = 10 * time.Second // after Qdrant is back
	often    = 50 * time.Millisecond
)

// down checks that every call says "later", and soon.
func down(t *testing.T, x *qdrant.Index, within time.Duration) {
	t.Helper()
	for name, f := range map[string]func() error{
		"dense":   func() error { _, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 5); return err },
		"text":    func() error { _, err := x.Text(t.Context(), scope, []string{"every"}, 5); return err },
		"upsert":  func() error { return x.Upsert(t.Context(), scope, version("doc", 2, 2)) },
		"publish": func() error { return x.Publish(t.Context(), scope, "doc", 1) },
		"discard": func() error { return x.Discard(t.Context(), scope, "doc", 2) },
		"remove":  func() error { _, _, err := x.Remove(t.Context(), scope, "doc"); return err },
		"ready":   func() error { return x.Ready(t.Context()) },
	} {
		start := time.Now()
		err := f()
		var away *rag.Error
		require.ErrorAs(t, err, &away, name)
		require.Equal(t, rag.CodeUnavailable, away.Code, name)
		require.Positive(t, away.RetryAfter, name)
		require.Less(t, time.Since(start), within, name)
	}
	require.NotEqual(t, "closed", x.Breaker())
}

// back waits until the index answers again, by itself.
func back(t *testing.T, x *qdrant.Index, chunks int) {
	t.Helper()
	start := time.Now()
	require.Eventually(t, func() bool {
		hits, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 100)
		return err == nil && len(hits) == chunks
	}, recovery, often)
	t.Logf("answers again after %s", time.Since(start).Round(time.Millisecond))
	require.Len(t, found(t, x), chunks)
}

func TestStoppedAndRestarted(t *testing.T) {
	t.Parallel()
	s := qdranttest.StartOwn(t)
	x := open(t, s, newLedger(), qdrant.Options{})
	publish(t, x, version("doc", 1, 3)...)
	for _, end := range []func(){s.Stop, s.Kill} {
		end()
		down(t, x, 5*time.Second)
		s.Restart()
		back(t, x, 3)
		require.NoError(t, x.Upsert(t.Context(), scope, version("doc", 1, 3)))
		require.NoError(t, x.Publish(t.Context(), scope, "doc", 1))
	}
}

func TestPausedAndResumed(t *testing.T) {
	t.Parallel()
	s := qdranttest.StartOwn(t)
	ledger := newLedger()
	publish(t, open(t, s, ledger, qdrant.Options{}), version("doc", 1, 3)...)
	x := open(t, s, ledger, qdrant.Options{Timeout: 3 * time.Second, SearchTimeout: 2 * time.Second})
	s.Pause()
	down(t, x, 6*time.Second)
	start := time.Now()
	_, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 5)
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	require.Less(t, time.Since(start), 3*time.Second)
	s.Resume()
	back(t, x, 3)
}

func TestOpenWhileDown(t *testing.T) {
	t.Parallel()
	s := qdranttest.StartOwn(t)
	s.Stop()
	_, err := qdrant.Open(t.Context(), options(s, qdrant.Options{}), newLedger())
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
}

// TestWiped: searches say what to do, and indexing again heals it.
func TestWiped(t *testing.T) {
	t.Parallel()
	s, ledger := qdranttest.StartOwn(t), newLedger()
	x := open(t, s, ledger, qdrant.Options{})
	publish(t, x, version("doc", 1, 3)...)
	s.Wipe()
	s.Restart()
	lost := func(x *qdrant.Index) {
		for _, f := range []func() error{
			func() error { _, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 5); return err },
			func() error { _, err := x.Text(t.Context(), scope, []string{"every"}, 5); return err },
		} {
			var away *rag.Error
			require.Eventually(t, func() bool {
				return errors.As(f(), &away) && away.Code == rag.CodeUnavailable &&
					away.Message == "The search index is missing in Qdrant; run `groundwork reindex --from originals`."
			}, recovery, often)
		}
	}
	lost(x)
	require.ErrorContains(t, x.Ready(t.Context()), "reindex --from originals")
	again := open(t, s, ledger, qdrant.Options{})
	lost(again)
	missing, err := again.Missing(t.Context(), []rag.Scope{scope})
	require.NoError(t, err)
	require.Equal(t, []rag.Scope{scope}, missing)
	publish(t, again, version("doc", 1, 3)...)
	require.Len(t, found(t, again), 3)
	require.NoError(t, again.Ready(t.Context()))
	require.Len(t, found(t, x), 3, "the process that was there before needs no restart")
}
