package runs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/runs"
)

var made = runs.Made{Store: "handbook", Corpus: "c0ffee", Questions: "abc", QuestionsFile: "q.jsonl", K: 5, Model: "m@handbook"}

func outcome(i int) eval.Outcome {
	return eval.Outcome{ID: fmt.Sprint(i), Question: fmt.Sprintf("question %d?", i), Answered: true, Right: i%2 == 0, Fingerprint: eval.Fingerprint{Model: "m", Prompt: "1"}}
}

func begin(t *testing.T, s runs.Store, m runs.Made, fresh bool) *runs.Writer {
	t.Helper()
	w, err := s.Begin(m, 3, fresh)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func TestRunIsStoredWithWhatMadeIt(t *testing.T) {
	t.Parallel()
	s := runs.In(filepath.Join(t.TempDir(), "runs"))
	all, err := s.List()
	require.NoError(t, err)
	require.Empty(t, all)

	w := begin(t, s, made, false)
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() {
			if err := w.Add(outcome(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	require.NoError(t, w.Finish())

	for _, id := range []string{w.Run().ID, w.Run().ID[:12], "last"} {
		run, outcomes, err := s.Load(id)
		require.NoError(t, err, id)
		require.Equal(t, made, run.Made)
		require.True(t, run.Done())
		require.ElementsMatch(t, []eval.Outcome{outcome(0), outcome(1), outcome(2)}, outcomes)
	}
	_, _, err = s.Load("1999")
	require.ErrorContains(t, err, "no run")
}

func TestRunThatBrokeOffGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := runs.In(dir)
	w := begin(t, s, made, false)
	require.Empty(t, w.Known())
	require.NoError(t, w.Add(outcome(0)))
	require.NoError(t, w.Close())
	file, err := os.OpenFile(filepath.Join(dir, w.Run().ID, "outcomes.jsonl"), os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteString(`{"id":"1","question":"half a li`)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	other := made
	other.Corpus = "beef"
	require.NotEqual(t, w.Run().ID, begin(t, s, other, false).Run().ID, "other documents: another run")

	again := begin(t, s, made, false)
	require.Equal(t, w.Run().ID, again.Run().ID)
	require.Equal(t, []eval.Outcome{outcome(0)}, again.Known())
	require.NoError(t, again.Add(outcome(1)))
	require.NoError(t, again.Finish())
	_, outcomes, err := s.Load(again.Run().ID)
	require.NoError(t, err)
	require.Equal(t, []eval.Outcome{outcome(0), outcome(1)}, outcomes, "half a line is gone")
	require.NotEqual(t, again.Run().ID, begin(t, s, made, false).Run().ID, "a run that finished is not gone on with")
}

func TestFreshRunLeavesTheOneThatBrokeOffAlone(t *testing.T) {
	t.Parallel()
	s := runs.In(t.TempDir())
	w := begin(t, s, made, false)
	require.NoError(t, w.Add(outcome(0)))
	require.Empty(t, begin(t, s, made, true).Known())
	_, outcomes, err := s.Load(w.Run().ID)
	require.NoError(t, err)
	require.Len(t, outcomes, 1)
}

func TestRunRefusesAnswersOfAnotherMake(t *testing.T) {
	t.Parallel()
	s := runs.In(t.TempDir())
	w := begin(t, s, made, false)
	require.NoError(t, w.Add(eval.Outcome{ID: "found only"}))
	require.NoError(t, w.Add(outcome(0)))
	other := outcome(2)
	other.Fingerprint.IndexGeneration++
	require.NoError(t, w.Add(other), "a document of another store came in meanwhile")
	changed := outcome(1)
	changed.Fingerprint.Prompt = "2"
	require.ErrorContains(t, w.Add(changed), "the server changed")
	require.NoError(t, w.Close())
	require.ErrorContains(t, begin(t, s, made, false).Add(changed), "the server changed", "after it was gone on with, too")
}

func TestRunThatIsDamagedSaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := begin(t, runs.In(dir), made, false)
	require.NoError(t, os.WriteFile(filepath.Join(dir, w.Run().ID, "outcomes.jsonl"), []byte("{\"id\":\n{}\n"), 0o600))
	_, _, err := runs.In(dir).Load("last")
	require.ErrorContains(t, err, "damaged at byte 0")
}
