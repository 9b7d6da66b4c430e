package runtime_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/runtime"
	"groundwork/rag"
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// content is a model file of n bytes that differ.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

func entry(data []byte) runtime.Entry {
	return runtime.Entry{Name: "tiny", Kind: runtime.Chat, Files: []runtime.File{{
		Role: "model", Name: "tiny.gguf", Size: int64(len(data)), SHA256: sum(data),
		Hub: &runtime.Hub{Repository: "me/tiny", File: "sub/tiny.gguf"},
	}}}
}

type hub struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string
}

// newHub serves over TLS; serve gets each request after its Range was noted.
func newHub(t *testing.T, serve http.HandlerFunc) *hub {
	t.Helper()
	h := &hub{}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.ranges = append(h.ranges, r.Header.Get("Range"))
		h.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hub) puller(t *testing.T, dir string, change ...func(*runtime.PullOptions)) *runtime.Puller {
	t.Helper()
	opt := runtime.PullOptions{Dir: dir, Hub: h.URL, Transport: h.Client().Transport, Stall: 5 * time.Second, Pause: time.Millisecond}
	for _, c := range change {
		c(&opt)
	}
	return runtime.NewPuller(opt)
}

// file serves data as a real file server does, Range and all.
func file(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "model", time.Time{}, bytes.NewReader(data))
	}
}

// cut serves data and drops the connection after n bytes of each reply.
func cut(data []byte, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		file(data)(&cutter{ResponseWriter: w, left: n}, r)
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func TestPullFromHub(t *testing.T) {
	t.Parallel()
	data, dir := content(100_000), t.TempDir()
	h := newHub(t, file(data))
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/me/tiny/resolve/main/sub/tiny.gguf", r.URL.Path)
		file(data)(w, r)
	})
	var last runtime.Progress
	require.False(t, runtime.Installed(dir, entry(data)))
	require.NoError(t, h.puller(t, dir).Pull(t.Context(), entry(data), func(p runtime.Progress) { last = p }))
	require.Equal(t, runtime.Progress{Model: "tiny", File: "tiny.gguf", Source: "model hub", Done: 100_000, Total: 100_000}, last)
	requireInstalled(t, dir, data)

	h.Config.Handler = http.NotFoundHandler() // again: nothing is asked for
	require.NoError(t, h.puller(t, dir).Pull(t.Context(), entry(data), nil))
}

func requireInstalled(t *testing.T, dir string, data []byte) {
	t.Helper()
	e := entry(data)
	got, err := os.ReadFile(runtime.FilePath(dir, e, e.Files[0]))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	require.True(t, runtime.Installed(dir, e))
	require.NoError(t, runtime.Verify(t.Context(), dir, e))
	left, err := filepath.Glob(filepath.Join(dir, "models", "tiny", "*"))
	require.NoError(t, err)
	require.Len(t, left, 2, "only the file and the record of its checksum: %v", left)
}

func TestPullResumesAfterCutConnections(t *testing.T) {
	t.Parallel()
	data, dir := content(100_000), t.TempDir()
	h := newHub(t, cut(data, 30_000))
	require.NoError(t, h.puller(t, dir).Pull(t.Context(), entry(data), nil))
	requireInstalled(t, dir, data)
	require.Equal(t, []string{"", "bytes=30000-", "bytes=60000-", "bytes=90000-"}, h.ranges)
}

func TestPullResumesInAnotherRun(t *testing.T) {
	t.Parallel()
	data, dir := content(100_000), t.TempDir()
	h := newHub(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	h.Config.Handler = cut(data, 40_000)
	err := h.puller(t, dir).Pull(ctx, entry(data), func(p runtime.Progress) {
		if p.Done == 40_000 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, runtime.Installed(dir, entry(data)))

	seen := make(chan string, 1)
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Range")
		file(data)(w, r)
	})
	require.NoError(t, h.puller(t, dir).Pull(t.Context(), entry(data), nil))
	require.Equal(t, "bytes=40000-", <-seen)
	requireInstalled(t, dir, data)
}

func TestPullFromServerThatIgnoresRange(t *testing.T) {
	t.Parallel()
	data, dir := content(50_000), t.TempDir()
	part := filepath.Join(dir, "models", "tiny", "tiny.gguf.partial")
	require.NoError(t, os.MkdirAll(filepath.Dir(part), 0o700))
	require.NoError(t, os.WriteFile(part, data[:20_000], 0o600))
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		file(data)(w, r)
	})
	require.NoError(t, h.puller(t, dir).Pull(t.Context(), entry(data), nil))
	requireInstalled(t, dir, data)
}

func TestPullStartsOverWhenTheOldPartWasBroken(t *testing.T) {
	t.Parallel()
	data, dir := content(50_000), t.TempDir()
	part := filepath.Join(dir, "models", "tiny", "tiny.gguf.partial")
	require.NoError(t, os.MkdirAll(filepath.Dir(part), 0o700))
	require.NoError(t, os.WriteFile(part, make([]byte, 20_000), 0o600))
	h := newHub(t, file(data))
	require.NoError(t, h.puller(t, dir).Pull(t.Context(), entry(data), nil))
	requireInstalled(t, dir, data)
	require.Equal(t, []string{"bytes=20000-", ""}, h.ranges)

	long := filepath.Join(t.TempDir(), "models", "tiny", "tiny.gguf.partial") // longer than the file: the server has no such range
	require.NoError(t, os.MkdirAll(filepath.Dir(long), 0o700))
	require.NoError(t, os.WriteFile(long, make([]byte, 60_000), 0o600))
	dir = filepath.Dir(filepath.Dir(filepath.Dir(long)))
	require.NoError(t, h.puller(t, dir).Pull(t.Context(), entry(data), nil))
	requireInstalled(t, dir, data)
}

func TestPullFailures(t *testing.T) {
	t.Parallel()
	data := content(50_000)
	other := append([]byte("x"), data[1:]...)
	plain := httptest.NewServer(file(data))
	t.Cleanup(plain.Close)
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		says  string
		tries int
	}{
		"wrong checksum":   {file(other), "sha256 is " + sum(other), 1},
		"not there":        {http.NotFound, "404", 1},
		"gated":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "401", 1},
		"always busy":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, "503", 4},
		"redirect to http": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) }, "not https", 1},
		"too long":         {file(append(data, 1)), "50001 bytes, not 50000", 1},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				w.Write(data)
				w.(http.Flusher).Flush()
			}
		}, "more than 50000 bytes", 1},
		"never gets further": {func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			cut(data, 10)(w, r)
		}, "EOF", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			h := newHub(t, c.serve)
			err := h.puller(t, dir).Pull(t.Context(), entry(data), nil)
			require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "run the same command again")
			require.Len(t, h.ranges, c.tries)
			require.False(t, runtime.Installed(dir, entry(data)))
			require.NoFileExists(t, filepath.Join(dir, "models", "tiny", "tiny.gguf"))
		})
	}
}

func TestPullGivesUpOnSilence(t *testing.T) {
	t.Parallel()
	data, dir := content(1000), t.TempDir()
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	err := h.puller(t, dir, func(o *runtime.PullOptions) { o.Stall = 20 * time.Millisecond }).Pull(t.Context(), entry(data), nil)
	require.ErrorContains(t, err, "no data for 20ms")
}

func TestPullRefusesPlainHub(t *testing.T) {
	t.Parallel()
	data := content(10)
	plain := httptest.NewServer(file(data))
	t.Cleanup(plain.Close)
	err := runtime.NewPuller(runtime.PullOptions{Dir: t.TempDir(), Hub: plain.URL}).Pull(t.Context(), entry(data), nil)
	require.ErrorContains(t, err, "not https")
}

func TestUnpinnedNeedsAYes(t *testing.T) {
	t.Parallel()
	data, dir := content(2000), t.TempDir()
	e := entry(data)
	e.Files[0].SHA256, e.Files[0].Unpinned, e.Files[0].Size = "", true, 1
	h := newHub(t, file(data))
	err := h.puller(t, dir).Pull(t.Context(), e, nil)
	require.Equal(t, rag.CodeInvalid, rag.CodeOf(err))
	require.ErrorContains(t, err, "--allow-unpinned")
	require.Empty(t, h.ranges)

	require.NoError(t, h.puller(t, dir, func(o *runtime.PullOptions) { o.AllowUnpinned = true }).Pull(t.Context(), e, nil))
	require.True(t, runtime.Installed(dir, e))
	require.NoError(t, runtime.Verify(t.Context(), dir, e))
	require.NoError(t, os.WriteFile(runtime.FilePath(dir, e, e.Files[0]), data[1:], 0o600))
	require.Error(t, runtime.Verify(t.Context(), dir, e))
}

func TestVerifyFindsChangesAndPullRepairs(t *testing.T) {
	t.Parallel()
	data, dir := content(10_000), t.TempDir()
	h, e := newHub(t, file(data)), entry(data)
	p := h.puller(t, dir)
	require.Error(t, runtime.Verify(t.Context(), dir, e), "nothing is there")
	require.NoError(t, p.Pull(t.Context(), e, nil))

	path := runtime.FilePath(dir, e, e.Files[0])
	info, err := os.Stat(path)
	require.NoError(t, err)
	flipped := append([]byte{}, data...)
	flipped[5000] ^= 1
	require.NoError(t, os.WriteFile(path, flipped, 0o600))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime().Add(time.Second)))
	require.False(t, runtime.Installed(dir, e), "somebody wrote to it")
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime())) // a bit rotted: size and time say nothing
	require.True(t, runtime.Installed(dir, e))
	err = runtime.Verify(t.Context(), dir, e)
	require.ErrorContains(t, err, "groundwork models pull tiny")
	require.ErrorContains(t, err, sum(flipped))
	require.False(t, runtime.Installed(dir, e))

	require.NoError(t, p.Pull(t.Context(), e, nil))
	requireInstalled(t, dir, data)
}

func TestPullTakesWhatWasPutThereByHand(t *testing.T) {
	t.Parallel()
	data, dir := content(10_000), t.TempDir()
	e := entry(data)
	path := runtime.FilePath(dir, e, e.Files[0])
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, data, 0o600))
	require.NoError(t, runtime.NewPuller(runtime.PullOptions{Dir: dir, Hub: runtime.HubOff}).Pull(t.Context(), e, nil))
	requireInstalled(t, dir, data)
}

func TestTwoPullsTakeTurns(t *testing.T) {
	t.Parallel()
	data, dir := content(10_000), t.TempDir()
	inside, release := make(chan struct{}, 1), make(chan struct{})
	h := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		inside <- struct{}{}
		<-release
		file(data)(w, r)
	})
	first := make(chan error, 1)
	go func() { first <- h.puller(t, dir).Pull(t.Context(), entry(data), nil) }()
	<-inside
	waits := make(chan string, 10)
	second := make(chan error, 1)
	go func() {
		second <- h.puller(t, dir).Pull(t.Context(), entry(data), func(p runtime.Progress) { waits <- p.Source })
	}()
	require.True(t, strings.HasPrefix(<-waits, "waiting"))
	close(release)
	require.NoError(t, <-first)
	require.NoError(t, <-second)
	require.Len(t, h.ranges, 1, "the second finds the file")
}
