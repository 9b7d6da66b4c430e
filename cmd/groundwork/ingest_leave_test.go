package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted is a server whose documents become what the test says.
type scripted struct {
	mu      sync.Mutex
	becomes string // of what is uploaded: a state, or "refused"
	docs    []document
	removed []string
	listed  chan struct{} // somebody compared
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/v1/documents/")
	at := slices.IndexFunc(s.docs, func(d document) bool { return d.ID == id })
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch {
	case r.Method == http.MethodPost && s.becomes == "refused":
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		reply(map[string]any{"error": problem{Code: "too_large", Message: "the file is too large"}})
	case r.Method == http.MethodPost:
		content, head, err := r.FormFile("file")
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		raw, _ := io.ReadAll(content)
		d := documentOf(fmt.Sprintf("file-%d", len(s.docs)), head.Filename, string(raw), s.becomes)
		s.docs = append(s.docs, d)
		reply(map[string]any{"data": []document{d}})
	case r.Method == http.MethodDelete:
		s.removed, s.docs = append(s.removed, s.docs[at].Filename), slices.Delete(s.docs, at, at+1)
	case at >= 0:
		reply(s.docs[at])
	default:
		reply(map[string]any{"data": s.docs})
		select {
		case s.listed <- struct{}{}:
		default:
		}
	}
}

func documentOf(id, path, content, state string) document {
	sum := sha256.Sum256([]byte(content))
	d := document{ID: id, Filename: path, Status: state, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	if state == "failed" {
		d.Error = &problem{Code: "parse_limit", Message: "it takes too long"}
	}
	return d
}

func (s *scripted) syncing(t *testing.T, folder string) *syncing {
	front := httptest.NewServer(s)
	t.Cleanup(front.Close)
	c := &cli{environment: environment{err: io.Discard, out: io.Discard}}
	made := newSyncing(c, &client{base: front.URL, http: front.Client()}, ingesting{store: "h"}, folder)
	made.wait = time.Nanosecond
	return made
}

func TestWhatWasRenamedStaysUntilItIsFoundAgain(t *testing.T) {
	t.Parallel()
	const content = "Employees get 30 days of annual leave."
	for name, c := range map[string]struct {
		becomes    string
		removed    []string
		added      []string
		unfinished bool
	}{
		"on its way": {"parsing", nil, []string{"new.md"}, true},
		"failed":     {"failed", []string{"other.md"}, []string{"new.md"}, false},
		"refused":    {"refused", []string{"other.md"}, []string{}, false},
		"ready":      {"ready", []string{"old.md", "other.md"}, []string{"new.md"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			write(t, folder, map[string]string{"new.md": content})
			server := &scripted{becomes: c.becomes, docs: []document{documentOf("1", "old.md", content, "ready"), documentOf("2", "other.md", "gone", "ready")}}
			s := server.syncing(t, folder)
			r, err := s.once(t.Context())
			require.NoError(t, err)
			slices.Sort(server.removed)
			require.Equal(t, c.removed, server.removed)
			require.Equal(t, append([]string{}, c.removed...), r.Sync.Removed, "what is reported was done")
			require.Equal(t, c.added, r.Sync.Added)
			require.Equal(t, c.unfinished, r.unfinished)

			r, err = s.once(t.Context())
			require.NoError(t, err)
			require.True(t, r.Sync.none(), "a second time there is nothing to do: %s", r.Sync)
		})
	}
}

func TestWhatWasRenamedGoesWhenItIsFoundAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, map[string]string{"new.md": "Leave."})
	server := &scripted{becomes: "parsing", docs: []document{documentOf("1", "old.md", "Leave.", "ready")}}
	s := server.syncing(t, folder)
	_, err := s.once(t.Context())
	require.NoError(t, err)
	require.Len(t, server.docs, 2)
	server.docs[1].Status = "ready"
	r, err := s.once(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"old.md"}, r.Sync.Removed)
	require.Equal(t, 1, r.Ready)
}

func TestWhatIsBeingWrittenWasNotAdded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, map[string]string{"copied.md": "Lea"})
	require.NoError(t, os.Chtimes(filepath.Join(folder, "copied.md"), time.Time{}, time.Now().Add(time.Hour)))
	server := &scripted{becomes: "ready"}
	s := server.syncing(t, folder)
	s.in.settle, s.rounds = time.Hour, 0 // it does not come to rest
	r, err := s.once(t.Context())
	require.NoError(t, err)
	require.Equal(t, []skipped{{"copied.md", beingWritten}}, r.Skipped)
	require.True(t, r.Sync.none(), r.Sync)
	require.Empty(t, server.docs)
}

// TestWatchTellsOnce: what stays as it was is told of in the first pass only.
func TestWatchTellsOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server  *scripted
		folder  map[string]string
		out     string // in a pass
		trouble string
	}{
		"refused":  {&scripted{becomes: "refused"}, map[string]string{"large.md": "Leave."}, "failed: large.md: the file is too large (too_large)", ""},
		"too bold": {&scripted{docs: []document{documentOf("1", "old.md", "Leave.", "ready")}}, nil, "", errBold.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			write(t, folder, c.folder)
			server := c.server
			server.listed = make(chan struct{})
			s := server.syncing(t, folder)
			var out, trouble strings.Builder
			s.cli.out, s.cli.err = &out, &trouble
			ctx, stop := context.WithCancel(t.Context())
			s.in.every, s.in.settle = time.Millisecond, time.Nanosecond
			w := watching{syncing: s, locate: func() *client { return nil }}
			ended := make(chan error, 1)
			go func() { ended <- w.run(ctx) }()
			for range 4 {
				<-server.listed
			}
			stop()
			require.NoError(t, <-ended)
			require.Equal(t, min(1, len(c.out)), strings.Count(out.String(), "added"), out.String())
			require.Contains(t, out.String(), c.out)
			require.Equal(t, min(1, len(c.trouble)), strings.Count(trouble.String(), "\n"), trouble.String())
			require.Contains(t, trouble.String(), c.trouble)
		})
	}
}
