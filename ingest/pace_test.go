package ingest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// held is a backlog of which every look is told, and answered.
type held struct {
	looks   chan struct{}
	answers chan int
}

func (h held) Ahead(ctx context.Context) (int, error) {
	select {
	case h.looks <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case n := <-h.answers:
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func TestADocumentIsReadWhenFewEnoughWaitToBeEmbedded(t *testing.T) {
	t.Parallel()
	h := held{make(chan struct{}), make(chan int)}
	s, scope := setup(t, func(s *server) { s.Backlog, s.Limits.Ahead = h, 3 })
	doc := s.upload(t, scope, "a.txt", "one line")
	for _, n := range []int{5, 3} {
		<-h.looks
		h.answers <- n
	}
	<-h.looks // it looks again: neither was few enough
	now, err := s.store.Document(t.Context(), scope, doc.ID)
	require.NoError(t, err)
	require.Equal(t, rag.StateQueued, now.State)
	h.answers <- 2
	require.Equal(t, rag.StateReady, s.settled(t, doc).State)
}

func TestReadingStaysNotFarAheadOfEmbedding(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	s, scope := setup(t, func(s *server) {
		s.Backlog, s.Limits.Ahead = s.store, 2
		s.model.before = func(ctx context.Context, _ []string) error {
			select {
			case <-gate:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	var docs []rag.Document
	for i := range 12 {
		docs = append(docs, s.upload(t, scope, fmt.Sprintf("%d.txt", i), fmt.Sprintf("line %d", i)))
	}
	// Four are embedded at once, two wait, and two were let through together.
	eventually(t, "some are held back", func() bool {
		n, err := s.store.Ahead(t.Context())
		return err == nil && n >= 2
	})
	st, err := s.store.Store(t.Context(), scope.Tenant, scope.Store)
	require.NoError(t, err)
	require.GreaterOrEqual(t, st.Counts[rag.StateQueued]+st.Counts[rag.StateParsing], 4)
	close(gate)
	for _, doc := range docs {
		require.Equal(t, rag.StateReady, s.settled(t, doc).State)
	}
}

var _ ingest.Backlog = held{}
