package llm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func ptr[T any](v T) *T { return &v }

func body(t *testing.T, r llmtest.Request) map[string]any {
	t.Helper()
	out := map[string]any{}
	require.NoError(t, json.Unmarshal(r.Body, &out))
	return out
}

func TestRequestFields(t *testing.T) {
	t.Setenv("OPENAI_ORGANIZATION", "acme")
	t.Setenv("OPENAI_API_KEY", "from-the-environment")
	s, chat, _ := setup(t, script(answer), func(co *llm.ChatOptions, _ *llm.EmbedOptions) {
		co.Temperature, co.MaxTokens = 0.25, 99
	})
	_, _, err := collect(t.Context(), chat, rag.Prompt{Messages: []rag.Message{
		{Role: "developer", Content: "Be brief."}, {Role: "user", Content: "Hi."}, {Role: "assistant", Content: "Hello."}, {Role: "user", Content: ""},
	}})
	require.NoError(t, err)
	_, _, err = collect(t.Context(), chat, rag.Prompt{
		Messages: []rag.Message{{Role: "user", Content: "Hi."}},
		Sampling: rag.Sampling{MaxTokens: 7, Temperature: ptr(0.0), TopP: ptr(0.0), Seed: ptr(0), Stop: []string{"\n\n"}},
	})
	require.NoError(t, err)

	sent := s.Requests("/v1/chat/completions")
	require.Len(t, sent, 2)
	require.Empty(t, sent[0].Header.Get("Authorization"))
	require.Empty(t, sent[0].Header.Get("OpenAI-Organization"))
	first, second := body(t, sent[0]), body(t, sent[1])
	require.Equal(t, []any{
		map[string]any{"role": "system", "content": "Be brief."}, map[string]any{"role": "user", "content": "Hi."},
		map[string]any{"role": "assistant", "content": "Hello."}, map[string]any{"role": "user", "content": ""},
	}, first["messages"])
	require.Equal(t, "test-chat", first["model"])
	require.Equal(t, true, first["stream"])
	require.Equal(t, 0.25, first["temperature"])
	require.EqualValues(t, 99, first["max_tokens"])
	for _, absent := range []string{"max_completion_tokens", "top_p", "seed", "stop", "cache_prompt"} {
		require.NotContains(t, first, absent)
	}
	require.EqualValues(t, 7, second["max_tokens"])
	require.EqualValues(t, 0, second["temperature"])
	require.EqualValues(t, 0, second["top_p"])
	require.EqualValues(t, 0, second["seed"])
	require.Equal(t, []any{"\n\n"}, second["stop"])
}

func TestAPIKeyIsSent(t *testing.T) {
	t.Parallel()
	options := script(answer)
	options.APIKey = "secret"
	_, chat, embed := setup(t, options, func(co *llm.ChatOptions, eo *llm.EmbedOptions) {
		co.APIKey, eo.APIKey = "secret", "secret"
	})
	chatSuiteSmall(t, chat, embed)
	_, chat, embed = setup(t, options, nil)
	_, _, err := collect(t.Context(), chat, ask("Hi."))
	require.ErrorContains(t, err, "llm.chat.api_key")
	_, err = embed.EmbedQuery(t.Context(), "Hi.")
	require.ErrorContains(t, err, "llm.embed.api_key")
	require.NotContains(t, err.Error(), "secret")
}

func chatSuiteSmall(t *testing.T, chat *llm.Chat, embed *llm.Embedder) {
	t.Helper()
	_, err := chat.Probe(t.Context())
	require.NoError(t, err)
	_, _, err = collect(t.Context(), chat, ask("Hi."))
	require.NoError(t, err)
	_, err = chat.CountTokens(t.Context(), []string{"Hi."})
	require.NoError(t, err)
	require.True(t, chat.Health(t.Context()).OK)
	require.True(t, embed.Health(t.Context()).OK)
}

func TestQueriesAreKeptAndMarkedUrgent(t *testing.T) {
	t.Parallel()
	s, _, embed := setup(t, llmtest.Options{}, func(_ *llm.ChatOptions, eo *llm.EmbedOptions) { eo.CachedQuery = 2 })
	first, err := embed.EmbedQuery(t.Context(), "annual leave")
	require.NoError(t, err)
	first[0] = 42 // the caller may do with it what it likes
	again, err := embed.EmbedQuery(t.Context(), "annual leave")
	require.NoError(t, err)
	require.NotEqual(t, first[0], again[0])
	sent := s.Requests("/v1/embeddings")
	require.Len(t, sent, 1)
	require.Equal(t, "question", sent[0].Header.Get("X-Groundwork-Priority"))
	require.Equal(t, []string{"Represent this sentence for searching relevant passages: annual leave"}, sent[0].Input)

	for _, q := range []string{"b", "c", "annual leave"} { // the cache holds two
		_, err = embed.EmbedQuery(t.Context(), q)
		require.NoError(t, err)
	}
	require.Len(t, s.Requests("/v1/embeddings"), 4)

	_, err = embed.EmbedPassages(t.Context(), []string{"line one\nline two"})
	require.NoError(t, err)
	sent = s.Requests("/v1/embeddings")
	require.Empty(t, sent[4].Header.Get("X-Groundwork-Priority"))
	require.Equal(t, []string{"line one\nline two"}, sent[4].Input, "newlines belong to the text")
}

func TestPassagesAreBatchedByLength(t *testing.T) {
	t.Parallel()
	s, _, embed := setup(t, llmtest.Options{}, func(_ *llm.ChatOptions, eo *llm.EmbedOptions) { eo.Batch = 3 })
	var texts []string
	for i := range 8 {
		texts = append(texts, fmt.Sprintf("topic%d ", i)+strings.Repeat("word ", (i*5)%8))
	}
	vectors, err := embed.EmbedPassages(t.Context(), texts)
	require.NoError(t, err)
	for i, text := range texts {
		require.InDelta(t, 1, dot(vectors[i], llmtest.Vector(text, 384)), 1e-5)
	}
	sent := s.Requests("/v1/embeddings")
	require.Len(t, sent, 3)
	last := 0
	for _, r := range sent {
		require.LessOrEqual(t, len(r.Input), 3)
		for _, text := range r.Input {
			require.GreaterOrEqual(t, len(text), last)
			last = len(text)
		}
	}
}

func TestVectorsAreOrderedAndNormalised(t *testing.T) {
	t.Parallel()
	for _, kind := range []llmtest.Kind{llmtest.ShuffledVectors, llmtest.UnnormalisedMuch} {
		s, _, embed := setup(t, llmtest.Options{}, func(_ *llm.ChatOptions, eo *llm.EmbedOptions) { eo.Dimensions = 0 })
		s.Inject(llmtest.Fault{Kind: kind})
		texts := []string{"alpha", "beta is second", "gamma comes as the third"}
		vectors, err := embed.EmbedPassages(t.Context(), texts)
		require.NoError(t, err)
		require.Equal(t, 384, embed.Dimensions())
		for i, text := range texts {
			require.InDelta(t, 1, dot(vectors[i], llmtest.Vector(text, 384)), 1e-5, "%s", kind)
		}
	}
}

func TestForward(t *testing.T) {
	t.Parallel()
	s, chat, embed := setup(t, script(answer), func(co *llm.ChatOptions, eo *llm.EmbedOptions) {
		co.Name, eo.Name = "chat-for-callers", "embed-for-callers"
	})
	models := llm.NewModels(chat, embed)
	require.Equal(t, "chat-for-callers", models.Chat())
	require.Equal(t, "embed-for-callers", models.Embedding())

	send := func(server, path, body string) (string, http.Header) {
		resp, err := models.Forward(t.Context(), "", server, path, []byte(body))
		require.NoError(t, err)
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(raw), resp.Header
	}
	out, header := send("chat", "/v1/chat/completions", `{"model":"chat-for-callers","stream":true,"messages":[{"role":"user","content":"Hi"}],"top_k":3}`)
	require.True(t, strings.HasSuffix(out, "data: [DONE]\n\n"))
	require.Equal(t, "text/event-stream", header.Get("Content-Type"))
	out, _ = send("chat", "/v1/chat/completions", `{"model":"chat-for-callers","messages":[{"role":"user","content":"Hi"}]}`)
	require.Contains(t, out, answer)
	out, _ = send("embed", "/v1/embeddings", `{"model":"embed-for-callers","input":"Hi","encoding_format":"base64"}`)
	require.Contains(t, out, `"embedding":"`)

	sent := s.Requests()
	require.Equal(t, "test-chat", sent[0].Model)
	require.EqualValues(t, 3, body(t, sent[0])["top_k"])
	require.Equal(t, "test-embed", sent[2].Model)
	require.Equal(t, []string{"Hi"}, sent[2].Input)

	for kind, code := range map[llmtest.Kind]rag.Code{
		llmtest.Busy: rag.CodeBusy, llmtest.Denied: rag.CodeUnavailable, llmtest.TooLong: rag.CodeTooLong, llmtest.BadRequest: rag.CodeInvalid,
	} {
		s.Inject(llmtest.Fault{Kind: kind, Times: 1})
		_, err := models.Forward(t.Context(), "", "chat", "/v1/chat/completions", []byte(`{"messages":[]}`))
		require.Equal(t, code, rag.CodeOf(err), "%s: %v", kind, err)
	}
	_, err := models.Forward(t.Context(), "", "chat", "/v1/chat/completions", []byte(`[]`))
	require.Equal(t, rag.CodeInvalid, rag.CodeOf(err))
	_, err = models.Forward(t.Context(), "", "other", "/", []byte(`{}`))
	require.ErrorContains(t, err, "no such model server")
}

func TestForwardedStreamThatFallsSilent(t *testing.T) {
	t.Parallel()
	s, chat, embed := setup(t, script(answer), hasty)
	for kind, code := range map[llmtest.Kind]rag.Code{llmtest.HangMid: rag.CodeTimeout, llmtest.ResetMid: rag.CodeUnavailable} {
		s.Inject(llmtest.Fault{Kind: kind, After: 2, Times: 1})
		resp, err := llm.NewModels(chat, embed).Forward(t.Context(), "", "chat", "/v1/chat/completions", []byte(`{"stream":true,"messages":[{"role":"user","content":"Hi"}]}`))
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		require.Equal(t, code, rag.CodeOf(err), "%s: %v", kind, err)
		require.NoError(t, resp.Body.Close())
	}
}

func TestHealthNamesAMissingModel(t *testing.T) {
	t.Parallel()
	_, chat, embed := setup(t, llmtest.Options{Flavour: llmtest.VLLM}, func(co *llm.ChatOptions, eo *llm.EmbedOptions) {
		co.Model, eo.Model = "another", "another"
	})
	h := chat.Health(t.Context())
	require.False(t, h.OK)
	require.Contains(t, h.Detail, "test-chat")
	require.Contains(t, h.Fix, "llm.chat.model")
	h = embed.Health(t.Context())
	require.False(t, h.OK)
	require.Contains(t, h.Fix, "llm.embed.model")
}

func TestHealthWhileTheModelLoads(t *testing.T) {
	t.Parallel()
	s, chat, _ := setup(t, llmtest.Options{}, nil)
	s.Inject(llmtest.Fault{Kind: llmtest.Loading, Path: "/health", Times: 1})
	require.False(t, chat.Health(t.Context()).OK)
	require.True(t, chat.Health(t.Context()).OK)
}
