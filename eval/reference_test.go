package eval_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

// TestRetrievalFiguresAreThoseOfIRMeasures: 300 random rankings with graded judgements score the same
// as with ir_measures, which calls trec_eval. `make test-setup` installs it.
func TestRetrievalFiguresAreThoseOfIRMeasures(t *testing.T) {
	t.Parallel()
	python := filepath.Join("..", ".tools", "eval-python", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		why := "ir_measures is not here; `make test-setup` installs it where it can be had"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	qrels, run := randomRankings()
	in, err := json.Marshal(map[string]any{"qrels": qrels, "run": run})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, "-I", filepath.Join("python", "measure.py")) //nolint:gosec // the venv of this repository
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var want map[string]map[string]float64
	require.NoError(t, json.Unmarshal(out, &want))
	require.Len(t, want, len(run))
	for q, ranked := range run {
		got := map[string]float64{
			"ndcg@10": eval.NDCG(ranked, qrels[q], 10), "mrr": eval.ReciprocalRank(ranked, qrels[q], len(ranked)),
			"recall@5": eval.Recall(ranked, qrels[q], 5), "recall@10": eval.Recall(ranked, qrels[q], 10), "recall@20": eval.Recall(ranked, qrels[q], 20),
		}
		require.Len(t, want[q], len(got))
		for name, v := range got {
			require.InDelta(t, want[q][name], v, 1e-9, "%s of %v with %v", name, ranked, qrels[q])
		}
	}
}

// randomRankings are of 1 to 30 of 40 passages, with 1 to 12 judgements of 0 to 3, of which at least one is above 0.
func randomRankings() (qrels map[string]map[string]float64, run map[string][]string) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test's numbers
	qrels, run = map[string]map[string]float64{}, map[string][]string{}
	for i := range 300 {
		q := fmt.Sprint("q", i)
		qrels[q] = map[string]float64{"p0": 1}
		for _, p := range random.Perm(40)[:1+random.IntN(12)] {
			if p > 0 {
				qrels[q][fmt.Sprint("p", p)] = float64(random.IntN(4))
			}
		}
		for _, p := range random.Perm(40)[:1+random.IntN(30)] {
			run[q] = append(run[q], fmt.Sprint("p", p))
		}
	}
	return qrels, run
}
