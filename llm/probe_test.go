package llm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	// (8 s - 0.2 s - 1/50 s) * 100 tokens/s * 0.9 = 700.2
	const measured = 700
	tests := map[string]struct {
		server llmtest.Options
		mod    func(*llm.ChatOptions)
		budget int
		window int
		quant  string
	}{
		"slow machine":         {llmtest.Options{PrefillPerSec: 100}, nil, measured, 8192, "Q4_K_M"},
		"budget of one second": {llmtest.Options{PrefillPerSec: 1000}, func(o *llm.ChatOptions) { o.FirstTokenTarget = time.Second }, 702, 8192, "Q4_K_M"},
		"very slow machine":    {llmtest.Options{PrefillPerSec: 2}, nil, 320, 8192, "Q4_K_M"},
		"fast machine":         {llmtest.Options{PrefillPerSec: 5000}, nil, 8192 - 320, 8192, "Q4_K_M"},
		"small window":         {llmtest.Options{PrefillPerSec: 5000, ContextTokens: 512}, nil, 256, 512, "Q4_K_M"},
		"room for the reply":   {llmtest.Options{PrefillPerSec: 5000}, func(o *llm.ChatOptions) { o.MaxTokens = 1000 }, 7192, 8192, "Q4_K_M"},
		"vLLM":                 {llmtest.Options{Flavour: llmtest.VLLM, ContextTokens: 2048}, nil, 2048 - 320, 2048, ""},
		"Ollama":               {llmtest.Options{Flavour: llmtest.Ollama, ContextTokens: 3000}, nil, 3000 - 320, 3000, "Q4_K_M"},
		"Ollama cuts silently": {llmtest.Options{Flavour: llmtest.Ollama, ContextTokens: 32768}, nil, 4096 - 320, 4096, "Q4_K_M"},
		"told quantisation":    {llmtest.Options{PrefillPerSec: 100}, func(o *llm.ChatOptions) { o.Quantisation = "F16" }, measured, 8192, "F16"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, chat, _ := setup(t, tt.server, func(co *llm.ChatOptions, _ *llm.EmbedOptions) {
				co.Name = "callers-name"
				if tt.mod != nil {
					tt.mod(co)
				}
			})
			limits, err := chat.Probe(t.Context())
			require.NoError(t, err)
			require.Equal(t, tt.window, limits.ContextTokens)
			require.Equal(t, tt.quant, limits.Quantisation)
			require.Equal(t, "callers-name", limits.Model)
			require.Equal(t, tt.budget, limits.ContextBudget)
			require.Equal(t, limits, chat.Limits())
		})
	}
}

func TestLimitsBeforeProbe(t *testing.T) {
	t.Parallel()
	_, chat, _ := setup(t, llmtest.Options{}, func(co *llm.ChatOptions, _ *llm.EmbedOptions) {
		co.ContextTokens, co.Quantisation = 4096, "Q8_0"
	})
	// (8 s - 0.2 s) * 60 tokens/s * 0.9
	require.Equal(t, rag.Limits{Model: "test-chat", Quantisation: "Q8_0", ContextTokens: 4096, ContextBudget: 421}, chat.Limits())
}

// The probe must measure reading, not the server's memory of the last probe.
func TestProbeKeepsOutOfThePromptCache(t *testing.T) {
	t.Parallel()
	s, chat, _ := setup(t, llmtest.Options{}, nil)
	_, err := chat.Probe(t.Context())
	require.NoError(t, err)
	runs := s.Requests("/v1/chat/completions")
	require.Len(t, runs, 2)
	require.NotEqual(t, runs[0].Messages, runs[1].Messages)
	for _, r := range runs {
		require.False(t, r.CachePrompt)
		require.Equal(t, 16, r.MaxTokens)
	}
}

func TestMeasurementIsKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state", "measured.json")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	start := func(t *testing.T, server llmtest.Options, mod func(*llm.ChatOptions)) (*llmtest.Server, *llm.Chat, rag.Limits) {
		s, chat, _ := setup(t, server, func(co *llm.ChatOptions, _ *llm.EmbedOptions) {
			co.MeasuredCache, co.Now = file, func() time.Time { return now }
			if mod != nil {
				mod(co)
			}
		})
		limits, err := chat.Probe(t.Context())
		require.NoError(t, err)
		return s, chat, limits
	}
	runs := func(s *llmtest.Server) int { return len(s.Requests("/v1/chat/completions")) }

	s, _, first := start(t, llmtest.Options{PrefillPerSec: 100}, nil)
	require.Equal(t, 2, runs(s))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	// Another port, the same model: ready at once, and the window is the new server's own.
	s, _, second := start(t, llmtest.Options{PrefillPerSec: 999, ContextTokens: 600}, nil)
	require.Zero(t, runs(s))
	require.Equal(t, first.PrefillPerSec, second.PrefillPerSec)
	require.Equal(t, 600, second.ContextTokens)

	// A real prompt that is read much faster corrects the figure, a short one does not.
	_, chat, _ := start(t, llmtest.Options{PrefillPerSec: 150}, nil)
	_, _, err = collect(t.Context(), chat, ask("Hi."))
	require.NoError(t, err)
	require.Equal(t, first, chat.Limits())
	_, _, err = collect(t.Context(), chat, ask(strings.Repeat("word ", 200)))
	require.NoError(t, err)
	require.InDelta(t, 150, chat.Limits().PrefillPerSec, 1e-9)
	require.Greater(t, chat.Limits().ContextBudget, first.ContextBudget)
	_, _, first = start(t, llmtest.Options{}, nil)
	require.InDelta(t, 150, first.PrefillPerSec, 1e-9)

	// One slow prompt says nothing, three do; then the cache holds the new figure.
	_, chat, _ = start(t, llmtest.Options{PrefillPerSec: 90}, nil)
	for n := range 3 {
		require.InDelta(t, 150, chat.Limits().PrefillPerSec, 1e-9, "after %d", n)
		_, _, err = collect(t.Context(), chat, ask(strconv.Itoa(n)+strings.Repeat(" word", 200))) // another prefix each time
		require.NoError(t, err)
	}
	require.InDelta(t, 90, chat.Limits().PrefillPerSec, 1e-9)
	require.Less(t, chat.Limits().ContextBudget, first.ContextBudget)
	_, _, first = start(t, llmtest.Options{}, nil)
	require.InDelta(t, 90, first.PrefillPerSec, 1e-9)

	// Another model, machine or number of threads is another figure.
	for _, mod := range []func(*llm.ChatOptions){
		func(o *llm.ChatOptions) { o.Quantisation = "F16" },
		func(o *llm.ChatOptions) { o.Machine = "gpu.example" },
		func(o *llm.ChatOptions) { o.Threads = 77 },
	} {
		s, _, _ = start(t, llmtest.Options{PrefillPerSec: 200}, mod)
		require.Equal(t, 2, runs(s))
	}

	// A day later the old figure serves at once and a new one is measured behind it.
	now = now.Add(25 * time.Hour)
	gate := make(chan struct{})
	s, chat, third := start(t, llmtest.Options{PrefillPerSec: 300, Reply: func(llmtest.Request) llmtest.Reply {
		return llmtest.Reply{Text: "one", Gate: gate}
	}}, nil)
	require.Equal(t, first.PrefillPerSec, third.PrefillPerSec)
	close(gate)
	require.Eventually(t, func() bool { return chat.Limits().PrefillPerSec == 300 }, 20*time.Second, time.Millisecond)
	require.LessOrEqual(t, runs(s), 2)
	chat.Close()

	// A broken file is left aside and replaced.
	require.NoError(t, os.WriteFile(file, []byte("{broken"), 0o600))
	s, _, _ = start(t, llmtest.Options{PrefillPerSec: 400}, nil)
	require.Equal(t, 2, runs(s))
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, json.Valid(raw))
	require.Contains(t, string(raw), "400")
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, left, 1, "temporary files were left behind")
}

func TestCloseEndsTheBackgroundMeasurement(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "measured.json")
	now := time.Now()
	options := func(co *llm.ChatOptions, _ *llm.EmbedOptions) {
		co.MeasuredCache, co.Now = file, func() time.Time { return now }
	}
	_, chat, _ := setup(t, llmtest.Options{}, options)
	_, err := chat.Probe(t.Context())
	require.NoError(t, err)
	now = now.Add(48 * time.Hour)
	s, chat, _ := setup(t, llmtest.Options{}, options)
	s.Inject(llmtest.Fault{Kind: llmtest.HangBefore})
	_, err = chat.Probe(t.Context())
	require.NoError(t, err)
	chat.Close() // would wait for ever if nothing told the measurement to end
}
