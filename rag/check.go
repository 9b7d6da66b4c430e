package rag

import (
	"slices"
	"strings"
)

// check says what the windows are worth for a claim. sum is what they hold together.
func (m *matcher) check(c claim, wanted wants, sum profile, windows []window) Verdict {
	figures, held := len(c.figures), m.given(c, windows)
	support := wanted.holds(c, sum)
	switch {
	case figures > 0 && held == 0 || support < partlyAt && (figures == 0 || held < figures):
		return Unsupported
	case held < figures || support < supportedAt && (c.content > 0 || support < partlyAt):
		return Partly
	case !m.namesHeld(c, windows), m.denied(c, sum, windows), m.misplaced(c, windows):
		return Partly
	}
	return Supported
}

// given counts the figures of c that the windows give.
func (m *matcher) given(c claim, windows []window) int {
	n := 0
	for _, f := range c.figures {
		if m.gives(c, windows, f) {
			n++
		}
	}
	return n
}

// asks: the question holds the figure.
func (m *matcher) asks(f figure) bool {
	return slices.ContainsFunc(m.question.clauses, func(c clause) bool {
		return slices.ContainsFunc(c.figures, func(q figure) bool { return f.same(q, nil) })
	})
}

// gives: one of the windows holds the figure.
func (m *matcher) gives(c claim, windows []window, f figure) bool {
	for _, w := range windows {
		for at := w.from; at < w.to; at++ {
			if m.otherRow(c, w.source, at) {
				continue
			}
			for _, cl := range m.reading(w.source, at).clauses {
				if m.holdsFigure(w.source, at, cl, f) {
					return true
				}
			}
		}
	}
	return false
}

// giving is the unit that gives f and shares most with the claim and the question.
func (m *matcher) giving(c claim, f figure, held [][]profile) (best window, found bool) {
	most := 0
	for s, units := range m.units {
		for at := range units {
			w := window{source: s, from: at, to: at + 1}
			if n := held[s][at].terms.count() + held[s][at].question.count(); n > most && m.gives(c, []window{w}, f) {
				best, most, found = w, n, true
			}
		}
	}
	return best, found
}

// otherRow: the unit is the row of a table, and c names another one.
func (m *matcher) otherRow(c claim, source, at int) bool {
	u, named := m.units[source][at], false
	if !u.row {
		return false
	}
	for term := range c.terms {
		if m.tables[source].labels.has(term) {
			if u.terms.has(term) {
				return false
			}
			named = true
		}
	}
	return named
}

// holdsFigure: the clause, of the unit at a place of a source, gives f.
func (m *matcher) holdsFigure(source, at int, cl clause, f figure) bool {
	var elsewhere func(kind string) bool
	if m.units[source][at].row {
		elsewhere = func(kind string) bool { return m.mentions(source, kind) }
	}
	return slices.ContainsFunc(cl.figures, func(have figure) bool { return f.same(have, elsewhere) })
}

// mentions: a unit of the kind stands in the question or around the rows of the source.
func (m *matcher) mentions(source int, kind string) bool {
	for term := range m.about {
		if kindOf(term) == kind {
			return true
		}
	}
	around := m.tables[source].around
	for i := range around.len() {
		if kindOf(around.at(i)) == kind {
			return true
		}
	}
	return false
}

// namesHeld: each proper name of c stands in the windows, in the header of their source, or in the question.
func (m *matcher) namesHeld(c claim, windows []window) bool {
	for _, cl := range c.clauses {
		for _, n := range cl.names {
			for _, term := range n.terms {
				if !m.about[term] && !m.holdsTerm(windows, term) {
					return false
				}
			}
		}
	}
	return true
}

func (m *matcher) holdsTerm(windows []window, term string) bool {
	for _, w := range windows {
		if m.tables[w.source].header.has(term) {
			return true
		}
		for at := w.from; at < w.to; at++ {
			u := m.units[w.source][at]
			if len(term) > 4 && strings.Contains(squashed(m.sources[w.source].Passage.Text[u.start:u.end]), squashed(term)) {
				return true
			}
			if u.terms.has(term) || u.row && m.tables[w.source].around.has(term) {
				return true
			}
		}
	}
	return false
}

// squashed is text without spaces, hyphens and accents: "South East" holds "southeast".
func squashed(text string) string { return squasher.Replace(strings.ToLower(text)) }

var squasher = strings.NewReplacer(" ", "", "-", "", "\n", "", "á", "a", "à", "a", "â", "a", "ä", "a", "å", "a", "ã", "a", "ç", "c", "é", "e", "è", "e", "ê", "e", "ë", "e",
	"í", "i", "ì", "i", "î", "i", "ï", "i", "ñ", "n", "ó", "o", "ò", "o", "ô", "o", "ö", "o", "õ", "o", "ø", "o", "ú", "u", "ù", "u", "û", "u", "ü", "u", "š", "s", "ž", "z")

// denied: c denies what the windows say, or the other way round.
func (m *matcher) denied(c claim, sum profile, windows []window) bool {
	if c.negative && !sum.negative && !m.restricts(windows) {
		return true
	}
	if m.openingDenied(c, windows) || m.affirms(c, windows) {
		return true
	}
	for _, cl := range c.clauses {
		if m.clauseDenied(c, cl, windows) {
			return true
		}
	}
	return false
}

// restricts: the windows say "only", which denies everything else.
func (m *matcher) restricts(windows []window) bool {
	for _, w := range windows {
		for at := w.from; at < w.to; at++ {
			if restricted(m.reading(w.source, at).text) {
				return true
			}
		}
	}
	return false
}

func restricted(text string) bool {
	words := wordsIn(text)
	return words["only"] || words["unless"] || words["except"] || words["instead"] || words["solely"]
}

// nearest are the clauses of the sources, or of the windows when there are any,
// that are most like one with those terms, what the units say that they stand in, and how many terms the best of them shares.
func (m *matcher) nearest(terms []string, windows []window) (found []clause, texts []string, shared int) {
	best := 0.0
	for s, units := range m.units {
		for at := range units {
			r := m.reading(s, at)
			if strings.HasPrefix(r.text, "#") || strings.HasSuffix(r.text, "?") || windows != nil && !slices.ContainsFunc(windows, func(w window) bool { return w.source == s && w.from <= at && at < w.to }) {
				continue
			}
			for _, e := range r.clauses {
				n := commonTerms(terms, e.terms)
				like := share(n, len(terms)+len(e.terms)-n)
				if n == 0 || like < likeness*best {
					continue
				}
				if likeness*like > best {
					found, texts = nil, nil
				}
				if like > best {
					best, shared = like, n
				}
				found, texts = append(found, e), append(texts, r.text)
			}
		}
	}
	return found, texts, shared
}

// likeness is the share of the best likeness from which a clause is as near as the best.
const likeness = 0.9

// clauseDenied compares a clause with those of the sources that are nearest to
// it; where several are, one that agrees is enough.
func (m *matcher) clauseDenied(c claim, cl clause, windows []window) bool {
	near, texts, shared := m.nearest(cl.terms, nil)
	text := c.text[cl.start:cl.end]
	if len(cl.terms) == 1 && (cl.verb || strings.HasPrefix(text, "but with")) {
		return m.wordDenied(cl, windows)
	}
	if !cl.negative && !cl.verb && len(cl.terms) < 5 {
		return false
	}
	if shared < 2 || 2*shared < len(cl.terms) || !cl.negative && restricted(text) {
		return false
	}
	for i, e := range near {
		agree := cl.negative == e.negative || cl.negative && restricted(texts[i])
		if opposed(text, texts[i]) {
			agree = !agree
		}
		if agree && !cl.negative && (cl.must && !cl.may && e.may && !e.must || cl.may && !cl.must && e.must && !e.may) {
			agree = false
		}
		if agree {
			return false
		}
	}
	return true
}

// wordDenied compares a clause of one word, such as "can be returned", with
// the clauses of the windows that hold the word.
func (m *matcher) wordDenied(cl clause, windows []window) bool {
	found := false
	for _, w := range windows {
		for at := w.from; at < w.to; at++ {
			for _, e := range m.reading(w.source, at).clauses {
				if commonTerms(cl.terms, e.terms) == 0 {
					continue
				}
				if e.negative == cl.negative {
					return false
				}
				found = true
			}
		}
	}
	return found
}

// openingDenied: the answer opens with a yes or no that does not go with what follows, or with the windows.
func (m *matcher) openingDenied(c claim, windows []window) bool {
	if c.opening == "" || len(m.question.clauses) == 0 {
		return false
	}
	parts := sentences(m.question.text)
	var asked clause // the longest of the last sentence
	for _, cl := range m.question.clauses {
		if cl.start >= parts[len(parts)-1].start && len(cl.terms) >= len(asked.terms) {
			asked = cl
		}
	}
	yes := c.opening == "yes"
	if len(c.clauses) > 0 && !asked.negative {
		first := c.clauses[0]
		if yes && first.negative {
			return true
		}
		if !yes && !c.negative && (first.may && asked.may || first.must && asked.must || len(first.figures) > 0 && !first.verb) && !m.restricts(windows) {
			return true
		}
	}
	near, texts, shared := m.nearest(asked.terms, windows)
	if shared < 2 || 2*shared < len(asked.terms) || !yes && (shared < 3 || 5*shared < 4*len(asked.terms)) {
		return false // a "no" may be followed by what is so instead, which shares much with the question
	}
	for i, e := range near {
		if (e.negative == asked.negative) == yes || !yes && (restricted(texts[i]) || negated(texts[i])) {
			return false
		}
	}
	return true
}

func commonTerms(a, b []string) int {
	n := 0
	for _, t := range a {
		if _, found := slices.BinarySearch(b, t); found {
			n++
		}
	}
	return n
}
