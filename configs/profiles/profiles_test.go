// Package profiles_test loads every profile the way --config does.
package profiles_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
)

func TestProfilesLoad(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"llama-cpp.yaml", "ollama.yaml", "vllm.yaml"}, files)
	standard, err := configs.Load("", nil)
	require.NoError(t, err)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			c, err := configs.Load(file, nil) // refuses keys that do not exist
			require.NoError(t, err)
			require.Contains(t, c.LLM.Chat.BaseURL, "/v1")
			require.Empty(t, c.LLM.Chat.APIKey.Reveal(), "no key belongs into a file that is shared")
			c.LLM.Chat = standard.LLM.Chat
			require.Equal(t, standard, c, "a profile says where the chat model is and nothing else")

			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, fact := range []string{"Start the server", "context size", "slots", "tokenizer", "LoRA", "log-probabilities", "prefix cache"} {
				require.Contains(t, string(raw), fact)
			}
			broken := filepath.Join(t.TempDir(), file)
			require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(string(raw), "    model:", "    modell:", 1)), 0o600))
			_, err = configs.Load(broken, nil)
			require.ErrorContains(t, err, "llm.chat.modell")
		})
	}
}
