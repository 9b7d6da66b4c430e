package judge

import (
	"math"
	"math/rand/v2"
	"slices"

	"groundwork/eval"
)

// Counts are verdicts by kind.
func Counts(all []Judgement) map[Verdict]int {
	out := map[Verdict]int{Right: 0, Partly: 0, Wrong: 0, Unclear: 0}
	for _, j := range all {
		out[j.Verdict]++
	}
	return out
}

// Agreement is how far two say the same of the same answers.
type Agreement struct {
	N     int     `json:"n"`
	Same  float64 `json:"same"`  // share
	Kappa float64 `json:"kappa"` // Cohen's: 0 is chance, 1 is always
	Low   float64 `json:"low"`   // 95 % interval of kappa
	High  float64 `json:"high"`
}

const resamples = 2_000

// Agree compares verdicts with labels in the same order. The interval is that of answers drawn again with
// replacement, always with the same seed; where all labels and verdicts of a draw are one word, kappa says nothing and the draw is left out.
//
// Source: Cohen, A coefficient of agreement for nominal scales, 1960.
func Agree(verdicts, labels []Verdict) Agreement {
	a := Agreement{N: len(verdicts)}
	if a.N == 0 {
		return a
	}
	all := make([]int, a.N)
	for i := range all {
		all[i] = i
		if verdicts[i] == labels[i] {
			a.Same += 1 / float64(a.N)
		}
	}
	a.Kappa, _ = kappa(verdicts, labels, all)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a figure must come out the same again
	var drawn []float64
	for range resamples {
		for i := range all {
			all[i] = random.IntN(a.N)
		}
		if k, ok := kappa(verdicts, labels, all); ok {
			drawn = append(drawn, k)
		}
	}
	if len(drawn) == 0 {
		a.Low, a.High = -1, 1
		return a
	}
	slices.Sort(drawn)
	a.Low, a.High = drawn[int(0.025*float64(len(drawn)))], drawn[min(int(math.Ceil(0.975*float64(len(drawn)))), len(drawn))-1]
	return a
}

// kappa of the answers at these places; ok is false where chance alone would always agree.
func kappa(verdicts, labels []Verdict, at []int) (k float64, ok bool) {
	n := float64(len(at))
	same, by, of := 0.0, map[Verdict]float64{}, map[Verdict]float64{}
	for _, i := range at {
		by[verdicts[i]]++
		of[labels[i]]++
		if verdicts[i] == labels[i] {
			same++
		}
	}
	chance := 0.0
	for v, c := range by {
		chance += c / n * of[v] / n
	}
	if chance >= 1 {
		return 0, false
	}
	return (same/n - chance) / (1 - chance), true
}

// WithProgram compares the judge with what a program counts as right: must_contain, and refusals. Partly counts as not right.
func WithProgram(all []Judgement, outcomes []eval.Outcome) Agreement {
	by := byID(all)
	var verdicts, labels []Verdict
	for _, o := range outcomes {
		v, judged := by[o.ID]
		if !judged || v == Unclear || o.Refused {
			continue
		}
		label := Wrong
		if o.Known && o.Right {
			label = Right
		}
		if v == Partly {
			v = Wrong
		}
		verdicts, labels = append(verdicts, v), append(labels, label)
	}
	return Agree(verdicts, labels)
}

// WithLabels compares the judge with a person's labels, by the question's id.
func WithLabels(all []Judgement, people map[string]Verdict) Agreement {
	var verdicts, labels []Verdict
	for _, j := range all {
		if label, labelled := people[j.ID]; labelled && j.Verdict != Unclear {
			verdicts, labels = append(verdicts, j.Verdict), append(labels, label)
		}
	}
	return Agree(verdicts, labels)
}

func byID(all []Judgement) map[string]Verdict {
	out := map[string]Verdict{}
	for _, j := range all {
		out[j.ID] = j.Verdict
	}
	return out
}

// Contest is how two runs compare in a judge's eyes.
type Contest struct {
	N       int             `json:"n"`
	A       int             `json:"a"`       // answers of A that are better in both orders
	B       int             `json:"b"`       // likewise of B
	Ties    int             `json:"ties"`    // the rest
	Swapped int             `json:"swapped"` // of the ties: the judge named another answer when the order changed
	Change  eval.Difference `json:"change"`  // mean of 1 for B, -1 for A, 0 for a tie
}

// Compare adds pairs up.
func Compare(all []Pair) Contest {
	c := Contest{N: len(all)}
	a, b := make([]float64, len(all)), make([]float64, len(all))
	for i, p := range all {
		switch p.Verdict() {
		case FirstBetter:
			c.A++
			a[i] = 1
		case SecondBetter:
			c.B++
			b[i] = 1
		default:
			c.Ties++
		}
		if p.Swapped() {
			c.Swapped++
		}
	}
	c.Change = eval.Paired(a, b, 0.95)
	return c
}
