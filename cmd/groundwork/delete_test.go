package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeleteGivesAReceiptThatStays(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "# Leave\n\nEmployees get 30 days of annual leave.\n"})
	out, err := s.run("ingest", docs, "--store", "h")
	require.NoError(t, err, out)
	out, err = s.run("search", "--store", "h", "--json", "annual leave")
	require.NoError(t, err)
	var found struct {
		Data []struct {
			DocumentID string `json:"document_id"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &found), out)
	require.NotEmpty(t, found.Data, out)
	id := found.Data[0].DocumentID

	out, err = s.run("delete", "--store", "h", id)
	require.NoError(t, err)
	require.Contains(t, out, id+" deleted 20")
	require.Contains(t, out, "index     1 chunks with their terms, 1 vectors")
	require.Contains(t, out, "files     1 originals")
	again, err := s.run("receipt", id)
	require.NoError(t, err)
	require.Equal(t, out, again)
	raw, err := s.run("receipt", "--json", id)
	require.NoError(t, err)
	var r receipt
	require.NoError(t, json.Unmarshal([]byte(raw), &r))
	require.NotNil(t, r.DeletedAt)
	require.Len(t, r.Hash, 64)
	_, err = s.run("delete", "--store", "h", id)
	require.ErrorContains(t, err, "There is no document")
	_, err = s.run("receipt", "file-unknown")
	require.ErrorContains(t, err, "there is no receipt")
}
