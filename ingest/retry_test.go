package ingest_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestRetryProcessesAFailedDocumentFromItsOriginal(t *testing.T) {
	t.Parallel()
	var bad atomic.Bool
	bad.Store(true)
	s, scope := setup(t, func(s *server) {
		s.model.before = func(context.Context, []string) error {
			if bad.Load() {
				return errors.New("wrong dimensions")
			}
			return nil
		}
	})
	failed := s.settled(t, s.upload(t, scope, "a.md", numbered(9)))
	require.Equal(t, rag.StateFailed, failed.State)

	bad.Store(false)
	queued, err := s.Retry(t.Context(), scope, failed.ID)
	require.NoError(t, err)
	require.Equal(t, rag.StateQueued, queued.State)
	require.Empty(t, queued.ErrorCode)
	require.Equal(t, failed.Version+1, queued.Version)
	doc := s.settled(t, queued)
	require.Equal(t, rag.StateReady, doc.State, doc.Error)
	require.Equal(t, "text/plain", doc.MediaType)
	requireIndexed(t, s, doc)

	_, err = s.Retry(t.Context(), scope, doc.ID)
	require.Equal(t, rag.CodeConflict, rag.CodeOf(err))
	require.ErrorContains(t, err, "this one is ready")
	_, err = s.Retry(t.Context(), scope, "file-unknown")
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
	require.Equal(t, doc, s.settled(t, doc), "nothing has changed")
}

func TestRetryNeedsTheOriginal(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	failed := s.settled(t, s.upload(t, scope, "scan.txt", "!scan"))
	require.NoError(t, s.files.Delete(t.Context(), failed.SHA256))
	_, err := s.Retry(t.Context(), scope, failed.ID)
	require.Equal(t, rag.CodeConflict, rag.CodeOf(err))
	require.ErrorContains(t, err, "upload the document again")
	require.Equal(t, failed, s.settled(t, failed), "it still says why it failed")
}
