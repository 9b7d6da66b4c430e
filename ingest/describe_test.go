package ingest_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// told is what the index knows of a document.
func (s *server) told(doc rag.Document) ingest.Description {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if d := s.index.docs[doc.StoreID+"/"+doc.ID]; d != nil {
		return d.Description
	}
	return ingest.Description{}
}

func TestADocumentIsDescribedBeforeItIsSearchable(t *testing.T) {
	t.Parallel()
	var early atomic.Bool
	s, scope := setup(t, func(s *server) {
		s.index.gate = func(c change) {
			if c.Op == "publish" && s.told(rag.Document{StoreID: c.Store, ID: c.Document}).Facts["team"] == nil {
				early.Store(true)
			}
		}
	})
	doc, err := s.Upload(t.Context(), scope, rag.Upload{Path: "leave.md", Body: strings.NewReader("one\ntwo\n"),
		Labels: rag.Labels{Attributes: rag.Attributes{"team": "hr"}, Allow: []string{"hr"}}})
	require.NoError(t, err)
	doc = s.settled(t, doc)
	require.Equal(t, rag.StateReady, doc.State)
	require.False(t, early.Load())
	require.Equal(t, ingest.Describe(doc), s.told(doc))
	require.NoError(t, s.DescribeAll(t.Context()), "nothing is left to tell")

	same, err := s.Upload(t.Context(), scope, rag.Upload{Path: "leave.md", Body: strings.NewReader("one\ntwo\n"), Labels: rag.Labels{Attributes: rag.Attributes{"team": "it"}}})
	require.NoError(t, err)
	require.Equal(t, doc.Version, same.Version)
	require.Equal(t, "it", s.told(doc).Facts["team"], "told when the upload returns")
	require.Equal(t, []string{"hr"}, s.told(doc).Allow)
}

func TestAnIndexThatIsAwayIsToldLater(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	s, scope := setup(t, func(s *server) {
		s.index.refuse = func(op string) error {
			if op == "describe" && away.Load() {
				return errors.New("the index is away")
			}
			return nil
		}
	})
	doc := s.settled(t, s.upload(t, scope, "leave.md", "one\ntwo\n"))
	away.Store(true)
	changed, err := s.Relabel(t.Context(), scope, doc.ID, rag.Labels{Attributes: rag.Attributes{"team": "hr"}})
	require.NoError(t, err, "the wish is durable")
	require.Equal(t, rag.Attributes{"team": "hr"}, changed.Attributes)
	require.Nil(t, s.told(doc).Facts["team"])
	require.Error(t, s.DescribeAll(t.Context()))
	away.Store(false)
	require.Eventually(t, func() bool { return s.told(doc).Facts["team"] == "hr" }, 20*time.Second, 5*time.Millisecond, "the job tells it")
	_, err = s.Relabel(t.Context(), scope, "file-absent", rag.Labels{Attributes: rag.Attributes{}})
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
}

func TestAnIndexFromBeforeIsDescribedAfterTheStart(t *testing.T) {
	t.Parallel()
	s, scope := setup(t)
	doc := s.settled(t, s.upload(t, scope, "leave.md", "one\ntwo\n"))
	_, err := s.Labels.Label(t.Context(), scope, doc.ID, rag.Labels{Attributes: rag.Attributes{"team": "hr"}})
	require.NoError(t, err)
	require.NoError(t, s.DescribeAll(t.Context()))
	require.Equal(t, "hr", s.told(doc).Facts["team"])
}
