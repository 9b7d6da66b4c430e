package rag

import (
	"slices"
	"strings"
)

const (
	// verbatimAround is how many words around a denial are compared, on each side.
	verbatimAround = 6
	// verbatimLeast is how many of them must stand in the answer, the ends of a sentence counting as words.
	verbatimLeast = 4
)

// affirmations are what a denial becomes when it is taken back, beside being left out.
var affirmations = map[string]string{"cannot": "can", "can't": "can", "won't": "will", "without": "with", "never": "always", "no": "a", "not": "", "n't": ""}

// affirms: c repeats word by word what the windows deny, without the denial: a copied sentence that lost its "not".
// A source that says those words itself, without denying them, clears it; conditions and exceptions may turn a denial around.
func (m *matcher) affirms(c claim, windows []window) bool {
	said := spoken(c.text)
	for _, w := range windows {
		for at := w.from; at < w.to; at++ {
			text := m.reading(w.source, at).text
			if strings.HasSuffix(text, "?") || !negated(text) || restricted(text) && !restricted(c.text) {
				continue
			}
			if m.takenBack(c, said, spoken(text)) {
				return true
			}
		}
	}
	return false
}

// spoken are the words and numbers of text between two marks of its ends.
func spoken(text string) []token {
	out := []token{{kind: mark, low: "^"}}
	for _, t := range tokens(text) {
		if t.kind != mark {
			t.low = strings.ReplaceAll(t.low, "’", "'")
			out = append(out, t)
		}
	}
	return append(out, token{kind: mark, low: "$"})
}

// takenBack: said holds what stands around a denial of text, and not the denial.
func (m *matcher) takenBack(c claim, said, text []token) bool {
	for i, t := range text {
		instead, known := affirmation(t)
		if !known || idle(text, i) {
			continue
		}
		for j := 1; j < len(said); j++ {
			if _, kept := affirmation(said[j-1]); kept { // written otherwise, or twice denied
				continue
			}
			next := j // of the words after the denial
			if instead != "" && said[j].low == instead {
				next++
			}
			before, after := matching(said[:j], text[:i], true), matching(said[next:], text[i+1:], false)
			if after == 0 || before+after < verbatimLeast || !m.telling(said[next:min(next+after, len(said))]) {
				continue
			}
			if !deniedAt(c, said[min(next, len(said)-2)].start) && !m.saysItself(said[max(j-before, 1):min(next+after, len(said)-1)]) {
				return true
			}
		}
	}
	return false
}

// affirmation is what t would be without its denial; only plain words of denying count.
func affirmation(t token) (instead string, known bool) {
	if instead, known = affirmations[t.low]; known {
		return instead, true
	}
	return strings.CutSuffix(t.low, "n't")
}

// matching counts how many words of a and b agree from their ends, or from their beginnings.
func matching(a, b []token, fromEnd bool) int {
	n := 0
	for n < min(len(a), len(b), verbatimAround) {
		x, y := n, n
		if fromEnd {
			x, y = len(a)-1-n, len(b)-1-n
		}
		if a[x].low != b[y].low {
			break
		}
		n++
	}
	return n
}

// telling: there is more in the words than grammar.
func (m *matcher) telling(words []token) bool {
	return slices.ContainsFunc(words, func(t token) bool { return t.kind != mark && len(m.analyze(t.low)) > 0 })
}

// deniedAt: the clause of c at that place denies something.
func deniedAt(c claim, at int) bool {
	return slices.ContainsFunc(c.clauses, func(cl clause) bool { return cl.start <= at && at < cl.end && cl.negative })
}

// saysItself: a source holds the words in a row, and no denial before them.
func (m *matcher) saysItself(words []token) bool {
	for s, units := range m.units {
		for at := range units {
			text := spoken(m.reading(s, at).text)
			for i := 1; i+len(words) < len(text); i++ {
				if _, denied := affirmation(text[i-1]); !denied && slices.EqualFunc(words, text[i:i+len(words)], func(a, b token) bool { return a.low == b.low }) {
					return true
				}
			}
		}
	}
	return false
}
