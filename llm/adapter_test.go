package llm_test

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func tuned(t *testing.T, opts llmtest.Options, adapters ...llm.Adapter) (*llmtest.Server, *llm.Chat) {
	t.Helper()
	opts.Reply = func(r llmtest.Request) llmtest.Reply { return llmtest.Reply{Text: "by " + r.Adapter + "."} }
	s := llmtest.Start(t, opts)
	chat, err := llm.NewChat(llm.ChatOptions{BaseURLs: []string{s.BaseURL()}, Model: "test-chat", Name: "base", Adapters: adapters})
	require.NoError(t, err)
	t.Cleanup(chat.Close)
	_, err = chat.Probe(t.Context())
	require.NoError(t, err)
	return s, chat
}

var (
	acme  = llm.Adapter{Name: "acme", Version: 2, Slot: 0}
	other = llm.Adapter{Name: "other", Version: 1, Slot: 1}
	slots = llmtest.Options{Adapters: []string{"acme", "other"}}
)

func say(t *testing.T, g rag.Generator, adapter string) (string, error) {
	t.Helper()
	text := ""
	_, err := g.Generate(t.Context(), rag.Prompt{Adapter: adapter, Messages: []rag.Message{{Role: "user", Content: "Who answers?"}}}, func(s string) error {
		text += s
		return nil
	})
	return text, err
}

func TestAdaptersAreChosenForEachRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts     llmtest.Options
		adapters []llm.Adapter
	}{
		"llama.cpp": {slots, []llm.Adapter{acme, other}},
		"vllm":      {llmtest.Options{Flavour: llmtest.VLLM, Adapters: []string{"acme-v2"}}, []llm.Adapter{{Name: "acme", Version: 2, Model: "acme-v2"}}},
	} {
		s, chat := tuned(t, c.opts, c.adapters...)
		text, err := say(t, chat, "acme")
		require.NoError(t, err)
		require.Contains(t, text, "by acme", name)
		text, err = say(t, chat, "")
		require.NoError(t, err)
		require.Equal(t, "by .", text, name)
		_, err = say(t, chat, "gone")
		require.Equal(t, rag.CodeModel, rag.CodeOf(err))
		require.NoError(t, chat.CheckAdapters(t.Context()), name)
		for _, r := range s.Requests("/v1/chat/completions")[1:] {
			if name == "llama.cpp" {
				require.True(t, r.Lora, "the server is told each time: %s", r.Body)
			}
		}

		models := llm.NewModels(chat, nil)
		require.Equal(t, chat.Adapters(), models.Adapters())
		for model, says := range map[string]string{"base+acme": "by acme", "base": "by ."} {
			resp, err := models.Forward(t.Context(), "me", llm.ServerChat, "/v1/chat/completions", []byte(`{"model":"`+model+`","messages":[{"role":"user","content":"Hi"}]}`))
			require.NoError(t, err)
			raw, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Contains(t, string(raw), says, name)
		}
		_, err = models.Forward(t.Context(), "me", llm.ServerChat, "/v1/chat/completions", []byte(`{"model":"base+gone","messages":[]}`))
		require.Equal(t, rag.CodeModel, rag.CodeOf(err))
	}
}

// An isolated prompt is read anew, by a server that knows how; another is not told what it does not know.
func TestAnIsolatedPromptIsReadAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts llmtest.Options
		anew bool
	}{"llama.cpp": {slots, true}, "vllm": {llmtest.Options{Flavour: llmtest.VLLM}, false}} {
		s, chat := tuned(t, c.opts)
		for _, isolated := range []bool{false, true} {
			_, err := chat.Generate(t.Context(), rag.Prompt{Isolated: isolated, Messages: []rag.Message{{Role: "user", Content: "Who answers?"}}}, func(string) error { return nil })
			require.NoError(t, err)
			all := s.Requests("/v1/chat/completions")
			require.Equal(t, isolated && c.anew, bytes.Contains(all[len(all)-1].Body, []byte(`"cache_prompt":false`)), name)
		}
	}
}

func TestAServerThatMixesAdaptersUpIsFoundOut(t *testing.T) {
	t.Parallel()
	good := slots
	_, chat := tuned(t, good, acme, other)
	require.NoError(t, chat.CheckAdapters(t.Context()))

	bad := slots
	bad.MixesAdapters = true
	_, chat = tuned(t, bad, acme, other)
	err := chat.CheckAdapters(t.Context())
	require.ErrorIs(t, err, llm.ErrContaminated)
	require.ErrorContains(t, err, "tokens of the base for acme-v2")
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))

	vllm := llmtest.Options{Flavour: llmtest.VLLM, Adapters: []string{"acme-v2"}, MixesAdapters: true}
	_, chat = tuned(t, vllm, llm.Adapter{Name: "acme", Version: 2, Model: "acme-v2"})
	require.ErrorIs(t, chat.CheckAdapters(t.Context()), llm.ErrContaminated)

	_, chat = tuned(t, bad)
	require.NoError(t, chat.CheckAdapters(t.Context()), "without adapters there is nothing to mix up")
}

func TestServersAreReplacedWithoutLosingARequest(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	first := llmtest.Start(t, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply { return llmtest.Reply{Text: "from the old one", Gate: gate} }})
	second := llmtest.Start(t, llmtest.Options{Reply: func(llmtest.Request) llmtest.Reply { return llmtest.Reply{Text: "from the new one"} }})
	open := func(s *llmtest.Server) *llm.Chat {
		chat, err := llm.NewChat(llm.ChatOptions{BaseURLs: []string{s.BaseURL()}, Model: "test-chat"})
		require.NoError(t, err)
		return chat
	}
	old := open(first)
	current := llm.NewCurrent(old)
	began, ended := make(chan struct{}), make(chan string, 1)
	var once sync.Once
	go func() {
		text := ""
		_, err := current.Generate(t.Context(), rag.Prompt{Messages: []rag.Message{{Role: "user", Content: "Hi"}}}, func(s string) error {
			once.Do(func() { close(began) })
			text += s
			return nil
		})
		if err != nil {
			text = err.Error()
		}
		ended <- text
	}()
	gate <- struct{}{}
	<-began

	replaced := make(chan *llm.Chat, 1)
	go func() { replaced <- current.Replace(context.WithoutCancel(t.Context()), open(second)) }()
	for current.Chat() == old { // Replace switches at once, in its own goroutine
		runtime.Gosched()
	}
	text, err := say(t, current, "")
	require.NoError(t, err)
	require.Equal(t, "from the new one", text)
	require.Empty(t, replaced, "the old one still has a request")
	close(gate)
	require.Equal(t, "from the old one", <-ended)
	require.Same(t, old, <-replaced)
	old.Close()
	current.Chat().Close()
}
