package llm_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestFamilies compares what models get whose template takes a system message (Qwen, Llama,
// Mistral from 0.3 on, ChatML) and those whose template refuses it (Gemma, Mistral 0.1).
func TestFamilies(t *testing.T) {
	t.Parallel()
	conversation := rag.Prompt{Messages: []rag.Message{
		{Role: "system", Content: "Answer from the passages."}, {Role: "developer", Content: "Be brief."}, {Role: "user", Content: "How many days?"},
		{Role: "assistant", Content: "Ten."}, {Role: "user", Content: "Until when?"},
	}}
	for family, none := range map[string]bool{"system-role": false, "no-system-role": true} {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			s, chat, _ := setup(t, llmtest.Options{}, func(co *llm.ChatOptions, _ *llm.EmbedOptions) { co.NoSystemRole = none })
			_, _, err := collect(t.Context(), chat, conversation)
			require.NoError(t, err)
			sent := s.Requests("/v1/chat/completions")
			got, err := json.MarshalIndent(body(t, sent[len(sent)-1])["messages"], "", "  ")
			require.NoError(t, err)
			golden := filepath.Join("testdata", family+".golden")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "run the test with -update")
			require.Equal(t, string(want), string(got)+"\n")
		})
	}
}

func TestTemplateThatRefusesTheSystemRoleIsNamed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"object":"error","message":"System role not supported","type":"BadRequestError","code":400}`) // vLLM with Gemma 2
	}))
	t.Cleanup(server.Close)
	chat, err := llm.NewChat(llm.ChatOptions{BaseURLs: []string{server.URL + "/v1"}, Model: "gemma"})
	require.NoError(t, err)
	t.Cleanup(chat.Close)
	_, _, err = collect(t.Context(), chat, ask("Hi."))
	require.ErrorContains(t, err, "set llm.chat.system_role to false")
}
