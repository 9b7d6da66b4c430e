package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

const events = "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[]}\n\n"

func reply(status int, body io.Reader, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body)}, nil
}

// MODEL by itself: bytes go on and come back as they are.
func TestForwardChat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var sent string
	b.models.forward = func(_ context.Context, from, server, path string, body []byte) (*http.Response, error) {
		sent = from + " " + server + " " + path + " " + string(body)
		return upstream(200, `{"id": "up",  "object":"chat.completion","created":1,"model":"m","choices":[]}`)
	}
	body := `{ "model":"llama3.1:8b", "top_k": 5,"messages":[{"role":"user","content":"Hi"}] }`
	res := b.do(t, "POST", chatPath, keyAsk, body)
	require.Equal(t, 200, res.status)
	require.Equal(t, "default/key_2 chat /v1/chat/completions "+body, sent)
	require.Equal(t, `{"id": "up",  "object":"chat.completion","created":1,"model":"m","choices":[]}`, res.body)

	b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) {
		return reply(200, iotest.OneByteReader(strings.NewReader(events+events+"data: [DONE]\n\n")))
	}
	res = b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi", streamed))
	require.Equal(t, events+events+"data: [DONE]\n\n", res.body)
	require.Equal(t, "text/event-stream; charset=utf-8", res.header.Get("Content-Type"))
}

func TestForwardCut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, body := range map[string]io.Reader{
		"no [DONE]": strings.NewReader(events),
		"reset":     io.MultiReader(strings.NewReader(events+`data: {"id":`), iotest.ErrReader(errors.New("connection reset"))),
	} {
		b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) { return reply(200, body) }
		res, err := b.send(t.Context(), "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi", streamed))
		require.NoError(t, err)
		require.Equal(t, 200, res.status, name)
		require.NotContains(t, res.body, "[DONE]", name)
		parts := strings.Split(strings.TrimSpace(res.body), "\n\n")
		require.Contains(t, parts[len(parts)-1], `data: {"error":{"message":"The model server's reply was cut off.`, name)
	}
	for name, body := range map[string]io.Reader{
		"half JSON": strings.NewReader(`{"id":`),
		"reset":     iotest.ErrReader(errors.New("connection reset")),
		"no JSON":   strings.NewReader("<html>"),
	} {
		b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) { return reply(200, body) }
		res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi"))
		require.Equal(t, 503, res.status, name)
		require.Equal(t, "unavailable", res.problem(t)["code"], name)
	}
	silent := &rag.Error{Code: rag.CodeTimeout, Message: "The model server fell silent. Ask again."}
	b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) {
		return reply(200, iotest.ErrReader(silent))
	}
	require.Equal(t, 504, b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi")).status, "what the client of the model server knows")
	b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) {
		return reply(200, iotest.ErrReader(errors.New("connection reset")))
	}
	res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi", streamed))
	require.Equal(t, 503, res.status, "a stream that fails before its first byte is a status")
}

func TestForwardRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		status int
		body   string
		want   int
		code   string
		retry  string
	}{
		{400, `{"error":{"code":400,"message":"the request exceeds the available context size.","type":"exceed_context_size_error","n_ctx":8192}}`, 400, "context_length_exceeded", ""},
		{400, `{"error":{"message":"bad grammar","type":"invalid_request_error"}}`, 400, "invalid_request", ""},
		{422, `not json`, 400, "invalid_request", ""},
		{503, `{"error":{"message":"Loading model"}}`, 503, "overloaded", "7"},
		{429, ``, 503, "overloaded", "7"},
		{401, `{"error":{"message":"secret key sk-1 is wrong"}}`, 503, "unavailable", "5"},
		{500, `secret`, 503, "unavailable", "5"},
		{302, ``, 503, "unavailable", "5"},
	} {
		b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) {
			return reply(c.status, strings.NewReader(c.body), "Retry-After", "7", "Set-Cookie", "a=b")
		}
		for _, stream := range []string{"", streamed} {
			res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi", stream))
			require.Equal(t, c.want, res.status, c.body)
			require.Equal(t, c.code, res.problem(t)["code"], c.body)
			require.Equal(t, c.retry, res.header.Get("Retry-After"), c.body)
			require.Empty(t, res.header.Get("Set-Cookie"))
			require.NotContains(t, res.body, "secret")
		}
	}
	b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) {
		return nil, &rag.Error{Code: rag.CodeUnavailable, Message: "The chat model is still loading. Try again.", Err: errors.New("refused")}
	}
	res := b.do(t, "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi"))
	require.Equal(t, 503, res.status)
	require.Contains(t, res.body, "still loading")
}

// A client that leaves cancels the model server's work.
func TestForwardClientHangsUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ended := make(chan error, 1)
	begun := make(chan struct{})
	b.models.forward = func(ctx context.Context, _, _, _ string, _ []byte) (*http.Response, error) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := b.send(ctx, "POST", chatPath, keyAsk, ask("llama3.1:8b", "Hi"))
		failed <- err
	}()
	<-begun
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-failed, context.Canceled)
}

func TestCompletions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var sent string
	b.models.forward = func(_ context.Context, from, server, path string, body []byte) (*http.Response, error) {
		sent = from + " " + server + " " + path + " " + string(body)
		return upstream(200, `{"id":"up","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"x","finish_reason":"stop","logprobs":null}]}`)
	}
	body := `{"model":"llama3.1:8b","prompt":["Once"],"max_tokens":4,"logprobs":2,"echo":false}`
	res := b.do(t, "POST", "/v1/completions", keyAsk, body)
	require.Equal(t, 200, res.status, res.body)
	require.Contains(t, res.body, `"text":"x"`)
	require.Equal(t, "default/key_2 chat /v1/completions "+body, sent)

	event := "data: {\"id\":\"up\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[]}\n\n"
	b.models.forward = func(context.Context, string, string, string, []byte) (*http.Response, error) {
		return reply(200, strings.NewReader(event+"data: [DONE]\n\n"))
	}
	require.Equal(t, event+"data: [DONE]\n\n", b.do(t, "POST", "/v1/completions", keyAsk, `{"model":"llama3.1:8b","prompt":"Once","stream":true}`).body)
	for _, sc := range []scenario{
		{name: "over a store", body: `{"model":"llama3.1:8b@handbook","prompt":"Once"}`, status: 400, code: "invalid_request", has: []string{`"param":"model"`, "/v1/chat/completions"}},
		{name: "unknown adapter", body: `{"model":"llama3.1:8b+other","prompt":"Once"}`, status: 404, code: "model_not_found"},
		{name: "no prompt", body: `{"model":"llama3.1:8b"}`, status: 400, code: "invalid_request", has: []string{`"param":"prompt"`}},
		{name: "tokens", body: `{"model":"llama3.1:8b","prompt":[1,2]}`, status: 400, code: "invalid_request", has: []string{`"param":"prompt"`, "tokens"}},
		{name: "two texts", body: `{"model":"llama3.1:8b","prompt":["a","b"]}`, status: 400, code: "invalid_request", has: []string{`"param":"prompt"`}},
		{name: "two answers", body: `{"model":"llama3.1:8b","prompt":"a","n":2}`, status: 400, code: "invalid_request", has: []string{`"param":"n"`}},
		{name: "best of", body: `{"model":"llama3.1:8b","prompt":"a","best_of":2}`, status: 400, code: "invalid_request", has: []string{`"param":"best_of"`}},
		{name: "messages", body: `{"model":"llama3.1:8b","prompt":"a","messages":[]}`, status: 400, code: "invalid_request", has: []string{`"param":"messages"`}},
	} {
		sc.method, sc.path, sc.key = "POST", "/v1/completions", keyAsk
		sc.run(t, b)
	}
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var sent string
	b.models.forward = func(_ context.Context, from, server, path string, body []byte) (*http.Response, error) {
		sent = from + " " + server + " " + path + " " + string(body)
		return upstream(200, `{"object":"list","data":[{"embedding":"AAAA"}]}`)
	}
	body := `{"model":"bge-small","input":["a"],"encoding_format":"base64"}`
	res := b.do(t, "POST", "/v1/embeddings", keyAsk, body)
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, `{"object":"list","data":[{"embedding":"AAAA"}]}`, res.body)
	require.Equal(t, "default/key_2 embed /v1/embeddings "+body, sent)
	for _, sc := range []scenario{
		{name: "unknown", body: `{"model":"x","input":"a"}`, status: 404, code: "model_not_found", has: []string{"bge-small"}},
		{name: "chat model", body: `{"model":"llama3.1:8b","input":"a"}`, status: 404, code: "model_not_found"},
		{name: "no model", body: `{"input":"a"}`, status: 400, code: "invalid_request", has: []string{`"param":"model"`}},
		{name: "no input", body: `{"model":"bge-small"}`, status: 400, code: "invalid_request", has: []string{`"param":"input"`}},
		{name: "tokens", body: `{"model":"bge-small","input":[[1,2],[3]]}`, status: 400, code: "invalid_request", has: []string{`"param":"input"`, "Send text", "check_embedding_ctx_length"}},
		{name: "shorter vectors", body: `{"model":"bge-small","input":"a","dimensions":2}`, status: 400, code: "invalid_request", has: []string{`"param":"dimensions"`, "only be 0"}},
	} {
		sc.method, sc.path, sc.key = "POST", "/v1/embeddings", keyAsk
		sc.run(t, b)
	}
}
