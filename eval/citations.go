package eval

import "strings"

// Citation is what an answer points at: the quote it shows, and what the
// document's text really holds at the citation's offsets (empty when they lie outside).
type Citation struct{ Path, Quote, Text string }

// overlap is the share of the shorter of two texts that must be in the other for a citation to point at a gold quote.
const overlap = 0.5

// Citations scores an answer's citations.
type Citations struct {
	Precision float64 // share of the citations that point at a gold quote; 0 without citations
	Recall    float64 // share of the gold quotes that a citation points at; 0 without gold
	Resolved  float64 // share of the citations whose quote is the document's text at their offsets; 0 without citations
}

// ScoreCitations compares citations with what they should point at.
func ScoreCitations(gold []Gold, cites []Citation) Citations {
	var s Citations
	hit := make([]bool, len(gold))
	for _, c := range cites {
		good := false
		for i, g := range gold {
			if samePath(g.Path, c.Path) && pointsAt(c.Quote, g.Quote) {
				hit[i], good = true, true
			}
		}
		if good {
			s.Precision++
		}
		if c.Text != "" && c.Text == c.Quote {
			s.Resolved++
		}
	}
	for _, ok := range hit {
		if ok {
			s.Recall++
		}
	}
	if n := float64(len(cites)); n > 0 {
		s.Precision, s.Resolved = s.Precision/n, s.Resolved/n
	}
	if n := float64(len(gold)); n > 0 {
		s.Recall /= n
	}
	return s
}

// pointsAt: one holds the other, or a run of words of at least half the shorter one is in both.
func pointsAt(cited, gold string) bool {
	a, b := strings.Fields(cited), strings.Fields(gold)
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	return float64(longestRun(a, b)) >= overlap*float64(min(len(a), len(b)))
}

// longestRun is the length of the longest run of words that both have.
func longestRun(a, b []string) int {
	best, before := 0, make([]int, len(b)+1)
	for _, word := range a {
		now := make([]int, len(b)+1)
		for j, other := range b {
			if word == other {
				now[j+1] = before[j] + 1
				best = max(best, now[j+1])
			}
		}
		before = now
	}
	return best
}
