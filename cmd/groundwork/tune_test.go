package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

func tuneStore(t *testing.T) shell {
	t.Helper()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{
		"people/leave.md": "# Leave\n\nYou may carry over up to 5 days into the next leave year.\n\n- Owner: Katrin Saar\n- Form: carry-over request in Portti\n",
		"it/help.md":      "# Help desk\n\nManagers must report leavers within three working days.\n\n| Priority | First answer |\n| --- | --- |\n| P1 | 15 minutes |\n| P2 | 1 hour |\n",
		"office/rooms.md": "# Rooms\n\nVisitors must wear a badge in the building.\n\n- Phone: extension 4100\n",
	})
	_, err := s.run("ingest", docs, "--store", "h")
	require.NoError(t, err)
	return s
}

func TestTuneDataset(t *testing.T) {
	t.Parallel()
	s := tuneStore(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"dev.jsonl": `{"id":"q1","question":"How many days carry over?","gold":[{"path":"people/leave.md","quote":"You may carry over up to 5 days"}]}` + "\n"})
	questions := filepath.Join(dir, "dev.jsonl")

	out, err := s.run("tune", "dataset", "--store", "h", "--out", filepath.Join(dir, "set"), "--questions", questions)
	require.NoError(t, err)
	require.Contains(t, out, "1 documents left out")
	raw, err := os.ReadFile(filepath.Join(dir, "set", "train.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(raw), "help.md")
	require.NotContains(t, string(raw), "leave.md")
	out, err = s.run("tune", "check", filepath.Join(dir, "set"), "--questions", questions)
	require.NoError(t, err)
	require.Contains(t, out, "have nothing of 1 question sets")

	out, err = s.run("tune", "dataset", "--store", "h", "--out", filepath.Join(dir, "leaky"), "--questions", questions, "--hold-out=false")
	require.ErrorContains(t, err, "leaks in")
	require.Contains(t, out, "people/leave.md")
	require.NoDirExists(t, filepath.Join(dir, "leaky"))
	_, err = s.run("tune", "dataset", "--store", "h", "--out", filepath.Join(dir, "all"))
	require.NoError(t, err)
	out, err = s.run("tune", "check", filepath.Join(dir, "all"), "--questions", questions)
	require.ErrorContains(t, err, "leaks in")
	require.Contains(t, out, "document")
}

func TestTuneDatasetWithATeacher(t *testing.T) {
	t.Parallel()
	s := tuneStore(t)
	large := llmtest.Start(t, llmtest.Options{ChatModel: "large", Reply: func(req llmtest.Request) llmtest.Reply {
		if strings.Contains(req.Messages[len(req.Messages)-1].Content, "extension 4100") {
			return llmtest.Reply{Text: "The phone is extension 4100."}
		}
		return llmtest.Reply{Text: "It is made of 777 parts."}
	}})
	set := filepath.Join(t.TempDir(), "set")
	out, err := s.run("tune", "dataset", "--store", "h", "--out", set, "--teacher-url", large.BaseURL(), "--teacher", "large", "--json")
	require.NoError(t, err)
	require.Contains(t, out, `"teacher": "large"`)
	raw, err := os.ReadFile(filepath.Join(set, "train.jsonl"))
	require.NoError(t, err)
	require.NotContains(t, string(raw), "777")
	_, err = s.run("tune", "dataset", "--store", "h", "--out", set, "--teacher-url", large.BaseURL())
	require.ErrorContains(t, err, "--teacher")
	_, err = s.run("tune", "dataset", "--store", "h", "--out", set, "--teacher", "unknown")
	require.ErrorContains(t, err, "cannot ask unknown")
}

func TestTuneAdapters(t *testing.T) {
	t.Parallel()
	s := setup(t)
	out, err := s.run("tune", "adapters")
	require.NoError(t, err)
	require.Contains(t, out, "ADAPTER")
	_, err = s.run("tune", "register", "nothing")
	require.ErrorContains(t, err, `"nothing"`)
	_, err = s.run("tune", "register", "--name", "acme", "--file", "x.gguf")
	require.ErrorContains(t, err, "--model")
	_, err = s.run("tune", "register", "--name", "acme", "--file", "x.gguf", "--model", "bge-small-en-v1.5")
	require.ErrorContains(t, err, "is no chat model")
	_, err = s.run("tune", "remove", "acme")
	require.ErrorContains(t, err, "there is no adapter")
	out, err = s.run("tune", "list")
	require.NoError(t, err)
	require.Contains(t, out, "STATE")
	_, err = s.run("tune", "show", "nothing")
	require.ErrorContains(t, err, `"nothing"`)
	_, err = s.run("tune", "run", t.TempDir())
	require.ErrorContains(t, err, "groundwork tune dataset")
}
