package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerifyAndRepair(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "# Leave\n\nEmployees get 30 days of annual leave.\n", "desk.md": "# Desk\n\nIt opens on Wednesday.\n"})
	_, err := s.run("ingest", docs, "--store", "h")
	require.NoError(t, err)
	out, err := s.run("verify")
	require.NoError(t, err)
	require.Contains(t, out, "2 documents")
	out, err = s.run("verify", "--repair")
	require.NoError(t, err, "nothing is wrong")
	require.Contains(t, out, "0 documents are queued")

	dir, _ := strings.CutPrefix(s.environ[1], "GROUNDWORK_SERVER__DATA_DIR=")
	originals, err := filepath.Glob(filepath.Join(dir, "files", "*", "*"))
	require.NoError(t, err)
	require.Len(t, originals, 2)
	require.NoError(t, os.WriteFile(originals[0], []byte("rotten"), 0o600))
	_, err = s.run("verify")
	require.ErrorContains(t, err, "1 faults; restore from a backup")
	out, err = s.run("verify", "--json")
	require.Error(t, err)
	var audit struct {
		Documents int
		Faults    []struct{ Kind, Original string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &audit), out)
	require.Equal(t, 2, audit.Documents)
	require.Len(t, audit.Faults, 1)
	require.Equal(t, "missing_original", audit.Faults[0].Kind)
	require.Equal(t, filepath.Base(originals[0]), audit.Faults[0].Original)

	out, err = s.run("verify", "--repair")
	require.ErrorContains(t, err, "1 documents are lost")
	require.Contains(t, out, "go on answering")
	out, err = s.run("verify")
	require.NoError(t, err)
	require.Contains(t, out, "1 known to be lost")
	_, err = s.run("ingest", docs, "--store", "h")
	require.NoError(t, err, "the right bytes come back")
	out, err = s.run("verify")
	require.NoError(t, err)
	require.Contains(t, out, "0 known to be lost")
}
