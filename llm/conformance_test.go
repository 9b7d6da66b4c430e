package llm_test

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func TestChatConformance(t *testing.T) {
	t.Parallel()
	for _, flavour := range []llmtest.Flavour{llmtest.LlamaCPP, llmtest.VLLM, llmtest.Ollama} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			_, chat, _ := setup(t, llmtest.Options{Flavour: flavour, ContextTokens: 1024, Reply: long}, nil)
			chatSuite(t, chat, flavour != llmtest.Ollama)
		})
	}
}

// long answers in more tokens than any test reads.
func long(req llmtest.Request) llmtest.Reply {
	if strings.Contains(req.Messages[len(req.Messages)-1].Content, "story") {
		return llmtest.Reply{Text: "once upon a time ", Endless: true, Pace: time.Millisecond}
	}
	return llmtest.Reply{Text: "one two three four five six seven eight nine ten eleven twelve"}
}

// TestRealChat runs the suite against GROUNDWORK_CHAT_URL (…/v1); the model's
// name may be given in GROUNDWORK_CHAT_MODEL.
func TestRealChat(t *testing.T) {
	base := real(t, "GROUNDWORK_CHAT_URL")
	name := os.Getenv("GROUNDWORK_CHAT_MODEL")
	if name == "" {
		name = "default"
	}
	chat, err := llm.NewChat(llm.ChatOptions{BaseURLs: []string{base}, Model: name, Timeouts: llm.Timeouts{FirstToken: 2 * time.Minute}})
	require.NoError(t, err)
	defer chat.Close()
	chatSuite(t, chat, true)
}

// TestRealEmbedder runs the suite against GROUNDWORK_EMBED_URL (…/v1).
func TestRealEmbedder(t *testing.T) {
	base := real(t, "GROUNDWORK_EMBED_URL")
	name := os.Getenv("GROUNDWORK_EMBED_MODEL")
	if name == "" {
		name = "bge-small-en-v1.5"
	}
	embed, err := llm.NewEmbedder(llm.EmbedOptions{
		BaseURLs: []string{base}, Model: name, APIKey: os.Getenv("GROUNDWORK_EMBED_KEY"),
		QueryPrefix: "Represent this sentence for searching relevant passages: ",
	})
	require.NoError(t, err)
	defer embed.Close()
	embedSuite(t, embed)
}

// real is the address of a real server; without one the test is skipped. A
// model server is something the default run starts elsewhere (internal/app),
// so that strict mode has nothing to say here.
func real(t *testing.T, name string) string {
	t.Helper()
	base := os.Getenv(name)
	if base == "" {
		t.Skipf("%s is not set: the suite ran against the fake server only", name)
	}
	return base
}

func TestEmbedderConformance(t *testing.T) {
	t.Parallel()
	for _, flavour := range []llmtest.Flavour{llmtest.LlamaCPP, llmtest.VLLM, llmtest.Ollama} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			_, _, embed := setup(t, llmtest.Options{Flavour: flavour}, nil)
			embedSuite(t, embed)
		})
	}
}

// chatSuite is what every chat server must do through a Chat. exact says that
// the server has a tokenizer.
func chatSuite(t *testing.T, chat *llm.Chat, exact bool) {
	ctx := t.Context()
	limits, err := chat.Probe(ctx)
	require.NoError(t, err)
	require.Equal(t, limits, chat.Limits())
	require.Positive(t, limits.PrefillPerSec)
	require.Positive(t, limits.DecodePerSec)
	require.Positive(t, limits.ContextBudget)
	require.Less(t, limits.ContextBudget, limits.ContextTokens)

	t.Run("reply", func(t *testing.T) {
		p := ask("Count from one to twelve in words.")
		p.Sampling.MaxTokens = 5
		text, usage, err := collect(ctx, chat, p)
		require.NoError(t, err)
		require.NotEmpty(t, text)
		require.Equal(t, "length", usage.FinishReason)
		require.Equal(t, 5, usage.CompletionTokens)
		require.Positive(t, usage.PromptTokens)
	})
	t.Run("prefix is reused", func(t *testing.T) {
		p := ask("Count from one to ten in words, slowly and with care.")
		p.Sampling.MaxTokens = 2
		_, first, err := collect(ctx, chat, p)
		require.NoError(t, err)
		_, second, err := collect(ctx, chat, p)
		require.NoError(t, err)
		require.Equal(t, first.PromptTokens, second.PromptTokens)
		require.Greater(t, second.CachedTokens, second.PromptTokens/2)
	})
	t.Run("emit's error stops it and comes back", func(t *testing.T) {
		stop := errors.New("reader is gone")
		n := 0
		_, err := chat.Generate(ctx, ask("Write a long story about a fox."), func(string) error {
			if n++; n == 3 {
				return stop
			}
			return nil
		})
		require.ErrorIs(t, err, stop)
		require.Equal(t, 3, n)
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_, err := chat.Generate(ctx, ask("Write a long story about a hen."), func(string) error {
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("window", func(t *testing.T) {
		_, _, err := collect(ctx, chat, ask(strings.Repeat("words ", 2*limits.ContextTokens)))
		require.Equal(t, rag.CodeTooLong, rag.CodeOf(err), "%v", err)
	})
	t.Run("tokens", func(t *testing.T) {
		texts := []string{"", "hello world", "Hello!", "!!!!! !! !", "日本語のテキスト", strings.Repeat("long text ", 100), "tab\tand \"quotes\""}
		together, err := chat.CountTokens(ctx, texts)
		require.NoError(t, err)
		for i, text := range texts {
			alone, err := chat.CountTokens(ctx, []string{text})
			require.NoError(t, err)
			require.Equal(t, alone[0], together[i], "%q", text)
		}
		require.Zero(t, together[0])
		require.Positive(t, together[1])
		if exact {
			require.Less(t, together[5], 100*len("long text ")/3)
		}
	})
	t.Run("healthy", func(t *testing.T) {
		h := chat.Health(ctx)
		require.True(t, h.OK, h.Detail)
		require.Equal(t, limits.ContextTokens, h.Facts["context_tokens"])
	})
}

// embedSuite is what every embedding server must do through an Embedder.
func embedSuite(t *testing.T, embed *llm.Embedder) {
	ctx := t.Context()
	texts := []string{
		"Employees may carry over five days of annual leave until the end of March.",
		"The reactor is cooled with liquid sodium.\nIts temperature is measured every second by eight sensors in the lower part of the vessel.",
		"Lunch.",
	}
	vectors, err := embed.EmbedPassages(ctx, texts)
	require.NoError(t, err)
	require.Len(t, vectors, len(texts))
	for i, v := range vectors {
		require.Len(t, v, embed.Dimensions())
		require.InDelta(t, 1, dot(v, v), 1e-4)
		alone, err := embed.EmbedPassages(ctx, texts[i:i+1])
		require.NoError(t, err)
		require.Greater(t, dot(v, alone[0]), 0.99, "the order of the texts was not kept")
	}
	query, err := embed.EmbedQuery(ctx, "How many days of annual leave can be carried over?")
	require.NoError(t, err)
	require.InDelta(t, 1, dot(query, query), 1e-4)
	require.Greater(t, dot(query, vectors[0]), dot(query, vectors[1]))
	require.Greater(t, dot(query, vectors[0]), dot(query, vectors[2]))

	none, err := embed.EmbedPassages(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)

	counts, err := embed.CountTokens(ctx, texts)
	require.NoError(t, err)
	require.Len(t, counts, 3)
	require.Greater(t, counts[1], counts[0])
	require.Greater(t, counts[0], counts[2])

	h := embed.Health(ctx)
	require.True(t, h.OK, h.Detail)
	require.Equal(t, embed.Dimensions(), h.Facts["dimensions"])
}

func dot(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	if math.IsNaN(sum) {
		return -2
	}
	return sum
}
