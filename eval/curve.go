package eval

import (
	"cmp"
	"math"
	"slices"
)

// Point is what a threshold does: a question whose evidence is below it is refused.
type Point struct {
	Threshold        float64 `json:"threshold"`
	FalseRefusals    float64 `json:"false_refusals"` // share of the answerable that are refused
	FalseAnswers     float64 `json:"false_answers"`  // share of the unanswerable that are answered
	BalancedAccuracy float64 `json:"balanced_accuracy"`
}

// Curve gives a point for every threshold that decides differently, from the one
// that refuses nothing to the one that refuses everything. Thresholds lie in the middle
// between two scores. It is nil unless there are both kinds of questions.
func Curve(all []Scored) []Point {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Scored) int { return cmp.Compare(a.Score, b.Score) })
	var answerable, unanswerable float64
	for _, s := range sorted {
		if s.Answerable {
			answerable++
		} else {
			unanswerable++
		}
	}
	if answerable == 0 || unanswerable == 0 {
		return nil
	}
	var refused, rightly float64 // answerable and unanswerable ones below the threshold
	point := func(threshold float64) Point {
		p := Point{Threshold: threshold, FalseRefusals: refused / answerable, FalseAnswers: 1 - rightly/unanswerable}
		p.BalancedAccuracy = 1 - (p.FalseRefusals+p.FalseAnswers)/2
		return p
	}
	out := []Point{point(sorted[0].Score)}
	for i, s := range sorted {
		if s.Answerable {
			refused++
		} else {
			rightly++
		}
		switch {
		case i+1 == len(sorted):
			out = append(out, point(math.Nextafter(s.Score, math.Inf(1))))
		case sorted[i+1].Score > s.Score:
			out = append(out, point((s.Score+sorted[i+1].Score)/2))
		}
	}
	return out
}

// Balanced is the point of the highest balanced accuracy at which no more than
// the given share of answerable questions is refused; of equal ones the lowest threshold.
func Balanced(curve []Point, falseRefusals float64) Point {
	return pick(curve, func(p Point) bool { return p.FalseRefusals <= falseRefusals })
}

// Strict is the point of the highest balanced accuracy at which no more than the
// given share of unanswerable questions is answered.
func Strict(curve []Point, falseAnswers float64) Point {
	return pick(curve, func(p Point) bool { return p.FalseAnswers <= falseAnswers })
}

// pick needs a curve; its ends fit any bound.
func pick(curve []Point, fits func(Point) bool) (best Point) {
	best.BalancedAccuracy = -1
	for _, p := range curve {
		if fits(p) && p.BalancedAccuracy > best.BalancedAccuracy {
			best = p
		}
	}
	return best
}

// HeldOut decides every question by a threshold that was fitted without it, so
// that the figures are those of questions yet to come. Where the others are all of one kind, nothing is refused.
func HeldOut(all []Scored, fit func([]Point) Point) []Decision {
	out := make([]Decision, len(all))
	for i, s := range all {
		others := slices.Delete(slices.Clone(all), i, i+1)
		curve := Curve(others)
		out[i] = Decision{Answerable: s.Answerable, Refused: curve != nil && s.Score < fit(curve).Threshold}
	}
	return out
}

// RiskPoint is what is at stake when only the questions of the strongest evidence are answered.
type RiskPoint struct {
	Coverage float64 `json:"coverage"` // share of all questions that are answered
	Risk     float64 `json:"risk"`     // share of the answers that are not right
}

// RiskCoverage answers one question more from point to point, the strongest
// evidence first; questions of equal evidence come together. Answers that the run refused are not known
// to be right or wrong, so the curve ends where its refusals begin: a run with `answer.abstain: off` gives all of it.
func RiskCoverage(outcomes []Outcome) []RiskPoint {
	sorted := slices.SortedStableFunc(slices.Values(outcomes), func(a, b Outcome) int { return cmp.Compare(b.Evidence, a.Evidence) })
	var out []RiskPoint
	wrong := 0
	for i, o := range sorted {
		if !o.Answered || o.Refused {
			break
		}
		if !o.Known || !o.Right {
			wrong++
		}
		if i+1 == len(sorted) || sorted[i+1].Evidence < o.Evidence {
			out = append(out, RiskPoint{float64(i+1) / float64(len(sorted)), float64(wrong) / float64(i+1)})
		}
	}
	return out
}
