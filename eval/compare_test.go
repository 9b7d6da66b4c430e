package eval_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

const asked = 100

// madeRun is a run over 100 answerable questions, 70 of them right.
func madeRun() []eval.Outcome {
	out := make([]eval.Outcome, asked)
	for i := range out {
		right := i%10 < 7
		out[i] = eval.Outcome{ID: fmt.Sprint(i), Question: "?", Known: true, Answered: true, Cited: true, Hit: i%10 < 9, Recall: i%10 < 8, Right: right, Verbatim: true, CitationsResolved: 1}
		if right {
			out[i].Facts, out[i].F1, out[i].CitationRecall = 1, 0.8, 1
		} else {
			out[i].Facts, out[i].F1 = 0.25, 0.3
		}
	}
	return out
}

func TestDiffFindsAPlantedLossOfSixPoints(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test's numbers
		a, b := madeRun(), madeRun()
		lost := 0
		for _, i := range random.Perm(asked) {
			if lost < 6 && b[i].Right {
				b[i].Right = false
				lost++
			}
		}
		changes := eval.Diff(a, b)
		require.True(t, eval.Worse(changes), "seed %d", seed)
		for _, c := range changes {
			require.Equal(t, c.Measure == "right", c.Worse, "seed %d: %s", seed, c.Measure)
			require.False(t, c.Better)
		}
		back := eval.Diff(b, a)
		require.False(t, eval.Worse(back), "a gain is no loss")
	}
}

// A re-run of the same system: each question comes out anew with a chance of 20 %.
func TestDiffIsSilentOnNoise(t *testing.T) {
	t.Parallel()
	alarms := 0
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's numbers
		a, b := noisy(random), noisy(random)
		if eval.Worse(eval.Diff(a, b)) {
			alarms++
		}
	}
	t.Logf("%d false alarms in 100 re-runs", alarms)
	require.LessOrEqual(t, alarms, 5)
}

func noisy(random *rand.Rand) []eval.Outcome {
	out := madeRun()
	again := func(p float64, old bool) bool {
		if random.Float64() < 0.2 {
			return random.Float64() < p
		}
		return old
	}
	for i := range out {
		o := &out[i]
		o.Hit, o.Recall, o.Right, o.Refused = again(0.9, o.Hit), again(0.8, o.Recall), again(0.7, o.Right), again(0.1, o.Refused)
		o.Facts, o.F1 = min(1, max(0, o.Facts+random.NormFloat64()/5)), min(1, max(0, o.F1+random.NormFloat64()/10))
		if !again(0.7, o.CitationRecall == 1) {
			o.CitationRecall = 0
		}
	}
	return out
}

func TestDiffKnowsWhatIsBetterWhenLess(t *testing.T) {
	t.Parallel()
	a, b := madeRun(), madeRun()
	for i := range 20 {
		b[i].Refused = true
		b[i].Known, a[i].Known = false, false
	}
	for i := 20; i < 40; i++ {
		b[i].Refused = true
	}
	for _, c := range eval.Diff(a, b) {
		switch c.Measure {
		case "wrongly_answered":
			require.True(t, c.Better)
			require.Equal(t, 20, c.Questions)
		case "wrongly_refused":
			require.True(t, c.Worse)
			require.Equal(t, 80, c.Questions)
		}
	}
}

func TestDiffOfAHandfulOfQuestionsTellsNothing(t *testing.T) {
	t.Parallel()
	a, b := madeRun()[:9], madeRun()[:9]
	for i := range b {
		b[i].Hit = false
	}
	changes := eval.Diff(a, b)
	require.False(t, eval.Worse(changes))
	require.Equal(t, "hit", changes[0].Measure)
	require.True(t, changes[0].Falls(), "it fell, but by chance perhaps")
}

func TestDiffTakesQuestionsOfBothRunsOnly(t *testing.T) {
	t.Parallel()
	a, b := madeRun(), madeRun()
	b[3].Question = "another"
	for _, c := range eval.Diff(a[:10], b[2:]) {
		require.Equal(t, 7, c.Questions, c.Measure)
	}
	require.Empty(t, eval.Diff(nil, b))
}
