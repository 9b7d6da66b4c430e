package runs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/runs"
)

func TestAJournalLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "r1"), 0o700))
	store := runs.In(dir)
	j, err := store.Open("r1", "judge-a", "head")
	require.NoError(t, err)
	require.NoError(t, j.Add(1))
	require.NoError(t, j.Close())
	path := filepath.Join(dir, "r1", "judge-a.journal.jsonl")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(raw, "{half"...), 0o600)) // killed while it wrote

	j, err = store.Open("r1", "judge-a", "another head")
	require.NoError(t, err)
	require.Len(t, j.Lines, 1)
	require.NoError(t, j.Add(2))
	require.NoError(t, j.Close())
	other, err := store.Open("r1", "pairs-b", "other")
	require.NoError(t, err)
	require.NoError(t, other.Close())
	n := 0
	require.NoError(t, store.Journals("r1", "judge-", func(head json.RawMessage, lines []json.RawMessage) error {
		n++
		require.JSONEq(t, `"head"`, string(head))
		require.Equal(t, []json.RawMessage{json.RawMessage("1\n"), json.RawMessage("2\n")}, lines)
		return nil
	}))
	require.Equal(t, 1, n)
	require.NoError(t, os.WriteFile(path, []byte("damaged\n"), 0o600))
	_, err = store.Open("r1", "judge-a", nil)
	require.ErrorContains(t, err, "damaged at byte 0")
}
