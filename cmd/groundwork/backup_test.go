package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
)

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "Employees get 30 days of annual leave.", "badge.md": "The badge office opens on Wednesday."})
	_, err := s.run("ingest", docs, "--store", "h")
	require.NoError(t, err)
	file := filepath.Join(docs, "backup.tar.gz")
	out, err := s.run("backup", file)
	require.NoError(t, err)
	require.Contains(t, out, "2 documents, 2 files, 2 originals")
	_, err = s.run("backup", file)
	require.ErrorContains(t, err, "exists already")
	out, err = s.run("restore", "--check", file)
	require.NoError(t, err)
	require.Contains(t, out, "is whole")

	_, err = s.run("restore", file)
	require.ErrorContains(t, err, "--force")
	elsewhere := filepath.Join(t.TempDir(), "data")
	out, err = s.run("restore", file, "--data-dir", elsewhere, "--json")
	require.NoError(t, err)
	var r app.Restoration
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 2, r.Audit.Documents)
	out, err = s.run("restore", file, "--data-dir", elsewhere, "--force")
	require.NoError(t, err)
	require.Contains(t, out, "verified: 2 documents are searchable; a server indexes 0 anew")
	_, err = s.run("verify", "--data-dir", elsewhere)
	require.NoError(t, err)
	out, err = s.run("search", "--data-dir", elsewhere, "--store", "h", "annual leave")
	require.NoError(t, err)
	require.Contains(t, out, "leave.md")

	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, raw[:len(raw)/2], 0o600))
	for _, args := range []string{"restore --check " + file, "restore --force " + file} {
		_, err = s.run(strings.Fields(args)...)
		require.ErrorContains(t, err, "nothing was restored")
	}
	_, err = s.run("verify")
	require.NoError(t, err)
}

func TestReindexBesideComparesAndSwaps(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "# Leave\n\nEmployees get 30 days of annual leave.", "badge.md": "# Badges\n\nThe badge office opens on Wednesday.",
		"q.jsonl": `{"id":"1","question":"When does the badge office open?","gold":[{"path":"badge.md","quote":"opens on Wednesday"}]}`})
	_, err := s.run("ingest", docs, "--store", "h")
	require.NoError(t, err)
	_, err = s.run("reindex", "--dry-run")
	require.ErrorContains(t, err, "every document is queued")

	changed := s
	changed.environ = append(append([]string{}, s.environ...), "GROUNDWORK_CHUNK__TOKENS=200")
	_, err = changed.run("search", "--store", "h", "annual leave")
	require.ErrorContains(t, err, "groundwork reindex")
	out, err := changed.run("reindex", "--dry-run")
	require.NoError(t, err)
	require.Contains(t, out, "the old index is in its place")
	_, err = changed.run("reindex", "--yes", "--min-overlap", "1.5")
	require.ErrorContains(t, err, "nothing was changed")
	out, err = s.run("search", "--store", "h", "annual leave")
	require.NoError(t, err, "the old index goes on answering")
	require.Contains(t, out, "leave.md")

	_, err = changed.run("reindex", "--questions", filepath.Join(docs, "q.jsonl"))
	require.ErrorContains(t, err, "--store")
	out, err = changed.run("reindex", "--questions", filepath.Join(docs, "q.jsonl"), "--store", "h", "--yes", "--json")
	require.NoError(t, err)
	var r rebuilt
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.True(t, r.Swapped)
	require.Equal(t, 1, r.Comparison.Queries)
	require.Equal(t, 1, r.Comparison.OldFound)
	require.Equal(t, 1, r.Comparison.NewFound)
	require.Equal(t, 3, r.Built.Ready)
	_, err = changed.run("verify")
	require.NoError(t, err)
	out, err = changed.run("search", "--store", "h", "annual leave")
	require.NoError(t, err)
	require.Contains(t, out, "leave.md")
}
