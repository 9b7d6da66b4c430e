package app_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app/clienttest"
	"groundwork/llm/llmtest"
)

// TestContract asks a whole server, over a scripted model, what its own
// description says it answers. GROUNDWORK_CONTRACT is how many requests it
// makes up; without it there are a few hundred, the same in every run.
func TestContract(t *testing.T) {
	t.Parallel()
	requests, repeat := 400, true
	if raw := os.Getenv("GROUNDWORK_CONTRACT"); raw != "" {
		n, err := strconv.Atoi(raw)
		require.NoError(t, err)
		requests, repeat = n, false
	}
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	file := s.upload("handbook", "leave.md", handbook(3), "travel.md", handbook(5))[0].ID
	const operations = 40
	clienttest.Contract(t, clienttest.Target{BaseURL: s.url + "/v1", Key: "none", Store: "handbook"},
		[]string{"test-chat", "test-chat@handbook", "test-embed"}, file, max(requests/operations, 1), repeat)
}
