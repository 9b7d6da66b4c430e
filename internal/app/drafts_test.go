package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

func TestDraftsAreDecidedDurably(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	path := filepath.Join(app.DraftsDir(cfg), "h.jsonl")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(`{"id":"lookup-1","question":"Why?","answer":"So it is.","gold":[{"path":"a.md","quote":"So it is."}],"type":"lookup","must_contain":["so"],"status":"draft"}`+"\n"), 0o600))
	s := start(t, cfg)
	var sets struct {
		Data []struct {
			ID     string
			Counts map[string]int
		}
	}
	s.json(http.MethodGet, "/v1/drafts", nil, http.StatusOK, &sets)
	require.Equal(t, "h", sets.Data[0].ID)
	require.Equal(t, 1, sets.Data[0].Counts["draft"])
	var d struct {
		Status, Question string
		Provenance       struct{ Edited bool }
	}
	s.json(http.MethodPost, "/v1/drafts/h/lookup-1", map[string]any{"status": "accepted", "question": "Why is it so?"}, http.StatusOK, &d)
	require.Equal(t, "accepted", d.Status)
	require.True(t, d.Provenance.Edited)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"status":"accepted"`)
	require.Contains(t, string(raw), "Why is it so?")

	s.json(http.MethodPost, "/v1/drafts/h/lookup-1", map[string]any{"answer": "Never"}, http.StatusBadRequest, nil)
	for _, path := range []string{"/v1/drafts/h/lookup-2", "/v1/drafts/other/lookup-1", "/v1/drafts/..%2F..%2Fh/lookup-1"} {
		s.json(http.MethodPost, path, map[string]any{"status": "dropped"}, http.StatusNotFound, nil)
	}
	s.json(http.MethodGet, "/v1/drafts/other", nil, http.StatusNotFound, nil)
	left, err := filepath.Glob(filepath.Join(app.DraftsDir(cfg), "other*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
