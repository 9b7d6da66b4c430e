package faulttest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// TestPoison sends documents that kill each parser that reads them, between
// others: those become ready, the poison ends with a code and stays visible.
func TestPoison(t *testing.T) {
	t.Parallel()
	s := settings{Dir: t.TempDir(), Model: llmtest.Start(t, llmtest.Options{}).BaseURL()}
	url, stop := start(t, s)
	l, c := newLedger(never), newClient(url)
	ends := map[string]string{}
	for _, path := range []string{"poison-1.md", "good-1.md", "poison-2.md", "good-2.md", "good-3.md"} {
		content := l.content(path, 3)
		ends[path] = "ready"
		if path[0] == 'p' {
			content, ends[path] = content+poison, "failed"
		}
		require.NoError(t, l.put(t.Context(), c, path, content))
	}
	docs := settled(t, c)
	require.Len(t, docs, len(ends))
	for _, d := range docs {
		require.Equal(t, ends[d.Filename], d.Status, "%s: %+v", d.Filename, d.Error)
		if d.Status == "failed" {
			require.NotNil(t, d.Error)
			require.NotEmpty(t, d.Error.Code)
			require.NotEmpty(t, d.Error.Message)
		}
		require.NoError(t, wholeInSearch(t.Context(), c, d.Filename))
	}
	stop()
	verify(t, s)
	row(t, "poison", "2 documents that kill the parser failed with a code, 3 neighbours are ready")
}
