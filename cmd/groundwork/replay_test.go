package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.environ = append(s.environ, "GROUNDWORK_ANSWER__KEEP=10")
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "# Leave\n\nEmployees get 30 days of annual leave.\n"})
	_, err := s.run("ingest", docs, "--store", "h")
	require.NoError(t, err)
	out, err := s.run("ask", "--store", "h", "--json", "How many days of annual leave do employees get?")
	require.NoError(t, err)
	var a struct {
		Groundwork struct {
			AnswerID string `json:"answer_id"`
		} `json:"groundwork"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &a), out)
	require.NotEmpty(t, a.Groundwork.AnswerID, out)
	out, err = s.run("replay", a.Groundwork.AnswerID)
	require.NoError(t, err)
	require.Contains(t, out, "the same answer, bit by bit:")
	_, err = s.run("replay", "ans_unknown")
	require.ErrorContains(t, err, "is not kept")
}
