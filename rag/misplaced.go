package rag

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// misplaced: a figure or name of c stands in the sources, but with something
// else: what stands where c's other words are is another one of its kind.
func (m *matcher) misplaced(c claim, windows []window) bool {
	var called []string // terms of all names
	for _, cl := range c.clauses {
		for _, n := range cl.names {
			called = append(called, n.terms...)
		}
	}
	for _, cl := range c.clauses {
		for _, f := range cl.figures {
			if !m.asks(f) && m.elsewhere(c, windows, m.setting(c, cl, append(m.analyze(f.low), f.text), nil), detail{
				in:    func(source, at int, e clause) bool { return m.holdsFigure(source, at, e, f) },
				rival: func(e clause) bool { return m.otherFigure(c, e, f) }, factor: figureFactor, near: f.dated || f.kind == calendar,
			}) {
				return true
			}
		}
		for _, n := range cl.names {
			around := m.setting(c, cl, n.terms, called)
			if !m.known(n) && len(c.terms) > len(n.terms) && !acronym(n.text) && m.elsewhere(c, windows, around, detail{
				in:    func(_, _ int, e clause) bool { return commonTerms(n.terms, e.terms) > 0 },
				rival: func(e clause) bool { return m.otherName(c, e) }, factor: nameFactor, name: true, near: true,
			}) {
				return true
			}
		}
	}
	return false
}

// detail is a figure or name that is looked for in clauses.
type detail struct {
	in     func(source, at int, e clause) bool // e holds it
	rival  func(e clause) bool                 // e holds another of its kind, of which the claim says nothing
	factor float64                             // how much more must stand around a rival
	name   bool
	near   bool // only passages that the claim is tied to count
}

// setting is what stands around a detail: in its clause, and in the rest of the claim; in the question too when the claim is short.
type setting struct{ near, far []string }

// setting leaves out the detail's own terms, and others in the rest of the claim.
func (m *matcher) setting(c claim, cl clause, own, others []string) setting {
	var out setting
	for _, t := range cl.terms {
		if !slices.Contains(own, t) && !isMeasure(t) {
			out.near = append(out.near, t)
		}
	}
	rest := keys(c.terms)
	if c.content < asksBelow {
		rest = append(rest, keys(m.about)...)
	}
	for _, t := range rest {
		if !slices.Contains(own, t) && !isMeasure(t) && !slices.Contains(others, t) && !slices.Contains(out.near, t) && !slices.Contains(out.far, t) {
			out.far = append(out.far, t)
		}
	}
	slices.Sort(out.far)
	return out
}

const (
	// rivalMargin and a factor are how much more of a claim must stand around
	// another figure or name. All figures here were chosen on the handbook, the
	// sample and clapnq (docs/adr/0022).
	rivalMargin  = 0.6
	figureFactor = 1.1
	nameFactor   = 1.25
	// asksBelow is how many terms a claim has at least that says by itself what it is about.
	asksBelow = 4
)

// elsewhere compares the clauses that hold d with those that hold a rival, by
// what they and their sentences share with what stands around d in the claim.
func (m *matcher) elsewhere(c claim, windows []window, around setting, d detail) bool {
	own, other := -1.0, -1.0
	for s := range m.units {
		if d.near && !slices.ContainsFunc(windows, func(w window) bool { return w.source == s }) {
			continue
		}
		o, r := m.compare(c, s, around, d)
		own, other = max(own, o), max(other, r)
	}
	return own >= 0 && other > d.factor*own+rivalMargin
}

// compare gives the best score of a clause of the source that holds d, and of one with a rival; -1 when there is none.
// A list holds d when the line that introduces it does, and of names so does a whole sentence, also
// through a pronoun for what stood before.
func (m *matcher) compare(c claim, source int, around setting, d detail) (own, other float64) {
	own, other = -1, -1
	told, led := false, false
	for at := range m.units[source] {
		r := m.reading(source, at)
		holds := slices.ContainsFunc(r.clauses, func(e clause) bool { return d.in(source, at, e) })
		if !opensBlock(r.text) {
			led = holds && strings.HasSuffix(r.text, ":")
		}
		all := led || d.name && (holds || told && pronoun(r.text))
		told = told || holds
		sentence := m.sentenceScore(c, source, at, around)
		for _, e := range r.clauses {
			score := sentence + m.clauseScore(c, e, around)
			switch {
			case all || d.in(source, at, e):
				own = max(own, score)
			case score > other && !m.titles(source, at) && d.rival(e):
				other = score
			}
		}
	}
	return own, other
}

func (m *matcher) sentenceScore(c claim, source, at int, around setting) float64 {
	u, score := m.units[source][at], 0.0
	has := func(t string) float64 {
		switch {
		case u.terms.has(t):
			return 1
		case u.row && m.tables[source].around.has(t):
			return 0.5
		}
		return 0
	}
	for _, t := range around.near {
		score += has(t) * m.weight(c, t)
	}
	for _, t := range around.far {
		score += has(t) * m.rarity(t) / 2
	}
	return score
}

func (m *matcher) clauseScore(c claim, e clause, around setting) float64 {
	score := 0.0
	for _, t := range e.terms {
		if _, near := slices.BinarySearch(around.near, t); near {
			score += m.weight(c, t)
		} else if _, far := slices.BinarySearch(around.far, t); far {
			score += m.rarity(t) / 2
		}
	}
	return score
}

// weight of a term that stands near: less when the question holds it, which
// says what everything here is about, unless the claim says little by itself.
func (m *matcher) weight(c claim, term string) float64 {
	if m.about[term] && c.content >= asksBelow {
		return m.rarity(term) / 2
	}
	return m.rarity(term)
}

// isMeasure: every figure of a kind has such words about it.
func isMeasure(term string) bool {
	return kindOf(term) != "" || term == "per" || term == "least" || term == "maximum" || term == "minimum"
}

// pronoun: the text opens with a word that stands for a name before it.
func pronoun(text string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(text, "'\"` -*"), " ")
	return slices.Contains([]string{"he", "she", "it", "they", "his", "her", "its", "their", "this", "these"}, strings.ToLower(first))
}

// titles: the unit names the columns of the rows below it.
func (m *matcher) titles(source, at int) bool {
	units := m.units[source]
	if at+1 >= len(units) || !units[at+1].row {
		return false
	}
	return !units[at].row || (at == 0 || !units[at-1].row) && strings.Contains(m.reading(source, at).text, "|")
}

// rarity is 1 for a term of one unit of all sources and less for one of many.
func (m *matcher) rarity(term string) float64 {
	if r, known := m.rare[term]; known {
		return r
	}
	n := 0
	for _, units := range m.units {
		for _, u := range units {
			if u.terms.has(term) {
				n++
			}
		}
	}
	r := 1 / (1 + 0.5*math.Log(float64(max(n, 1))))
	m.rare[term] = r
	return r
}

// otherFigure: e holds a figure of f's kind that neither the claim nor the question has.
func (m *matcher) otherFigure(c claim, e clause, f figure) bool {
	return slices.ContainsFunc(e.figures, func(o figure) bool {
		if o.kind != f.kind || f.noun != "" && o.noun != "" && !alike(f.noun, o.noun) {
			return false
		}
		return !m.asks(o) && !slices.ContainsFunc(c.figures, func(own figure) bool { return own.same(o, nil) })
	})
}

// alike: day and days, but not day and date.
func alike(a, b string) bool {
	n := min(len(a), len(b))
	return n >= 3 && a[:n-1] == b[:n-1]
}

// otherName: e holds a name of which no word is in the claim or the question.
// Acronyms count for nothing: they stand beside what they abbreviate.
func (m *matcher) otherName(c claim, e clause) bool {
	return slices.ContainsFunc(e.names, func(o nameSpan) bool {
		if acronym(o.text) {
			return false
		}
		return !slices.ContainsFunc(o.terms, func(t string) bool { return c.terms[t] || m.about[t] })
	})
}

// acronym: GSA, but neither Leave nor AX-220.
func acronym(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsUpper(r) })
}

// known: the question holds the name.
func (m *matcher) known(n nameSpan) bool {
	return !slices.ContainsFunc(n.terms, func(t string) bool { return !m.about[t] })
}
