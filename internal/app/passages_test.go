package app

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// shelf is a library of passages that counts what is read from it.
type shelf struct {
	ingest.Library
	ingest.Labeller
	ingest.Publisher
	ingest.Trash
	passages map[string]rag.Passage
	asked    [][]string
	during   func() // called while passages are read
	family   []string
	lost     error // of Family
	removals []ingest.Removal
}

func (s *shelf) Family(context.Context, rag.Scope, string) ([]string, error) { return s.family, s.lost }

func (s *shelf) Pending(context.Context, string, string) (ingest.Removal, error) {
	return ingest.Removal{Tenant: here.Tenant, Targets: []ingest.Target{{StoreID: here.Store, DocumentID: "d1"}}}, nil
}

func (s *shelf) Passages(_ context.Context, scope rag.Scope, ids []string) ([]rag.Passage, error) {
	s.asked = append(s.asked, ids)
	if s.passages == nil {
		return nil, errors.New("the disk is gone")
	}
	var out []rag.Passage
	for _, id := range ids {
		if p, ok := s.passages[scope.Store+"/"+id]; ok {
			out = append(out, p)
		}
	}
	if s.during != nil {
		s.during()
	}
	return out, nil
}

func (s *shelf) Ready(context.Context, ingest.Ref) (ingest.Superseded, error) {
	return ingest.Superseded{Removals: s.removals}, nil
}

func (s *shelf) Remove(_ context.Context, scope rag.Scope, document string) (ingest.Removal, error) {
	for id, p := range s.passages {
		if p.DocumentID == document {
			delete(s.passages, id)
		}
	}
	return ingest.Removal{}, nil
}

func (s *shelf) RemoveFile(ctx context.Context, _, file string) (ingest.Removal, error) {
	return s.Remove(ctx, rag.Scope{}, file)
}

func (s *shelf) RemoveStore(context.Context, rag.Scope) (ingest.Removal, error) {
	clear(s.passages)
	return ingest.Removal{}, nil
}

var here = rag.Scope{Tenant: "t", Store: "s"}

func setupPassages(t *testing.T) (*passageCache, *shelf, *time.Time) {
	t.Helper()
	s := &shelf{passages: map[string]rag.Passage{}}
	for i := range 6 {
		p := rag.Passage{ChunkID: fmt.Sprint("c", i), DocumentID: fmt.Sprint("d", i/2), Text: fmt.Sprint("text ", i)}
		s.passages["s/"+p.ChunkID] = p
	}
	c, err := newPassageCache(s, 100)
	require.NoError(t, err)
	now := time.Now()
	c.now = func() time.Time { return now }
	return c, s, &now
}

func texts(t *testing.T, c *passageCache, scope rag.Scope, ids ...string) []string {
	t.Helper()
	found, err := c.Passages(t.Context(), scope, ids)
	require.NoError(t, err)
	out := []string{}
	for _, p := range found {
		out = append(out, p.Text)
	}
	return out
}

func TestPassagesAreReadOnceAndComeInOrder(t *testing.T) {
	t.Parallel()
	c, s, _ := setupPassages(t)
	require.Equal(t, []string{"text 2", "text 0"}, texts(t, c, here, "c2", "nowhere", "c0"))
	require.Equal(t, []string{"text 4", "text 0", "text 3", "text 2"}, texts(t, c, here, "c4", "c0", "lost", "c3", "c2"))
	require.Equal(t, [][]string{{"c2", "nowhere", "c0"}, {"c4", "lost", "c3"}}, s.asked)
	require.Empty(t, texts(t, c, rag.Scope{Tenant: "t", Store: "other"}, "c0"), "another store has another passage, or none")
	s.passages = nil
	require.Equal(t, []string{"text 0"}, texts(t, c, here, "c0"))
	_, err := c.Passages(t.Context(), here, []string{"c0", "c5"})
	require.ErrorContains(t, err, "disk")
}

func TestWhatIsRemovedIsForgottenAtOnce(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*passageCache) error{
		"document": func(c *passageCache) error { _, err := c.Remove(t.Context(), here, "d0"); return err },
		"file":     func(c *passageCache) error { _, err := c.RemoveFile(t.Context(), "t", "d0"); return err },
		"store":    func(c *passageCache) error { _, err := c.RemoveStore(t.Context(), here); return err },
	} {
		c, _, _ := setupPassages(t)
		require.Len(t, texts(t, c, here, "c0", "c1", "c2"), 3)
		require.NoError(t, remove(c))
		require.NotContains(t, texts(t, c, here, "c0", "c1", "c2"), "text 0", name)
		for _, id := range c.kept.Keys() {
			require.NotContains(t, []string{"c0", "c1"}, id, name)
		}
	}
}

func TestANewVersionAndItsAgeEndAPassage(t *testing.T) {
	t.Parallel()
	c, s, now := setupPassages(t)
	texts(t, c, here, "c0", "c2")
	_, err := c.Ready(t.Context(), ingest.Ref{Tenant: "t", StoreID: "s", DocumentID: "d0", Version: 2})
	require.NoError(t, err)
	require.Equal(t, 1, c.kept.Len())
	*now = now.Add(passageLife)
	clear(s.passages) // by another process
	require.Empty(t, texts(t, c, here, "c2"))
	require.Zero(t, c.kept.Len())
}

func TestWhatIsRemovedWhileItIsReadIsNotKept(t *testing.T) {
	t.Parallel()
	c, s, _ := setupPassages(t)
	s.during = func() { _, err := c.Remove(t.Context(), here, "d0"); require.NoError(t, err) }
	texts(t, c, here, "c0")
	require.Zero(t, c.kept.Len())
}

func TestKeptPassagesAreForThoseWhoMayReadThem(t *testing.T) {
	t.Parallel()
	c, s, _ := setupPassages(t)
	p := s.passages["s/c0"]
	p.Allow = []string{"hr"}
	s.passages["s/c0"] = p
	hr, it := here, here
	hr.Only, it.Only = &rag.Only{Groups: []string{"hr"}}, &rag.Only{Groups: []string{"it"}}
	require.Equal(t, []string{"text 0"}, texts(t, c, hr, "c0"))
	s.passages = map[string]rag.Passage{}
	require.Equal(t, []string{"text 0"}, texts(t, c, hr, "c0"), "it is kept")
	require.Empty(t, texts(t, c, it, "c0"))
}

func (s *shelf) Label(context.Context, rag.Scope, string, rag.Labels) (rag.Document, error) {
	return rag.Document{}, nil
}

func (s *shelf) Accept(context.Context, ingest.Accepted) (rag.Document, bool, error) {
	return rag.Document{ID: "d0"}, false, nil
}

func TestPassagesSayWhatIsSaidOfTheirDocumentNow(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*passageCache) error{
		"label": func(c *passageCache) error { _, err := c.Label(t.Context(), here, "d0", rag.Labels{}); return err },
		"upload": func(c *passageCache) error {
			_, _, err := c.Accept(t.Context(), ingest.Accepted{Tenant: here.Tenant, StoreID: here.Store, Labels: rag.Labels{Allow: []string{"hr"}}})
			return err
		},
	} {
		c, s, _ := setupPassages(t)
		texts(t, c, here, "c0", "c2")
		require.NoError(t, say(c))
		texts(t, c, here, "c0", "c2")
		require.Equal(t, []string{"c0"}, s.asked[1], name)
	}
}

func TestWhatIsAttachedIsForgottenWithItsMail(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*passageCache, *shelf) error{
		"labelled": func(c *passageCache, _ *shelf) error {
			_, err := c.Label(t.Context(), here, "d0", rag.Labels{})
			return err
		},
		"labelled while the library does not answer": func(c *passageCache, s *shelf) error {
			s.family, s.lost = nil, errors.New("away")
			_, err := c.Label(t.Context(), here, "d0", rag.Labels{})
			return err
		},
		"not in the new version": func(c *passageCache, s *shelf) error {
			s.removals = []ingest.Removal{{Tenant: here.Tenant, Targets: []ingest.Target{{StoreID: here.Store, DocumentID: "d1"}}}}
			_, err := c.Ready(t.Context(), ingest.Ref{Tenant: "t", StoreID: "s", DocumentID: "d0", Version: 2})
			return err
		},
		"removed elsewhere": func(c *passageCache, _ *shelf) error {
			_, err := c.Pending(t.Context(), here.Tenant, "del_1")
			return err
		},
	} {
		c, s, _ := setupPassages(t)
		s.family = []string{"d1"}
		texts(t, c, here, "c0", "c2")
		require.NoError(t, change(c, s), name)
		texts(t, c, here, "c2")
		require.Len(t, s.asked, 2, name)
	}
}
