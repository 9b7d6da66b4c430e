package api_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/rag"
)

// watching is a stream of a batch's progress.
type watching struct {
	*bufio.Scanner
	hangUp context.CancelFunc
}

// follow opens the stream of a new batch with two files.
func (b *bundle) follow(t *testing.T) (w watching, files []string, path string) {
	t.Helper()
	files = b.files(t, "a.md", "b.md")
	id := b.do(t, "POST", batchesPath, keyWrite, fmt.Sprintf(`{"file_ids":[%q,%q]}`, files[0], files[1])).json(t)["id"].(string)
	path = batchesPath + "/" + id + "/events"
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", b.URL+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+keyAsk)
	res, err := noRedirects.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream; charset=utf-8", res.Header.Get("Content-Type"))
	return watching{bufio.NewScanner(res.Body), cancel}, files, path
}

// next is the next line with something on it; empty at the end.
func (w watching) next() string {
	for w.Scan() {
		if w.Text() != "" {
			return w.Text()
		}
	}
	return ""
}

// often has changes seen at once.
func often(_ *api.Deps, o *api.Options) { o.LookEvery = time.Millisecond }

func (b *bundle) finish(t *testing.T, state rag.State, file string) {
	t.Helper()
	b.library.waited = func(context.Context) rag.State { return state }
	_, err := b.library.Wait(t.Context(), rag.Scope{Tenant: "default", Store: "vs_1"}, []string{file}, 0)
	require.NoError(t, err)
}

func TestBatchIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, often)
	w, files, path := b.follow(t)
	require.Contains(t, w.next(), `"file_counts":{"in_progress":2,"completed":0,"failed":0,"cancelled":0,"total":2}`)
	b.finish(t, rag.StateReady, files[0])
	require.Contains(t, w.next(), `"status":"in_progress","file_counts":{"in_progress":1,"completed":1,`, "one event for a change")
	b.finish(t, rag.StateFailed, files[1])
	last := w.next()
	require.Contains(t, last, `"status":"completed","file_counts":{"in_progress":0,"completed":1,"failed":1,`)
	require.Equal(t, "data: [DONE]", w.next())
	require.Empty(t, w.next(), "it is over")

	res := b.do(t, "GET", path, keyAsk, "")
	require.Equal(t, last+"\n\ndata: [DONE]\n\n", res.body, "what is done is told at once")
	for _, sc := range []scenario{
		{name: "unknown", path: batchesPath + "/vsfb_9/events", key: keyAsk, status: 404, code: "not_found", has: []string{"vsfb_9"}},
		{name: "another tenant's", path: path, key: keyOther, status: 404, code: "not_found"},
	} {
		sc.method = "GET"
		sc.run(t, b)
	}
}

func TestFollowingABatchIsBounded(t *testing.T) {
	t.Parallel()
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		b := setup(t, often, func(_ *api.Deps, o *api.Options) { o.StreamIdle = 4 * time.Millisecond })
		w, files, _ := b.follow(t)
		require.Contains(t, w.next(), "data: {")
		require.Equal(t, ": ", w.next(), "a comment, while nothing changes")
		require.Equal(t, ": ", w.next())
		b.finish(t, rag.StateReady, files[0])
		b.finish(t, rag.StateReady, files[1])
		for w.Scan() && w.Text() != "data: [DONE]" {
			require.NotContains(t, w.Text(), "error")
		}
		require.Equal(t, "data: [DONE]", w.Text())
	})
	t.Run("time", func(t *testing.T) {
		t.Parallel()
		b := setup(t, often, func(_ *api.Deps, o *api.Options) { o.StreamTotal = time.Nanosecond }) // over before the first event, which is told all the same
		w, _, _ := b.follow(t)
		require.Contains(t, w.next(), "data: {")
		require.Contains(t, w.next(), `"code":"timeout"`)
		require.Empty(t, w.next(), "no [DONE]")
	})
	t.Run("shutdown", func(t *testing.T) {
		t.Parallel()
		b := setup(t, often)
		w, _, _ := b.follow(t)
		require.Contains(t, w.next(), "data: {")
		b.api.Drain()
		require.Contains(t, w.next(), `"code":"shutting_down"`, "it does not hold the server up")
		require.Empty(t, w.next())
	})
	t.Run("streams of a key", func(t *testing.T) {
		t.Parallel()
		b := setup(t, often, func(_ *api.Deps, o *api.Options) { o.StreamsPerKey = 1 })
		w, _, path := b.follow(t)
		res := b.do(t, "GET", path, keyAsk, "")
		require.Equal(t, 429, res.status)
		require.Equal(t, "2", res.header.Get("Retry-After"))
		require.Equal(t, 200, b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "Hi")).status, "answers have room of their own")
		require.Contains(t, w.next(), "data: {")
		w.hangUp()
		var seen api.Observation
		for !strings.HasSuffix(seen.Route, "/events") || seen.Status != 200 {
			seen = <-b.seen
		}
		require.Equal(t, rag.Code("client_closed_request"), seen.Code)
	})
}
