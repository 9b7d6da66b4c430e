package llm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
	"groundwork/rag"
)

func TestPromptThatTheServerCutIsToldOf(t *testing.T) {
	t.Parallel()
	long := rag.Prompt{Messages: []rag.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: strings.Repeat("Gardens bloom in spring. ", 100)}}}
	for name, c := range map[string]struct {
		options llmtest.Options
		cut     bool
	}{
		"llama.cpp":                      {llmtest.Options{}, false},
		"llama.cpp, cut":                 {llmtest.Options{CutsAt: 200}, true},
		"vLLM":                           {llmtest.Options{Flavour: llmtest.VLLM}, false},
		"vLLM, cut":                      {llmtest.Options{Flavour: llmtest.VLLM, CutsAt: 200}, true},
		"no tokenizer":                   {llmtest.Options{Flavour: llmtest.Ollama}, false},
		"no tokenizer, cut":              {llmtest.Options{Flavour: llmtest.Ollama, CutsAt: 200}, true},
		"the window is larger than this": {llmtest.Options{CutsAt: 4000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, chat, _ := setup(t, c.options, nil)
			_, err := chat.Probe(t.Context())
			require.NoError(t, err)
			_, usage, err := collect(t.Context(), chat, long)
			require.NoError(t, err)
			require.Equal(t, c.cut, usage.Cut)
			if c.cut {
				require.Equal(t, 1024, chat.Limits().ContextTokens, "the next prompt fits")
			}
		})
	}
}
