package llm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// setup starts a fake server and both clients; mod may change their options.
func setup(t *testing.T, server llmtest.Options, mod func(*llm.ChatOptions, *llm.EmbedOptions)) (*llmtest.Server, *llm.Chat, *llm.Embedder) {
	t.Helper()
	s := llmtest.Start(t, server)
	co := llm.ChatOptions{BaseURLs: []string{s.BaseURL()}, Model: "test-chat"}
	eo := llm.EmbedOptions{BaseURLs: []string{s.BaseURL()}, Model: "test-embed", Dimensions: 384, QueryPrefix: "Represent this sentence for searching relevant passages: "}
	if mod != nil {
		mod(&co, &eo)
	}
	chat, err := llm.NewChat(co)
	require.NoError(t, err)
	t.Cleanup(chat.Close)
	embed, err := llm.NewEmbedder(eo)
	require.NoError(t, err)
	t.Cleanup(embed.Close)
	return s, chat, embed
}

// script makes the fake answer with text.
func script(text string) llmtest.Options {
	return llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply { return llmtest.Reply{Text: text} }}
}

func ask(text string) rag.Prompt {
	return rag.Prompt{Messages: []rag.Message{{Role: "system", Content: "Answer."}, {Role: "user", Content: text}}}
}

// collect runs a generation and joins its deltas.
func collect(ctx context.Context, g rag.Generator, p rag.Prompt) (string, rag.Usage, error) {
	var b strings.Builder
	usage, err := g.Generate(ctx, p, func(delta string) error {
		b.WriteString(delta)
		return nil
	})
	return b.String(), usage, err
}

// soon receives from c or fails the test: a bound, not a pause.
func soon[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("waited for an event that did not come")
		panic("unreachable")
	}
}
