package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

func TestRemovingGivesAReceiptAndKeepsWhatOthersUse(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	one := s.settled(t, s.upload(t, scope, "a.md", numbered(6)))
	two := s.settled(t, s.upload(t, scope, "copy.md", numbered(6)))
	receipt, err := s.Remove(t.Context(), scope, one.ID)
	require.NoError(t, err)
	require.Equal(t, rag.Receipt{ID: receipt.ID, ObjectID: one.ID, StoreID: scope.Store, SHA256: one.SHA256, Versions: 1, Passages: 6, Chunks: 6, Vectors: 6,
		RequestedAt: receipt.RequestedAt, DeletedAt: receipt.DeletedAt}, receipt)
	require.True(t, receipt.Complete())
	require.Len(t, receipt.Hash(), 64)
	for _, id := range []string{receipt.ID, one.ID} {
		again, err := s.store.Receipt(t.Context(), scope.Tenant, id)
		require.NoError(t, err)
		require.Equal(t, receipt, again)
	}
	require.Empty(t, s.index.held(one).Versions)
	requireIndexed(t, s, two)
	receipt, err = s.Remove(t.Context(), scope, two.ID)
	require.NoError(t, err)
	require.Equal(t, 1, receipt.Blobs)
	_, err = s.Remove(t.Context(), scope, two.ID)
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
	require.Empty(t, s.blobs(t))
}

func TestAFileIsAttachedToStoresAndRemovedFromAll(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	other, err := s.store.CreateStore(t.Context(), scope.Tenant, "other", nil)
	require.NoError(t, err)
	file, err := s.AddFile(t.Context(), scope.Tenant, "a.md", "assistants", strings.NewReader(numbered(3)))
	require.NoError(t, err)
	second, err := s.AddFile(t.Context(), scope.Tenant, "a.md", "assistants", strings.NewReader(numbered(3)))
	require.NoError(t, err)
	require.NotEqual(t, file.ID, second.ID, "each upload is a file of its own")
	var docs []rag.Document
	for _, id := range []string{scope.Store, other.ID} {
		doc, err := s.Attach(t.Context(), rag.Scope{Tenant: scope.Tenant, Store: id}, file.ID, rag.Labels{})
		require.NoError(t, err)
		docs = append(docs, s.settled(t, doc))
		require.Equal(t, file.ID, doc.ID)
	}
	receipt, err := s.Remove(t.Context(), scope, file.ID)
	require.NoError(t, err)
	require.Zero(t, receipt.Blobs)
	again, err := s.Attach(t.Context(), scope, file.ID, rag.Labels{})
	require.NoError(t, err)
	requireIndexed(t, s, s.settled(t, again))
	receipt, err = s.RemoveFile(t.Context(), scope.Tenant, file.ID)
	require.NoError(t, err)
	require.Equal(t, 6, receipt.Chunks)
	for _, doc := range docs {
		require.Empty(t, s.index.held(doc).Versions)
	}
	_, err = s.Attach(t.Context(), scope, file.ID, rag.Labels{})
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
	require.Equal(t, []string{second.SHA256}, s.blobs(t))
}

func TestRemovingAStoreRemovesEverythingInIt(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	docs := []rag.Document{s.upload(t, scope, "a.md", numbered(3)), s.upload(t, scope, "b.md", numbered(5))}
	s.settled(t, docs[0])
	require.NoError(t, s.RemoveStore(t.Context(), scope))
	eventually(t, "the jobs end", func() bool { return !s.busy(t) })
	receipt, err := s.store.Receipt(t.Context(), scope.Tenant, scope.Store)
	require.NoError(t, err)
	require.Equal(t, 2, receipt.Versions)
	require.Equal(t, 2, receipt.Blobs)
	require.GreaterOrEqual(t, receipt.Passages, 3)
	require.Equal(t, receipt.Passages, receipt.Chunks)
	for _, doc := range docs {
		require.Empty(t, s.index.held(doc).Versions)
	}
	require.Empty(t, s.blobs(t))
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(s.RemoveStore(t.Context(), scope)))
}

func TestAnInterruptedDeletionIsCompleted(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s, scope := setup(t, func(s *server) {
		s.index.refuse = func(op string) error {
			if op == "remove" && down.Load() {
				return errors.New("index away")
			}
			return nil
		}
	})
	doc := s.settled(t, s.upload(t, scope, "a.md", numbered(3)))
	down.Store(true)
	_, err := s.Remove(t.Context(), scope, doc.ID)
	require.Equal(t, rag.CodeInternal, rag.CodeOf(err))
	_, err = s.store.Document(t.Context(), scope, doc.ID)
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err), "gone for its user at once")
	require.NotEmpty(t, s.index.held(doc).Versions)
	receipt, err := s.store.Receipt(t.Context(), scope.Tenant, doc.ID)
	require.NoError(t, err)
	require.False(t, receipt.Complete(), "not before everything is gone")
	require.Empty(t, receipt.Hash())
	require.NotEmpty(t, s.blobs(t))
	down.Store(false)
	eventually(t, "a job removes the rest", func() bool {
		receipt, err = s.store.Receipt(t.Context(), scope.Tenant, doc.ID)
		return err == nil && receipt.Complete()
	})
	require.Empty(t, s.index.held(doc).Versions)
	require.Empty(t, s.blobs(t))
	require.Equal(t, []int{3, 3, 1}, []int{receipt.Passages, receipt.Chunks, receipt.Blobs})
}

func TestManyUploadsAndDeletionsOfTheSameContent(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for range 12 {
				doc, err := s.Upload(t.Context(), scope, rag.Upload{Path: fmt.Sprint(w), Body: strings.NewReader("the same")})
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
				if _, err := s.Remove(t.Context(), scope, doc.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Empty(t, s.blobs(t))
}

// forgetful deletes what was just staged, as the last deletion of the same content may.
type forgetful struct{ ingest.Files }

func (f forgetful) Stage(ctx context.Context, r io.Reader, limit int64) (ingest.Staged, error) {
	staged, err := f.Files.Stage(ctx, r, limit)
	if err == nil {
		err = f.Delete(ctx, staged.SHA256())
	}
	return staged, err
}

func TestContentDeletedWhileTheSameComesIsKept(t *testing.T) {
	t.Parallel()
	s, scope := setup(t, func(s *server) { s.Files = forgetful{s.Files} })
	doc := s.upload(t, scope, "a.md", "kept")
	require.Equal(t, rag.StateReady, s.settled(t, doc).State)
	require.Equal(t, []string{doc.SHA256}, s.blobs(t))
}
