package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/draft"
	"groundwork/eval/tune/tunetest"
	"groundwork/llm/llmtest"
)

var blinds = regexp.MustCompile(`blinds of room (\d+) were made in (\d+)`)

// drafter words a question for each fact about blinds, and answers questions as usual.
func drafter(req llmtest.Request) llmtest.Reply {
	prompt := req.Messages[len(req.Messages)-1].Content
	fact := blinds.FindStringSubmatch(prompt)
	if fact == nil || !strings.Contains(prompt, "A colleague needs exactly this") {
		return llmtest.Extract(req)
	}
	if fact[1] == "3" {
		return llmtest.Reply{Text: "Question: Is the passage about blinds?\nAnswer: yes"}
	}
	return llmtest.Reply{Text: "Question: Which year are the blinds in room " + fact[1] + " from?\nAnswer: " + fact[2]}
}

func (s shell) runWith(in string, args ...string) (string, error) {
	s.t.Helper()
	var out bytes.Buffer
	err := run(s.t.Context(), environment{args: args, environ: s.environ, in: strings.NewReader(in), out: &out, err: &bytes.Buffer{}})
	s.t.Logf("groundwork %s\n%s", strings.Join(args, " "), out.String())
	return out.String(), err
}

func TestDraftReviewAndAsk(t *testing.T) {
	t.Parallel()
	s := setupWith(t, llmtest.Options{Reply: drafter})
	s.questions(6)
	out, err := s.run("eval", "draft", "--store", "h", "--count", "2", "--kind", "lookup")
	require.NoError(t, err)
	require.Contains(t, out, "2 drafts in ")
	out, err = s.run("eval", "draft", "--store", "h", "--count", "6", "--kind", "lookup", "--json")
	require.NoError(t, err)
	var made struct {
		File   string
		Drafts int
		Tried  int
		Thrown map[string]map[string]int `json:"thrown_out"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &made))
	require.Equal(t, 5, made.Drafts, "it went on with the file")
	require.Equal(t, 6, made.Tried)
	require.Equal(t, map[string]map[string]int{"lookup": {string(draft.SpeaksOfText): 1}}, made.Thrown)

	_, err = s.run("eval", "run", "--store", "h", "--questions", made.File)
	require.ErrorContains(t, err, "nobody has accepted one")
	_, err = s.run("eval", "draft", "--store", "h", "--kind", "nonsense")
	require.ErrorContains(t, err, "no kind of question")
	_, err = s.run("eval", "draft", "--store", "h", "--seed", "2")
	require.ErrorContains(t, err, "--fresh")
	_, err = s.run("eval", "review", "nothing")
	require.ErrorContains(t, err, "eval draft")

	// accept, edit badly, edit well and accept, drop, skip, quit
	out, err = s.runWith("a\nx\ne\n\n\nsomething else\ne\nWhich year do the blinds come from?\n\n\na\nd\ns\nq\n", "eval", "review", "h")
	require.NoError(t, err)
	require.Contains(t, out, "not kept: the answer does not hold what must_contain asks for")
	require.Contains(t, out, "2 accepted, 1 dropped, 2 not looked at")
	out, err = s.run("eval", "run", "--store", "h", "--questions", made.File, "--json")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(out, `"expected"`))
	require.Contains(t, out, "Which year do the blinds come from?")
	out, err = s.run("eval", "run", "--store", "h", "--questions", made.File, "--drafts", "--json", "--answers=false")
	require.NoError(t, err)
	require.Equal(t, 4, strings.Count(out, `"expected"`), "what was dropped is never asked")
}

func TestReviewInAnEditor(t *testing.T) {
	t.Parallel()
	s := setupWith(t, llmtest.Options{Reply: drafter})
	s.questions(2)
	file := filepath.Join(t.TempDir(), "d.jsonl")
	_, err := s.run("eval", "draft", "--store", "h", "--count", "2", "--kind", "lookup", "--out", file)
	require.NoError(t, err)
	editor := func(script string) shell {
		program := filepath.Join(t.TempDir(), "editor")
		require.NoError(t, tunetest.Program(program, "#!/bin/sh\n"+script+"\n"))
		other := s
		other.environ = append(append([]string{}, s.environ...), "EDITOR="+program, "PATH="+os.Getenv("PATH"))
		return other
	}
	_, err = editor(`echo garbage > "$1"`).run("eval", "review", file, "--editor")
	require.ErrorContains(t, err, "nothing was kept")
	out, err := editor(`sed -i '1d; s/"status":"draft"/"status":"accepted"/' "$1"`).run("eval", "review", file, "--editor")
	require.NoError(t, err)
	require.Contains(t, out, "1 accepted, 1 dropped, 0 not looked at")
}

func TestDraftsByAnotherModelServer(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.questions(2)
	large := llmtest.Start(t, llmtest.Options{Reply: drafter, ChatModel: "large", APIKey: "sk-1"})
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("sk-1\n"), 0o600))
	out, err := s.run("eval", "draft", "--store", "h", "--count", "2", "--kind", "lookup", "--base-url", large.BaseURL(), "--model", "large", "--base-url-key-file", key)
	require.NoError(t, err)
	require.Contains(t, out, "2 drafts")
	for _, wrong := range [][]string{{"--base-url", "nowhere", "--model", "m"}, {"--base-url", large.BaseURL()}, {"--base-url", large.BaseURL(), "--model", "large"}, {"--model", "unknown", "--server", "http://127.0.0.1:1"}} {
		_, err := s.run(append([]string{"eval", "draft", "--store", "h", "--fresh", "--count", "4"}, wrong...)...)
		require.Error(t, err, "%v", wrong)
	}
}
