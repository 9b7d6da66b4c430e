package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/rag"
)

const chatPath = "/v1/chat/completions"

func TestChatPlain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "How many days?", `,"max_tokens":9,"temperature":0,"seed":4,"stop":"X","groundwork":{"abstain":"off","context_budget":700}`))
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, "embed;dur=4.1, search;dur=1.0, generate;dur=9.0", res.header.Get("Server-Timing"))
	v := res.json(t)
	message := v["choices"].([]any)[0].(map[string]any)["message"].(map[string]any)
	require.Equal(t, "You have 28 days.", message["content"])
	require.Contains(t, res.body, `"url":"`+b.URL+`/#doc=file-1&start=10&end=42","title":"leave.md"`)
	require.Equal(t, v["id"], v["groundwork"].(map[string]any)["answer_id"])

	q := b.asker.asked[0]
	zero, seed := 0.0, 4
	require.Equal(t, rag.Question{ID: v["id"].(string), Scope: rag.Scope{Tenant: "default", Store: "vs_1"}, Caller: "default/key_2",
		Messages: []rag.Message{{Role: "user", Content: "How many days?"}},
		Sampling: rag.Sampling{MaxTokens: 9, Temperature: &zero, Seed: &seed, Stop: []string{"X"}}, Abstain: rag.AbstainOff, Budget: 700}, q)
}

func TestChatTakesTheStoresOwnCalibration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	scenario{name: "calibrated", method: "POST", path: "/v1/vector_stores/handbook", key: keyAdmin, status: 200,
		body: `{"metadata":{"groundwork_abstain":"{\"balanced\":0.6,\"strict\":0.7,\"embedding\":\"bge\"}"}}`}.run(t, b)
	res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "How many days?", ""))
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, &rag.Calibration{Balanced: 0.6, Strict: 0.7, Embedding: "bge"}, b.asker.asked[0].Calibration)
	scenario{name: "weighed", method: "POST", path: "/v1/search", key: keyAsk, body: `{"query":"leave","store":"handbook","explain":true}`, status: 200,
		has: []string{`"threshold":0.6,"embedding":"bge"}`}}.run(t, b)
}

func TestChatStream(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *api.Deps, o *api.Options) { o.PublicURL = "https://kb.example.com/" })
	res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@vs_1", "How many days?", streamed))
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, "text/event-stream; charset=utf-8", res.header.Get("Content-Type"))
	require.Equal(t, "embed;dur=4.1, search;dur=1.0", res.header.Get("Server-Timing"), "what was over before the first byte")
	events := strings.Split(strings.TrimSuffix(res.body, "\n\n"), "\n\n")
	require.Len(t, events, 6)
	require.Contains(t, events[0], `"role":"assistant"`)
	require.Contains(t, events[0], `"sources":[{"index":1`)
	require.Contains(t, events[1]+events[2], `{"content":"You have "}`)
	require.Contains(t, events[3], `"finish_reason":"stop"`)
	require.Contains(t, events[3], `"annotations":[{"type":"url_citation"`)
	require.Contains(t, events[3], `https://kb.example.com/#doc=file-1&start=10&end=42`)
	require.Contains(t, events[3], `"generate":9`)
	require.Contains(t, events[4], `"choices":[],"usage":{"prompt_tokens":50`)
	require.Equal(t, "data: [DONE]", events[5])
	plain := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@vs_1", "How many days?", `,"stream":true`))
	require.NotContains(t, plain.body, `"usage"`)
}

func TestChatAbstains(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.asker.ask = func(_ context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
		for _, d := range []rag.Delta{{}, {Text: "The documents do not say."}} {
			if err := emit(d); err != nil {
				return rag.Answer{}, err
			}
		}
		return rag.Answer{ID: q.ID, Text: "The documents do not say.", Abstained: true, Query: "pet insurance",
			Nearest: []rag.Source{{Index: 1, Passage: passage}}}, nil
	}
	for _, stream := range []string{"", streamed} {
		res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "Pets?", stream))
		require.Equal(t, 200, res.status)
		for _, part := range []string{`"abstained":true`, `"query":"pet insurance"`, `"nearest":[{"index":1`, `"sources":[]`, `"finish_reason":"stop"`} {
			require.Contains(t, res.body, part)
		}
	}
}

func TestChatRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sc := range []scenario{
		{name: "no model", body: `{"messages":[]}`, status: 400, code: "invalid_request", has: []string{`"param":"model"`}},
		{name: "unknown model", body: ask("gpt-5", "Hi"), status: 404, code: "model_not_found", has: []string{"GET /v1/models"}},
		{name: "embedding model", body: ask("bge-small", "Hi"), status: 404, code: "model_not_found", has: []string{"/v1/embeddings"}},
		{name: "unknown store", body: ask("llama3.1:8b@nothing", "Hi"), status: 404, code: "model_not_found", has: []string{"nothing"}},
		{name: "no store", body: ask("llama3.1:8b@", "Hi"), status: 404, code: "model_not_found"},
		{name: "adapter", body: ask("llama3.1:8b+other", "Hi"), status: 404, code: "model_not_found", has: []string{"adapter"}},
		{name: "100 KB question", body: ask("llama3.1:8b@handbook", strings.Repeat("why? ", 20<<10)), status: 413, code: "too_large", has: []string{"102400 bytes", `"param":"messages"`}},
		{name: "blank question", body: ask("llama3.1:8b@handbook", " \n"), status: 400, code: "invalid_request"},
		{name: "two answers", body: ask("llama3.1:8b@handbook", "Hi", `,"n":2`), status: 400, code: "invalid_request", has: []string{`"param":"n"`}},
		{name: "range", body: ask("llama3.1:8b@handbook", "Hi", `,"max_tokens":5000`), status: 400, code: "invalid_request", has: []string{"from 1 to 4096"}},
		{name: "server's parameter over a store", body: ask("llama3.1:8b@handbook", "Hi", `,"top_k":5`), status: 400, code: "invalid_request", has: []string{`"param":"top_k"`}},
		{name: "not on the allow-list", body: ask("llama3.1:8b", "Hi", `,"id_slot":5`), status: 400, code: "invalid_request", has: []string{`"param":"id_slot"`}},
	} {
		sc.method, sc.path, sc.key = "POST", chatPath, keyAsk
		sc.run(t, b)
	}
	require.Empty(t, b.asker.asked)
}

// failing emits n pieces and then fails.
func failing(n int, err error) func(context.Context, rag.Question, func(rag.Delta) error) (rag.Answer, error) {
	return func(_ context.Context, _ rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
		for range n {
			if e := emit(rag.Delta{Text: "half an answer "}); e != nil {
				return rag.Answer{}, e
			}
		}
		return rag.Answer{Text: "half an answer "}, err
	}
}

func TestChatFailsBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
		retry  string
	}{
		{&rag.Error{Code: rag.CodeUnavailable, Message: "The model server is down. Try again.", RetryAfter: 1500 * time.Millisecond}, 503, "unavailable", "2"},
		{rag.Fail(rag.CodeUnavailable, "The model server is down. Try again."), 503, "unavailable", "2"},
		{rag.Fail(rag.CodeTooLong, "Too long. Shorten it."), 400, "context_length_exceeded", ""},
		{rag.Fail("no code of ours", "secret detail."), 500, "internal_error", ""},
		{rag.Fail(rag.CodeInternal, "secret detail."), 500, "internal_error", ""},
		{errors.New("dial tcp: secret detail"), 500, "internal_error", ""},
	} {
		b.asker.ask = failing(0, c.err)
		for _, stream := range []string{"", streamed} {
			res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "the question itself", stream))
			require.Equal(t, c.status, res.status)
			require.Equal(t, c.code, res.problem(t)["code"])
			require.Equal(t, c.retry, res.header.Get("Retry-After"))
			require.NotContains(t, res.body, "secret")
		}
	}
	log := b.log.String()
	require.Contains(t, log, "dial tcp: secret detail", "the operator sees the cause")
	require.NotContains(t, log, "the question itself")
	require.NotContains(t, log, keyAsk)
}

func TestChatFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.asker.ask = failing(2, &rag.Error{Code: rag.CodeUnavailable, Message: "The model server stopped. Ask again.", Err: errors.New("reset")})
	res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "Hi", streamed))
	require.Equal(t, 200, res.status)
	require.NotContains(t, res.body, "[DONE]")
	require.NotContains(t, res.body, `"finish_reason":"stop"`)
	last := strings.Split(strings.TrimSpace(res.body), "\n\n")
	var event struct {
		Error struct{ Message, Code string }
	}
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(last[len(last)-1], "data: ")), &event))
	require.Equal(t, "unavailable", event.Error.Code)
	require.Equal(t, rag.CodeUnavailable, (<-b.seen).Code, "an error inside a 200 is counted")

	plain := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "Hi"))
	require.Equal(t, 503, plain.status, "without a stream nothing was sent yet")
}

// hanging emits one piece, tells that it did, and waits for its context to end.
func hanging(begun chan<- struct{}, ended chan<- error) func(context.Context, rag.Question, func(rag.Delta) error) (rag.Answer, error) {
	return func(ctx context.Context, _ rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
		if err := emit(rag.Delta{Text: "You"}); err == nil {
			begun <- struct{}{}
		}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return rag.Answer{}, &rag.Error{Code: rag.CodeUnavailable, Message: "Gone.", Err: ctx.Err()}
	}
}

func TestClientHangsUp(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"", streamed} {
		b := setup(t)
		begun, ended := make(chan struct{}, 1), make(chan error, 1)
		b.asker.ask = hanging(begun, ended)
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", b.URL+chatPath, strings.NewReader(ask("llama3.1:8b@handbook", "Hi", stream)))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+keyAsk)
		failed := make(chan error, 1)
		go func() {
			res, err := noRedirects.Do(req)
			if err == nil {
				_, err = bufio.NewReader(res.Body).ReadString(0)
				res.Body.Close()
			}
			failed <- err
		}()
		<-begun
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.ErrorIs(t, <-failed, context.Canceled)
		seen := <-b.seen
		require.Equal(t, rag.Code("client_closed_request"), seen.Code)
	}
}

// CutStreams ends a stream with a final event, a plain answer with 503.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"", streamed} {
		b := setup(t)
		begun, ended := make(chan struct{}, 1), make(chan error, 1)
		b.asker.ask = hanging(begun, ended)
		wait := b.later(t, keyAsk, ask("llama3.1:8b@handbook", "Hi", stream))
		<-begun
		b.api.Drain()
		ready := b.do(t, "GET", "/readyz", "", "")
		require.Equal(t, 503, ready.status)
		require.Contains(t, ready.body, `"draining":true`)
		require.Equal(t, 200, b.do(t, "GET", "/healthz", "", "").status)
		b.api.CutStreams()
		b.api.CutStreams()
		<-ended
		res := wait()
		require.Contains(t, res.body, `"code":"shutting_down"`)
		require.NotContains(t, res.body, "[DONE]")
		if stream == "" {
			require.Equal(t, 503, res.status)
			require.Equal(t, "5", res.header.Get("Retry-After"))
		}
	}
}

func TestAnswerTakesTooLong(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*api.Deps, *api.Options){
		"whole": func(_ *api.Deps, o *api.Options) { o.StreamTotal = 20 * time.Millisecond },
		"idle":  func(_ *api.Deps, o *api.Options) { o.StreamIdle = 20 * time.Millisecond },
	} {
		b := setup(t, change)
		ended := make(chan error, 1)
		b.asker.ask = hanging(make(chan struct{}, 1), ended)
		res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b@handbook", "Hi"))
		require.Equal(t, 504, res.status, name)
		require.Equal(t, "timeout", res.problem(t)["code"], name)
		<-ended
	}
}

// A client that stops reading cannot hold an answer for ever.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *api.Deps, o *api.Options) { o.ClientIdle = 50 * time.Millisecond })
	ended := make(chan error, 1)
	b.asker.ask = func(_ context.Context, _ rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
		for {
			if err := emit(rag.Delta{Text: strings.Repeat("word ", 20000)}); err != nil {
				ended <- err
				return rag.Answer{}, err
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", b.URL+chatPath, strings.NewReader(ask("llama3.1:8b@handbook", "Hi", streamed)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+keyAsk)
	res, err := noRedirects.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Error(t, <-ended)
	require.Equal(t, rag.Code("client_closed_request"), (<-b.seen).Code)
}

func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begun, ended := make(chan struct{}, 9), make(chan error, 9)
	b.asker.ask = hanging(begun, ended)
	var waits []func() result
	start := func(key string) {
		waits = append(waits, b.later(t, key, ask("llama3.1:8b@handbook", "Hi", streamed)))
		<-begun
	}
	refused := func(key, words string) {
		res := b.do(t, "POST", chatPath, key, ask("llama3.1:8b@handbook", "Hi"))
		require.Equal(t, 429, res.status)
		require.Equal(t, "2", res.header.Get("Retry-After"))
		require.Equal(t, "rate_limit_exceeded", res.problem(t)["code"])
		require.Contains(t, res.body, words)
	}
	start(keyAsk)
	start(keyAsk)
	refused(keyAsk, "This key")
	start(keyAdmin)
	start(keyAdmin)
	refused(keyLimited, "The server")
	require.Equal(t, 200, b.do(t, "POST", "/v1/search", keyAsk, `{"query":"x","store":"handbook"}`).status, "looking things up goes on")
	b.api.CutStreams()
	for _, wait := range waits {
		require.Contains(t, wait().body, "shutting_down")
	}
}

// countedKeys counts the look-ups of keys.
type countedKeys struct {
	api.Keys
	n atomic.Int64
}

func (c *countedKeys) Authenticate(ctx context.Context, token string) (rag.Principal, error) {
	c.n.Add(1)
	return c.Keys.Authenticate(ctx, token)
}

func TestFullServerRefusesBeforeItLooksAnythingUp(t *testing.T) {
	t.Parallel()
	keys := &countedKeys{}
	b := setup(t, func(d *api.Deps, o *api.Options) { o.Streams = 1; keys.Keys = d.Keys; d.Keys = keys })
	inside, leave := make(chan struct{}), make(chan struct{})
	b.asker.ask = func(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
		close(inside)
		<-leave
		return answerWell(ctx, q, emit)
	}
	first := make(chan int, 1)
	body := `{"model":"llama3.1:8b@handbook","messages":[{"role":"user","content":"?"}]}`
	post := func(body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+"/v1/chat/completions", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+keyAsk)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp
	}
	go func() { first <- post(body).StatusCode }()
	<-inside
	looked := keys.n.Load()
	resp := post("this is not even JSON")
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	require.Equal(t, "2", resp.Header.Get("Retry-After"))
	require.Equal(t, looked, keys.n.Load())
	close(leave)
	require.Equal(t, http.StatusOK, <-first)
	require.Equal(t, http.StatusBadRequest, post("this is not even JSON").StatusCode, "there is room again")
}
