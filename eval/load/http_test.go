package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scripted is a server that answers by path and keeps what it got.
type scripted struct {
	mu    sync.Mutex
	reply func(w http.ResponseWriter, path, body string)
	keys  map[string]int
	got   []string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.keys[r.Header.Get("Authorization")]++
	s.got = append(s.got, r.URL.Path+" "+string(body))
	s.mu.Unlock()
	s.reply(w, r.URL.Path, string(body))
}

func serve(t *testing.T, target Target, reply func(w http.ResponseWriter, path, body string)) (Send, *scripted) {
	t.Helper()
	s := &scripted{reply: reply, keys: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	target.Base = server.URL
	send, closeIdle, err := HTTP(target)
	require.NoError(t, err)
	t.Cleanup(closeIdle)
	return send, s
}

func events(w http.ResponseWriter, lines ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, line := range lines {
		fmt.Fprintf(w, "data: %s\n\n", line)
		_ = http.NewResponseController(w).Flush()
	}
}

const (
	opening = `{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"groundwork":{"sources":[{"text":"…"}]}}`
	piece   = `{"choices":[{"index":0,"delta":{"content":"Ten"}}]}`
	ending  = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"groundwork":{"abstained":false}}`
)

func TestAskReadsTheStreamToItsEnd(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	send, s := serve(t, Target{Model: "m@h", Questions: []string{"one?", "two?"}, Keys: []string{"gw_a", "gw_b", "gw_c"}, MaxTokens: 7},
		func(w http.ResponseWriter, _, _ string) {
			events(w, opening)
			<-gate
			events(w, piece, strings.Replace(ending, `"…"`, strings.Repeat("x", 40_000), 1), "[DONE]")
		})
	began := time.Now()
	time.AfterFunc(30*time.Millisecond, func() { close(gate) })
	r := send(t.Context(), Request{Kind: Ask, N: 4})
	require.NoError(t, r.Err)
	require.Equal(t, 200, r.Status)
	require.GreaterOrEqual(t, r.First.Sub(began), 30*time.Millisecond, "the opening event holds no text")
	require.False(t, r.Abstained)
	require.Equal(t, map[string]int{"Bearer gw_b": 1}, s.keys)
	require.JSONEq(t, `{"model":"m@h","stream":true,"max_tokens":7,"messages":[{"role":"user","content":"one?"}]}`,
		strings.TrimPrefix(s.got[0], "/v1/chat/completions "))
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	long := `{"groundwork":{"abstained":true,"text":"` + strings.Repeat("long ", 50_000) + `"}}`
	for name, tt := range map[string]struct {
		reply  func(w http.ResponseWriter)
		status int
		err    string
		check  func(Reply) bool
	}{
		"cut":        {func(w http.ResponseWriter) { events(w, opening, piece) }, 200, "without [DONE]", nil},
		"error":      {func(w http.ResponseWriter) { events(w, opening, `{"error":{"code":"unavailable"}}`) }, 200, "unavailable", nil},
		"abstention": {func(w http.ResponseWriter) { events(w, opening, piece, long, "[DONE]") }, 200, "", func(r Reply) bool { return r.Abstained }},
		"refused": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3")
			http.Error(w, "{}", http.StatusTooManyRequests)
		}, http.StatusTooManyRequests, "",
			func(r Reply) bool { return r.RetryAfter == 3*time.Second }},
		"no such model": {func(w http.ResponseWriter) {
			http.Error(w, `{"error":{"code":"model_not_found","message":"There is no model."}}`, 404)
		}, 404, "status 404: There is no model. (model_not_found)", nil},
		"foreign error": {func(w http.ResponseWriter) { http.Error(w, "<html>", 500) }, 500, "status 500", nil},
		"too long":      {func(w http.ResponseWriter) { events(w, strings.Repeat("x", maxEvent+100_000)) }, 200, "longer than 4 MB", nil},
	} {
		send, _ := serve(t, Target{Questions: []string{"?"}}, func(w http.ResponseWriter, _, _ string) { tt.reply(w) })
		r := send(t.Context(), Request{Kind: Ask})
		require.Equal(t, tt.status, r.Status, name)
		if tt.err == "" {
			require.NoError(t, r.Err, name)
		} else {
			require.ErrorContains(t, r.Err, tt.err, name)
		}
		require.True(t, tt.check == nil || tt.check(r), "%s: %+v", name, r)
	}
}

func TestSearchesAndUploads(t *testing.T) {
	t.Parallel()
	send, s := serve(t, Target{Store: "h", Uploads: "bench-1", Questions: []string{"leave?"}}, func(w http.ResponseWriter, path, _ string) {
		if path == "/v1/documents" {
			w.WriteHeader(http.StatusAccepted)
		}
	})
	require.Equal(t, Reply{Status: 200}, send(t.Context(), Request{Kind: Search}))
	require.Equal(t, Reply{Status: 202}, send(t.Context(), Request{Kind: Upload, N: 5}))
	require.JSONEq(t, `{"store":"h","query":"leave?"}`, strings.TrimPrefix(s.got[0], "/v1/search "))
	require.Contains(t, s.got[1], "bench-000005.md")
	require.Contains(t, s.got[1], "bench-1")
	require.Equal(t, map[string]int{"": 2}, s.keys)
}

func TestServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	send, closeIdle, err := HTTP(Target{Base: "http://127.0.0.1:1", Questions: []string{"?"}})
	require.NoError(t, err)
	defer closeIdle()
	r := send(context.Background(), Request{Kind: Ask})
	require.Zero(t, r.Status)
	require.ErrorContains(t, r.Err, "refused")
	require.NotContains(t, r.Err.Error(), "127.0.0.1", "one reason, not one for each port")
	for _, bad := range []Target{{Base: "http://x"}, {Base: "x", Questions: []string{"?"}}} {
		_, _, err := HTTP(bad)
		require.Error(t, err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 3
	var mu sync.Mutex
	from, full, gate := map[string]bool{}, make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if from[r.RemoteAddr] = true; len(from) == bound {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-gate
		_, _ = w.Write([]byte(`{"data":[]}`))
	}))
	t.Cleanup(server.Close)
	send, closeIdle, err := HTTP(Target{Base: server.URL, Questions: []string{"one?"}, Connections: bound})
	require.NoError(t, err)
	t.Cleanup(closeIdle)
	var all sync.WaitGroup
	for n := range 4 * bound {
		all.Go(func() {
			r := send(t.Context(), Request{Kind: Search, N: n})
			if r.Err != nil || r.Status != http.StatusOK {
				t.Error(r.Status, r.Err)
			}
		})
	}
	<-full
	close(gate)
	all.Wait()
	require.Len(t, from, bound)
}
