package llm_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func TestSplitURLs(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"http://a/v1", "http://b/v1"}, llm.SplitURLs(" http://a/v1, http://b/v1 ,"))
	require.Equal(t, []string{"http://a/v1"}, llm.SplitURLs("http://a/v1"))
	require.Empty(t, llm.SplitURLs(""))
	_, err := llm.NewChat(llm.ChatOptions{BaseURLs: llm.SplitURLs("http://a/v1,http://a/v1/"), Model: "m"})
	require.ErrorContains(t, err, "llm.chat.base_url: http://a/v1 is there twice")
}

func TestWhatAServerSaysAtTheStart(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		server llmtest.Options
		facts  map[string]any
	}{
		"llama.cpp": {llmtest.Options{Slots: 3, Adapters: []string{"acme.gguf"}},
			map[string]any{"server": "llama.cpp", "slots": 3, "tokenizer": "llama.cpp", "lora": true, "log_probabilities": true, "context_tokens": 8192}},
		"llama.cpp, no adapter": {llmtest.Options{Slots: 1}, map[string]any{"server": "llama.cpp", "slots": 1, "lora": false}},
		"vLLM": {llmtest.Options{Flavour: llmtest.VLLM, ContextTokens: 2048, Adapters: []string{"acme"}},
			map[string]any{"server": "vllm", "slots": 0, "tokenizer": "vllm", "lora": true, "log_probabilities": true, "context_tokens": 2048}},
		"Ollama": {llmtest.Options{Flavour: llmtest.Ollama, ContextTokens: 32768},
			map[string]any{"server": "ollama", "slots": 0, "tokenizer": "estimate", "lora": false, "log_probabilities": false, "context_tokens": 4096}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := llmtest.Start(t, tt.server)
			chat := over(t, []*llmtest.Server{s}, nil)
			_, err := chat.Probe(t.Context())
			require.NoError(t, err)
			_, err = chat.CountTokens(t.Context(), []string{"words"})
			require.NoError(t, err)
			h := chat.Health(t.Context())
			require.True(t, h.OK, h.Detail)
			found := h.Facts["servers"].([]map[string]any)[0]
			for key, want := range tt.facts {
				require.Equal(t, want, found[key], key)
			}
			slots := tt.server.Slots
			if tt.facts["slots"] == 0 {
				slots = 8 // the default for those that do not tell
			}
			require.Equal(t, slots, chat.Stats().Servers[0].Slots)
		})
	}
}

func TestTheWeakestServerCounts(t *testing.T) {
	t.Parallel()
	servers := []*llmtest.Server{
		llmtest.Start(t, llmtest.Options{PrefillPerSec: 900, ContextTokens: 4096}),
		llmtest.Start(t, llmtest.Options{PrefillPerSec: 200, DecodePerSec: 10, ContextTokens: 2048, Ftype: "Q8_0"}),
	}
	chat := over(t, servers, func(o *llm.ChatOptions) { o.Quantisation = "mixed" }) // as the operator wishes
	limits, err := chat.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2048, limits.ContextTokens)
	require.Equal(t, "mixed", limits.Quantisation)

	// Kinds are measured one by one, the slowest sets the budget.
	mixed := []*llmtest.Server{
		llmtest.Start(t, llmtest.Options{PrefillPerSec: 150, Ftype: "F16"}),
		llmtest.Start(t, llmtest.Options{Flavour: llmtest.VLLM}),
	}
	chat = over(t, mixed, nil)
	limits, err = chat.Probe(t.Context())
	require.NoError(t, err)
	require.InDelta(t, 150, limits.PrefillPerSec, 1e-9)
	require.Equal(t, "F16", limits.Quantisation)
	require.Len(t, generations(mixed[0]), 2)
	require.Len(t, generations(mixed[1]), 2)

	// One kind is measured once.
	same := llmtest.StartMany(t, 3, llmtest.Options{})
	_, err = over(t, same, nil).Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, len(generations(same[0]))+len(generations(same[1]))+len(generations(same[2])))
}

func TestAServerThatIsDownAtTheStartJoinsLater(t *testing.T) {
	t.Parallel()
	late := llmtest.Start(t, llmtest.Options{})
	addr := late.URL[len("http://"):]
	late.Close()
	first := llmtest.Start(t, llmtest.Options{ContextTokens: 4096})
	chat := over(t, []*llmtest.Server{late, first}, nil)
	limits, err := chat.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4096, limits.ContextTokens)
	require.False(t, chat.Stats().Servers[0].Up)
	_, _, err = collect(t.Context(), chat, ask("What?"))
	require.NoError(t, err)
	h := chat.Health(t.Context())
	require.True(t, h.OK)
	require.Contains(t, h.Detail, "1 of 2 servers answer")

	late = llmtest.Start(t, llmtest.Options{Addr: addr, ContextTokens: 1024, Slots: 2})
	eventually(t, func() bool { return chat.Stats().Servers[0].Up }, "joins")
	require.Equal(t, 1024, chat.Limits().ContextTokens, "the smallest window counts")
	require.Equal(t, 2, chat.Stats().Servers[0].Slots)
	for i := 0; len(generations(late)) == 0; i++ {
		require.Less(t, i, 100, "it gets no requests")
		_, _, err = collect(t.Context(), chat, about(time.Now().String(), "What?"))
		require.NoError(t, err)
	}
}

func TestNoServerAtTheStart(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, llmtest.Options{})
	chat := over(t, servers, nil)
	servers[0].Close()
	servers[1].Close()
	_, err := chat.Probe(t.Context())
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
}

func TestServersMustAgreeOnTheModel(t *testing.T) {
	t.Parallel()
	servers := []*llmtest.Server{llmtest.Start(t, llmtest.Options{}), llmtest.Start(t, llmtest.Options{Ftype: "Q8_0"})}
	_, err := over(t, servers, nil).Probe(t.Context())
	require.ErrorContains(t, err, "do not serve the same model")
	require.ErrorContains(t, err, "Q4_K_M")
	require.ErrorContains(t, err, "Q8_0")

	// One that comes up with another model stays out.
	late := llmtest.Start(t, llmtest.Options{})
	addr := late.URL[len("http://"):]
	late.Close()
	chat := over(t, []*llmtest.Server{servers[0], late}, nil)
	_, err = chat.Probe(t.Context())
	require.NoError(t, err)
	late = llmtest.Start(t, llmtest.Options{Addr: addr, Ftype: "Q8_0"})
	eventually(t, func() bool { return len(late.Requests("/props")) > 1 }, "it is looked at")
	require.False(t, chat.Stats().Servers[1].Up)
	require.Equal(t, "Q4_K_M", chat.Limits().Quantisation)
	_, _, err = collect(t.Context(), chat, ask("What?"))
	require.NoError(t, err)
}

func TestEmbeddingServers(t *testing.T) {
	t.Parallel()
	servers := []*llmtest.Server{llmtest.Start(t, llmtest.Options{}), llmtest.Start(t, llmtest.Options{}), llmtest.Start(t, llmtest.Options{OtherVectors: true})}
	o := llm.EmbedOptions{Model: "test-embed", Pool: llm.PoolOptions{ProbeEvery: 5 * time.Millisecond}}
	for _, s := range servers[:2] {
		o.BaseURLs = append(o.BaseURLs, s.BaseURL())
	}
	embed, err := llm.NewEmbedder(o)
	require.NoError(t, err)
	defer embed.Close()
	h := embed.Health(t.Context())
	require.True(t, h.OK, h.Detail)
	require.Contains(t, h.Detail, "2 of 2")
	for i := range 8 {
		_, err := embed.EmbedPassages(t.Context(), []string{"passage", string(rune('a' + i))})
		require.NoError(t, err)
	}
	for _, s := range servers[:2] {
		require.Greater(t, len(s.Requests("/v1/embeddings")), 3)
	}
	servers[0].Close()
	for i := range 8 {
		_, err := embed.EmbedQuery(t.Context(), string(rune('a'+i)))
		require.NoError(t, err)
	}

	// Another model under the same name.
	o.BaseURLs = []string{servers[1].BaseURL(), servers[2].BaseURL()}
	mixed, err := llm.NewEmbedder(o)
	require.NoError(t, err)
	defer mixed.Close()
	h = mixed.Health(t.Context())
	require.Contains(t, h.Detail, "different vectors")
}

func TestQuestionsPassDocumentsInTheLine(t *testing.T) {
	t.Parallel()
	s := llmtest.Start(t, llmtest.Options{})
	s.Inject(llmtest.Fault{Kind: llmtest.HangBefore, Times: 1})
	embed, err := llm.NewEmbedder(llm.EmbedOptions{BaseURLs: []string{s.BaseURL()}, Model: "test-embed", Pool: llm.PoolOptions{Parallel: 1}})
	require.NoError(t, err)
	defer embed.Close()
	done := make(chan error, 4)
	add := func(waiting int, f func() error) {
		go func() { done <- f() }()
		eventually(t, func() bool { return embed.Stats().Waiting == waiting }, "waits")
	}
	passage := func(text string) func() error {
		return func() error { _, err := embed.EmbedPassages(t.Context(), []string{text}); return err }
	}
	ctx, cancel := context.WithCancel(t.Context())
	hangs := make(chan error, 1)
	go func() { _, err := embed.EmbedPassages(ctx, []string{"first"}); hangs <- err }()
	eventually(t, func() bool { return len(s.Requests("/v1/embeddings")) == 1 }, "runs")
	add(1, passage("document one"))
	add(2, passage("document two"))
	add(3, func() error { _, err := embed.EmbedQuery(t.Context(), "question"); return err })
	cancel()
	require.ErrorIs(t, soon(t, hangs), context.Canceled)
	for range 3 {
		require.NoError(t, soon(t, done))
	}
	var order []string
	for _, r := range s.Requests("/v1/embeddings") {
		order = append(order, r.Input[0])
	}
	require.Equal(t, []string{"first", "question", "document one", "document two"}, order)
}
