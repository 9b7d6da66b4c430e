package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/runs"
)

// questionsOf makes a question file over a store "h" that holds what answers them.
func (s shell) questions(n int) (file string) {
	s.t.Helper()
	docs, text := s.t.TempDir(), strings.Builder{}
	for i := range n {
		write(s.t, docs, map[string]string{fmt.Sprintf("docs/room%d.md", i): fmt.Sprintf("# Room %d\n\nThe blinds of room %d were made in %d.", i, i, 1900+i)})
		fmt.Fprintf(&text, `{"id":"q%d","question":"When were the blinds of room %d made?","answer":"In %d.","gold":[{"path":"room%d.md","quote":"made in %d"}],"must_contain":["%d"]}`+"\n", i, i, 1900+i, i, 1900+i, 1900+i)
	}
	write(s.t, docs, map[string]string{"q.jsonl": text.String()})
	_, err := s.run("ingest", filepath.Join(docs, "docs"), "--store", "h")
	require.NoError(s.t, err)
	return filepath.Join(docs, "q.jsonl")
}

func (s shell) getenv(name string) string {
	return (&cli{environment: environment{environ: s.environ}}).getenv(name)
}

func TestEvalRunsAreKeptAndCompared(t *testing.T) {
	t.Parallel()
	s := setup(t)
	file := s.questions(12)
	out, err := s.run("eval", "run", "--store", "h", "--questions", file, "--label", "before", "--json", "--price-hour", "1")
	require.NoError(t, err)
	var first struct {
		Run       runs.Run
		Summary   eval.Summary
		Questions []eval.Outcome
	}
	require.NoError(t, json.Unmarshal([]byte(out), &first))
	require.Len(t, first.Questions, 12)
	require.Equal(t, 12, first.Summary.Right.Of)
	require.Equal(t, first.Summary.Verbatim.Of, first.Summary.Verbatim.N)
	require.Positive(t, first.Summary.Tokens.Prompt)
	require.Positive(t, first.Summary.Cost)
	require.Equal(t, "test-chat", first.Questions[0].Fingerprint.Model)
	require.NotEmpty(t, first.Run.Made.Corpus)

	_, err = s.run("eval", "--store", "h", "--questions", file, "--label", "after") // the short form
	require.NoError(t, err)
	out, err = s.run("eval", "list")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(out, "\n"))
	require.Regexp(t, `(?s)after.*before`, out, "newest first")
	out, err = s.run("eval", "show", "last")
	require.NoError(t, err)
	require.Contains(t, out, "answered right")
	out, err = s.run("eval", "diff", first.Run.ID, "last")
	require.NoError(t, err)
	require.NotContains(t, out, "WORSE")

	s.spoil("last")
	out, err = s.run("eval", "diff", first.Run.ID, "last")
	require.ErrorIs(t, err, errReported)
	require.Regexp(t, `hit .*WORSE`, out)
	_, err = s.run("eval", "diff", "1999", "last")
	require.ErrorContains(t, err, "there is no run")
}

// spoil makes the passages of a run's outcomes not found.
func (s shell) spoil(id string) {
	s.t.Helper()
	folder := filepath.Join(s.getenv("GROUNDWORK_SERVER__DATA_DIR"), "runs")
	run, _, err := runs.In(folder).Load(id)
	require.NoError(s.t, err)
	path := filepath.Join(folder, run.ID, "outcomes.jsonl")
	raw, err := os.ReadFile(path)
	require.NoError(s.t, err)
	require.Contains(s.t, string(raw), `"hit":true`)
	require.NoError(s.t, os.WriteFile(path, bytes.ReplaceAll(raw, []byte(`"hit":true`), []byte(`"hit":false`)), 0o600))
}

func TestEvalGoesOnWithARunThatBrokeOff(t *testing.T) {
	t.Parallel()
	s := setup(t)
	file := s.questions(4)
	_, err := s.run("eval", "--store", "h", "--questions", file, "--answers=false")
	require.NoError(t, err)
	folder := filepath.Join(s.getenv("GROUNDWORK_SERVER__DATA_DIR"), "runs")
	run, outcomes, err := runs.In(folder).Load("last")
	require.NoError(t, err)
	require.Len(t, outcomes, 4)

	// as if it had been killed before the third question
	run.Finished = runs.Run{}.Finished
	raw, err := json.Marshal(run)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, run.ID, "run.json"), raw, 0o600))
	path := filepath.Join(folder, run.ID, "outcomes.jsonl")
	raw, err = os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(raw, []byte("\n"))
	require.NoError(t, os.WriteFile(path, append(bytes.Join(lines[:2], nil), lines[2][:10]...), 0o600))
	out, err := s.run("eval", "list")
	require.NoError(t, err)
	require.Contains(t, out, "broke off")

	_, err = s.run("eval", "--store", "h", "--questions", file, "--answers=false")
	require.NoError(t, err)
	all, err := runs.In(folder).List()
	require.NoError(t, err)
	require.Len(t, all, 1, "no second run was begun")
	_, again, err := runs.In(folder).Load("last")
	require.NoError(t, err)
	require.ElementsMatch(t, outcomes, again)
}

func TestEvalRetrievalPrintsEveryLeg(t *testing.T) {
	t.Parallel()
	s, data := setup(t), t.TempDir()
	write(t, data, map[string]string{
		"retrieval/made/corpus.jsonl":  `{"_id":"a","text":"The ledger closes on the fifth day."}` + "\n" + `{"_id":"b","text":"Dogs may come on Fridays."}`,
		"retrieval/made/queries.jsonl": `{"_id":"q1","text":"When does the ledger close?"}`,
		"retrieval/made/qrels.tsv":     "q1\ta\t1\n",
	})
	out, err := s.run("eval", "retrieval", "--data", data)
	require.NoError(t, err)
	for _, want := range []string{"made: 2 passages, 1 questions", "fts5", "bm25", "dense", "rrf", "hybrid", "mean over the sets", "times plain FTS5"} {
		require.Contains(t, out, want)
	}
	out, err = s.run("eval", "retrieval", "--data", data, "--json")
	require.NoError(t, err)
	require.Contains(t, out, `"ndcg@10": 1`)
	_, err = s.run("eval", "retrieval", "--data", t.TempDir())
	require.ErrorContains(t, err, "holds no sets")
}

func TestEvalAnswersShowsWhatRefusalsCost(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, err := s.run("eval", "answers")
	require.ErrorContains(t, err, "there is no run")
	file := s.questions(4)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(raw, `{"id":"u","question":"Who paid for the cactus?","type":"unanswerable"}`...), 0o600))
	_, err = s.run("eval", "--store", "h", "--questions", file)
	require.NoError(t, err)
	page := filepath.Join(t.TempDir(), "answers.html")
	out, err := s.run("eval", "answers", "--html", page)
	require.NoError(t, err)
	require.Contains(t, out, "unanswerable")
	require.Contains(t, out, "AUROC")
	require.Regexp(t, `100 % +\d`, out, "abstain is off: the whole curve is known")
	raw, err = os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(raw), "<figure>"))
}

func TestCalibrateMovesTheStoresThreshold(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for i, kv := range s.environ {
		if strings.HasPrefix(kv, "GROUNDWORK_ANSWER__ABSTAIN=") {
			s.environ[i] = "GROUNDWORK_ANSWER__ABSTAIN=balanced"
		}
	}
	file := s.questions(6)
	_, err := s.run("calibrate", "--store", "h", "--questions", file)
	require.ErrorContains(t, err, "6 answerable and 0 unanswerable")
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	for i, q := range []string{"Who paid for the cactus?", "How tall is the tower?", "Is tea free?", "May I bring a llama?", "Which bank do we use?"} {
		raw = fmt.Appendf(raw, `{"id":"u%d","question":%q}`+"\n", i, q)
	}
	require.NoError(t, os.WriteFile(file, raw, 0o600))

	threshold := func() float64 {
		out, err := s.run("ask", "--store", "h", "--json", "When were the blinds of room 3 made?")
		require.NoError(t, err)
		var a answer
		require.NoError(t, json.Unmarshal([]byte(out), &a))
		require.NotEmpty(t, a.Groundwork.Evidence.Embedding)
		return a.Groundwork.Evidence.Threshold
	}
	require.InDelta(t, 0.65, threshold(), 1e-9)
	_, err = s.run("calibrate", "--store", "h", "--questions", file, "--dry-run")
	require.NoError(t, err)
	require.InDelta(t, 0.65, threshold(), 1e-9)

	page := filepath.Join(t.TempDir(), "curve.html")
	out, err := s.run("calibrate", "--store", "h", "--questions", file, "--json", "--html", page)
	require.NoError(t, err)
	var fitted calibration
	require.NoError(t, json.Unmarshal([]byte(out), &fitted))
	require.Greater(t, fitted.AUROC, 0.9)
	require.LessOrEqual(t, fitted.Points["balanced"].FalseRefusals, 0.08)
	require.FileExists(t, page)
	require.InDelta(t, fitted.Balanced, threshold(), 1e-9)

	_, err = s.run("calibrate", "--store", "h", "--reset")
	require.NoError(t, err)
	require.InDelta(t, 0.65, threshold(), 1e-9)
	_, err = s.run("calibrate", "--store", "h")
	require.ErrorContains(t, err, "--questions")
}
