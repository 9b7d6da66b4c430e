package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// parcels is a parser of files whose lines "name: content" are attached to them.
func parcels(ctx context.Context, o ingest.Original) (ingest.Text, error) {
	raw, err := io.ReadAll(o)
	if err != nil || !strings.HasPrefix(string(raw), "parcel\n") {
		if err == nil {
			_, err = o.Seek(0, io.SeekStart)
		}
		if err != nil {
			return ingest.Text{}, err
		}
		return parse(ctx, o)
	}
	text := ingest.Text{Body: "parcel"}
	for line := range strings.Lines(strings.TrimPrefix(string(raw), "parcel\n")) {
		name, content, _ := strings.Cut(strings.TrimSpace(line), ": ")
		text.Attached = append(text.Attached, ingest.Attachment{Name: name, Data: []byte(content)})
	}
	return text, nil
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// armed lets only one test at a time have a place of its own.
var armed sync.Mutex

func arm(t *testing.T, place string, do func()) {
	t.Helper()
	armed.Lock()
	t.Cleanup(armed.Unlock)
	require.NoError(t, failpoint.Arm(place, 1, do))
	t.Cleanup(failpoint.Disarm)
}

// attachedTo waits until a document has n attachments that are done.
func (s *server) attachedTo(t *testing.T, mail rag.Document, n int) (out []rag.Document) {
	t.Helper()
	eventually(t, "attachments", func() bool {
		docs, _, err := s.store.Documents(t.Context(), rag.Scope{Tenant: mail.Tenant, Store: mail.StoreID}, rag.Page{Limit: 100, Ascending: true})
		require.NoError(t, err)
		out = nil
		for _, d := range docs {
			if d.AttachedTo == mail.ID && d.State.Done() {
				out = append(out, d)
			}
		}
		return len(out) == n
	})
	return out
}

func TestAttachmentsAreKeptBeforeTheyAreDocuments(t *testing.T) {
	t.Parallel()
	s, scope := setup(t, func(s *server) { s.Parse = parcels })
	var cleaned error
	arm(t, failpoint.AttachedStored, func() { cleaned = s.Recover(t.Context()) }) // deletes what nothing refers to
	mail := s.upload(t, scope, "mail.eml", "parcel\na.txt: one two\nb.txt: one two\nbad.txt: !encrypted")
	docs := s.attachedTo(t, mail, 3)
	require.NoError(t, cleaned)
	require.Equal(t, rag.StateReady, s.settled(t, mail).State)
	require.Equal(t, []rag.State{rag.StateReady, rag.StateReady, rag.StateFailed}, []rag.State{docs[0].State, docs[1].State, docs[2].State})
	require.Equal(t, rag.CodeEncrypted, docs[2].ErrorCode)
	require.Equal(t, sumOf("one two"), docs[0].SHA256)
	for _, e := range s.index.held(docs[0]).Versions[1] {
		require.Contains(t, e.Terms, "mail.eml", "it is found by its mail too")
	}
	require.Len(t, s.blobs(t), 3)
}

func TestAMailDeletedWhileItsAttachmentsComeLeavesNothing(t *testing.T) {
	t.Parallel()
	s, scope := setup(t, func(s *server) { s.Parse = parcels })
	removed := make(chan error, 1)
	arm(t, failpoint.AttachedStored, func() {
		docs, _, err := s.store.Documents(t.Context(), scope, rag.Page{Limit: 1})
		if err == nil {
			_, err = s.Remove(t.Context(), scope, docs[0].ID)
		}
		removed <- err
	})
	s.upload(t, scope, "mail.eml", "parcel\na.txt: one two")
	select {
	case err := <-removed:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("the place was not reached")
	}
	eventually(t, "no original is left", func() bool { return len(s.blobs(t)) == 0 })
	docs, _, err := s.store.Documents(t.Context(), scope, rag.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, docs)
}

// TestTheIndexIsToldAtOnceOfWhatIsAttached, also while nobody works the job that tells it.
func TestTheIndexIsToldAtOnceOfWhatIsAttached(t *testing.T) {
	t.Parallel()
	s, err := assemble(t.Context(), t.TempDir(), "")
	require.NoError(t, err)
	s.Parse = parcels
	stop, err := s.work(t.Context())
	require.NoError(t, err)
	st, err := s.store.CreateStore(t.Context(), rag.DefaultTenant, "handbook", nil)
	require.NoError(t, err)
	scope := rag.Scope{Tenant: rag.DefaultTenant, Store: st.ID}
	mail := s.upload(t, scope, "mail.eml", "parcel\na.txt: one two")
	docs := s.attachedTo(t, mail, 1)
	require.NoError(t, stop(t.Context()))
	_, err = s.Relabel(t.Context(), scope, mail.ID, rag.Labels{Allow: []string{"hr"}})
	require.NoError(t, err)
	require.Equal(t, []string{"hr"}, s.told(docs[0]).Allow)
	require.NoError(t, s.store.Close())
	require.NoError(t, s.index.file.Close())
}

func TestWhatIsAttachedFollowsItsMail(t *testing.T) {
	t.Parallel()
	s, scope := setup(t, func(s *server) { s.Parse = parcels })
	mail := s.upload(t, scope, "mail.eml", "parcel\na.txt: one two\ngone.txt: three")
	docs := s.attachedTo(t, mail, 2)
	require.Equal(t, rag.StateReady, s.settled(t, mail).State)
	mail = s.upload(t, scope, "mail.eml", "parcel\na.txt: one two")
	require.Equal(t, rag.StateReady, s.settled(t, mail).State)
	require.Equal(t, docs[0].Version, s.attachedTo(t, mail, 1)[0].Version, "it is the same")
	eventually(t, "nothing of it is left", func() bool {
		return len(s.index.held(docs[1]).Versions) == 0 && len(s.blobs(t)) == 2
	})
	receipt, err := s.RemoveFile(t.Context(), scope.Tenant, mail.ID)
	require.NoError(t, err)
	require.True(t, receipt.Complete())
	require.Equal(t, 2, receipt.Versions)
	require.Equal(t, 2, receipt.Chunks)
	require.Empty(t, s.blobs(t))
	require.Empty(t, s.index.held(docs[0]).Versions)
}
