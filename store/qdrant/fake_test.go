package qdrant_test

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"sync"
	"testing"

	qc "github.com/qdrant/go-client/qdrant"
	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/store/qdrant/qdranttest"
)

var errLedger = errors.New("the ledger is away")

// ledger is a ledger in memory whose next publication can be disturbed.
type ledger struct {
	*qdranttest.Ledger

	mu     sync.Mutex
	before func() error // called once, before the next Publish, which fails with its error
	after  func() error // the same, after it
	read   func() error // called once, when Searchable has read
}

func newLedger() *ledger { return &ledger{Ledger: &qdranttest.Ledger{}} }

func (l *ledger) hook(which *func() error, f func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*which = f
}

func (l *ledger) take(hook *func() error) func() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := *hook
	*hook = nil
	if f == nil {
		return func() error { return nil }
	}
	return f
}

func (l *ledger) Publish(ctx context.Context, scope rag.Scope, document string, version, chunks int, frequencies map[uint32]int) (int, error) {
	if err := l.take(&l.before)(); err != nil {
		return 0, err
	}
	searchable, err := l.Ledger.Publish(ctx, scope, document, version, chunks, frequencies)
	return searchable, errors.Join(err, l.take(&l.after)())
}

// chunks is what the ledger counts of the test's store.
func (l *ledger) chunks(t testing.TB) int {
	t.Helper()
	n, _, _, err := l.Frequencies(t.Context(), scope, nil)
	require.NoError(t, err)
	return n
}

func background() context.Context { return context.Background() }

func clientOf(t testing.TB, s *qdranttest.Server) *qc.Config {
	t.Helper()
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return &qc.Config{Host: u.Hostname(), Port: port, APIKey: s.APIKey, UseTLS: u.Scheme == "https", SkipCompatibilityCheck: true, PoolSize: 1}
}

// Searchable may be disturbed too, after it has read.
func (l *ledger) Searchable(ctx context.Context, scope rag.Scope, documents []string) (map[string]int, error) {
	versions, err := l.Ledger.Searchable(ctx, scope, documents)
	return versions, errors.Join(err, l.take(&l.read)())
}
