package eval

import (
	"cmp"
	"slices"
)

// Scored is a question's evidence and whether the documents answer it.
type Scored struct {
	Score      float64
	Answerable bool
}

// AUROC is the chance that an answerable question scores above an unanswerable
// one, ties counting half; ok is false unless there are both.
func AUROC(all []Scored) (area float64, ok bool) {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Scored) int { return cmp.Compare(a.Score, b.Score) })
	var wins float64 // pairs with the answerable one above
	var below int    // unanswerable ones of lower scores
	var answerable, unanswerable int
	for from := 0; from < len(sorted); {
		to, here, others := from, 0, 0
		for ; to < len(sorted) && sorted[to].Score == sorted[from].Score; to++ {
			if sorted[to].Answerable {
				here++
			} else {
				others++
			}
		}
		wins += float64(here) * (float64(below) + float64(others)/2)
		below += others
		answerable, unanswerable = answerable+here, unanswerable+others
		from = to
	}
	if answerable == 0 || unanswerable == 0 {
		return 0, false
	}
	return wins / float64(answerable) / float64(unanswerable), true
}
