package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentsListsAndTriesAgain(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "# Leave\n\nEmployees get 30 days of annual leave, and five more when they are sixty.\n", "hi.md": "Hi.\n", "bad.bin": "\x00\x01\x02\xff\x00"})
	limited := shell{t, append([]string{"GROUNDWORK_PARSE__MAX_TEXT=20"}, s.environ...)}
	_, err := limited.run("ingest", docs, "--store", "h")
	require.ErrorIs(t, err, errReported)
	out, err := s.run("documents", "--store", "h")
	require.NoError(t, err)
	require.Regexp(t, `ready {6}file-\w+  hi\.md\n`, out)
	require.Regexp(t, `failed {5}file-\w+  leave\.md: .+ \(too_large\)\n`, out)

	_, err = s.run("documents", "--store", "h", "--retry", "--state", "ready")
	require.ErrorContains(t, err, "leave out --state")
	out, err = s.run("documents", "--store", "h", "--retry")
	require.ErrorIs(t, err, errReported, "one cannot be read, however often")
	require.Contains(t, out, "1 of 2 documents are ready")
	require.Contains(t, out, "failed: bad.bin")
	out, err = s.run("search", "--store", "h", "annual leave")
	require.NoError(t, err)
	require.Contains(t, out, "leave.md")

	out, err = s.run("documents", "--store", "h", "--state", "failed", "--json")
	require.NoError(t, err)
	var failed []document
	require.NoError(t, json.Unmarshal([]byte(out), &failed), out)
	require.Len(t, failed, 1)
	require.Equal(t, 2, failed[0].Version)
	require.Equal(t, "unsupported_file", failed[0].Error.Code)
	_, err = s.run("documents", "--store", "h", "--state", "lost")
	require.ErrorContains(t, err, "status must be")
}
