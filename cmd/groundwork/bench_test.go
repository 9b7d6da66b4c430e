package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/load"
	"groundwork/llm/llmtest"
)

func benchFiles(t *testing.T, s shell) (questions string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"docs/leave.md": "# Leave\n\nEmployees get 30 days of annual leave.",
		"q.jsonl":       `{"id":"1","question":"How many days of annual leave do employees get?"}` + "\n\n" + `{"question":"Who gets leave?"}`,
	})
	_, err := s.run("ingest", filepath.Join(dir, "docs"), "--store", "h")
	require.NoError(t, err)
	return filepath.Join(dir, "q.jsonl")
}

func TestBench(t *testing.T) {
	t.Parallel()
	s := setup(t)
	questions := benchFiles(t, s)
	html := filepath.Join(t.TempDir(), "report.html")
	out, err := s.run("bench", "--store", "h", "--questions", questions, "--rate", "40", "--duration", "2s", "--warmup", "100ms",
		"--mix", "ask=6,search=3,upload=1", "--html", html, "--json")
	require.NoError(t, err)
	var r load.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Runs, 1)
	require.Positive(t, r.Runs[0].OK)
	require.Zero(t, r.Runs[0].Failed, "%v", r.Runs[0].Reasons)
	require.Len(t, r.Runs[0].Kinds, 3, "all kinds of the mix were sent")
	require.Equal(t, r.Runs[0].Kinds[0].OK, r.Runs[0].Kinds[0].FirstMs.Count, "every answer has a first token")
	page, err := os.ReadFile(html)
	require.NoError(t, err)
	require.Contains(t, string(page), "test-chat@h")

	out, err = s.run("bench", "--store", "h", "--questions", questions, "--concurrency", "2", "--duration", "1s", "--warmup", "0s")
	require.NoError(t, err)
	require.Contains(t, out, "2 clients for 1.0 s")
	require.Contains(t, out, "ask: first token")
	_, err = s.run("search", "--store", "bench-1", "note")
	require.Error(t, err, "the store of the uploads is gone")
}

func TestBenchFindsTheKneeWithKeys(t *testing.T) {
	t.Parallel()
	s := setup(t)
	questions := benchFiles(t, s)
	_, err := s.run("bench", "--store", "h", "--questions", questions, "--rate", "1", "--keys", "2")
	require.ErrorContains(t, err, "would lock out")
	_, err = s.run("keys", "create", "--name", "first", "--verbs", "admin")
	require.NoError(t, err)
	out, err := s.run("bench", "--store", "h", "--questions", questions, "--sweep", "--rate", "5", "--bound", "1ms", "--duration", "1s", "--warmup", "0s", "--keys", "3")
	require.NoError(t, err)
	require.Contains(t, out, "knee: not even 5.0 requests a second were carried")
	keys, err := s.run("keys", "list")
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(keys, "bench "))
	require.Equal(t, 1, strings.Count(keys, "revoked=\n"), "only the first key is left: %s", keys)
}

func TestBenchEndsWithWhatItHas(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	answers := atomic.Int64{}
	s := setupWith(t, llmtest.Options{Reply: func(r llmtest.Request) llmtest.Reply {
		if answers.Add(1) == 20 {
			interrupt()
		}
		return llmtest.Extract(r)
	}})
	questions := benchFiles(t, s)
	var out, errOut strings.Builder
	err := run(ctx, environment{args: []string{"bench", "--store", "h", "--questions", questions, "--rate", "20", "--duration", "10m", "--warmup", "0s"},
		environ: s.environ, in: strings.NewReader(""), out: &out, err: &errOut})
	require.ErrorIs(t, err, errReported, errOut.String())
	require.Contains(t, out.String(), "20.0/s offered")
	require.Contains(t, out.String(), "ask: first token")
	require.Contains(t, errOut.String(), "interrupted")
}

func TestBenchRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	s := setup(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"q": "Who?", "empty": "\n\n", "bad": `{"id":"1"}`})
	q := filepath.Join(dir, "q")
	for want, args := range map[string][]string{
		"how much load":      {"--questions", q},
		"leave --concurrenc": {"--questions", q, "--sweep", "--concurrency", "2"},
		"use one of them":    {"--questions", q, "--rate", "1", "--keys", "1", "--key-file", "x"},
		"must not be neg":    {"--questions", q, "--rate", "1", "--duration", "0s"},
		"mix:":               {"--questions", q, "--rate", "1", "--mix", "fly=1"},
		"is empty":           {"--questions", filepath.Join(dir, "empty"), "--rate", "1"},
		"line 1":             {"--questions", filepath.Join(dir, "bad"), "--rate", "1"},
		"no such file":       {"--questions", filepath.Join(dir, "none"), "--rate", "1"},
		"required flag":      {},
	} {
		_, err := s.run(append([]string{"bench"}, args...)...)
		require.ErrorContains(t, err, want, "%v", args)
	}
}
