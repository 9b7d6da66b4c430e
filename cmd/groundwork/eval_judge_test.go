package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/judge"
	"groundwork/llm/llmtest"
)

// referee judges: answers about an even year are right, and of two it always takes the first, but for one room.
func referee(asked *atomic.Int64) func(llmtest.Request) llmtest.Reply {
	return func(req llmtest.Request) llmtest.Reply {
		prompt := req.Messages[len(req.Messages)-1].Content
		asked.Add(1)
		switch {
		case strings.Contains(prompt, "Which says more") && strings.Contains(prompt, "room 0 "):
			return llmtest.Reply{Text: "tie"}
		case strings.Contains(prompt, "Which says more"):
			return llmtest.Reply{Text: "1"}
		case strings.Contains(prompt, "Expected answer: In 1900") || strings.Contains(prompt, "Expected answer: In 1902"):
			return llmtest.Reply{Text: "Right."}
		}
		return llmtest.Reply{Text: "partly"}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	s := setup(t)
	file := s.questions(4)
	_, err := s.run("eval", "run", "--store", "h", "--questions", file)
	require.NoError(t, err)
	var asked atomic.Int64
	large := llmtest.Start(t, llmtest.Options{Reply: referee(&asked), ChatModel: "large"})
	by := []string{"--judge-url", large.BaseURL(), "--judge-model", "large"}

	labels := filepath.Join(t.TempDir(), "labels.jsonl")
	out, err := s.run("eval", "judge", "last", "--labels", labels, "--make-labels", "3")
	require.NoError(t, err)
	require.Contains(t, out, "3 answers are in")
	raw, err := os.ReadFile(labels)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(raw), `"label":""`))
	_, err = s.run("eval", "judge", "last", "--labels", labels, "--make-labels", "3")
	require.ErrorIs(t, err, os.ErrExist, "what people wrote stays")
	require.NoError(t, os.WriteFile(labels, []byte(`{"id":"q0","label":"right"}`+"\n"+`{"id":"q1","label":"partly"}`+"\n"+`{"id":"q2","label":""}`+"\n"), 0o600))

	out, err = s.run(append([]string{"eval", "judge", "last", "--labels", labels, "--json", "--parallel", "2"}, by...)...)
	require.NoError(t, err)
	var reply struct {
		Judged   judged
		Verdicts []judge.Judgement
	}
	require.NoError(t, json.Unmarshal([]byte(out), &reply))
	require.Equal(t, map[judge.Verdict]int{judge.Right: 2, judge.Partly: 2, judge.Wrong: 0, judge.Unclear: 0}, reply.Judged.Counts)
	require.Equal(t, 2, reply.Judged.People.N)
	require.InDelta(t, 1, reply.Judged.People.Kappa, 1e-9)
	require.Equal(t, 4, reply.Judged.Program.N)
	require.False(t, reply.Judged.Judge.Self)
	require.EqualValues(t, 4, asked.Load())

	out, err = s.run(append([]string{"eval", "judge", "last"}, by...)...)
	require.NoError(t, err)
	require.EqualValues(t, 4, asked.Load(), "verdicts are kept with the run")
	require.Contains(t, out, "agreement with must_contain")
	out, err = s.run("eval", "show", "last")
	require.NoError(t, err)
	require.Regexp(t, `(?s)tokens read.*judged by large \(an opinion beside the figures\)`, out)
	require.NotContains(t, out, "the judge is the model")

	out, err = s.run("eval", "judge", "last", "--json")
	require.NoError(t, err)
	require.Contains(t, out, `"judges_itself": true`)

	for wrong, args := range map[string][]string{
		"the label is right": {"--labels", file},
		"name the model":     {"--judge-url", large.BaseURL()},
		"is no address":      {"--judge-url", "nowhere", "--judge-model", "x"},
		"name the file":      {"--make-labels", "2"},
	} {
		if wrong == "the label is right" {
			require.NoError(t, os.WriteFile(labels, []byte(`{"id":"q0","label":"great"}`+"\n"), 0o600))
			args = []string{"--labels", labels}
		}
		_, err := s.run(append([]string{"eval", "judge", "last"}, args...)...)
		require.ErrorContains(t, err, wrong)
	}
}

func TestJudgeOfTwoRunsAsksInBothOrders(t *testing.T) {
	t.Parallel()
	s := setup(t)
	file := s.questions(3)
	for range 2 {
		_, err := s.run("eval", "run", "--store", "h", "--questions", file, "--fresh")
		require.NoError(t, err)
	}
	out, err := s.run("eval", "list")
	require.NoError(t, err)
	first := strings.Fields(strings.Split(out, "\n")[1])[0]
	var asked atomic.Int64
	large := llmtest.Start(t, llmtest.Options{Reply: referee(&asked), ChatModel: "large"})
	out, err = s.run("eval", "judge", first, "last", "--judge-url", large.BaseURL(), "--judge-model", "large", "--json")
	require.NoError(t, err)
	var reply struct{ Contest judge.Contest }
	require.NoError(t, json.Unmarshal([]byte(out), &reply))
	require.Equal(t, judge.Contest{N: 3, Ties: 3, Swapped: 2, Change: reply.Contest.Change}, reply.Contest, "a judge that always takes the first has no opinion")
	require.EqualValues(t, 6, asked.Load())
	out, err = s.run("eval", "judge", first, "last", "--judge-url", large.BaseURL(), "--judge-model", "large")
	require.NoError(t, err)
	require.EqualValues(t, 6, asked.Load())
	require.Contains(t, out, "ties because the order changed the verdict")
}
