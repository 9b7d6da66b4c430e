package rag

import (
	"slices"
	"unicode/utf8"
)

// Thresholds of the share of a sentence's terms that its spans must hold.
// Chosen on the handbook questions: below partlyAt the overlap is that of any
// two sentences about the same subject.
const (
	supportedAt = 0.5
	partlyAt    = 0.35
	// maxWindow is how many consecutive units (sentences, rows, items) of a passage one citation may cover.
	maxWindow = 3
	// maxRows is the same for rows of a table.
	maxRows = 12
	// maxSpans is how many spans one sentence may be tied to.
	maxSpans = 5
)

// cite ties every sentence of answer to the smallest span of a source that
// supports it, and to more of them where it joins what stands in several
// places. A sentence is supported when its spans hold most of its terms, all of
// its figures and proper names (but those the question already named; a name
// may stand in a passage's header), say of them what it says, and agree on what
// is denied (check). Sentences that nothing supports come back as unsupported.
// When no sentence finds a span, the nearest one is given with verdict
// unsupported, so that a reader sees where the model looked.
func cite(answer, question string, sources []Source, analyze Analyze) (cited []Citation, unsupported [][2]int) {
	m := newMatcher(question, sources, analyze)
	var nearest *Citation
	for _, part := range statements(answer) {
		text := answer[part.start:part.end]
		start := utf8.RuneCountInString(answer[:part.start])
		end := start + utf8.RuneCountInString(text)
		windows, verdict := m.support(text)
		if verdict == Unsupported {
			unsupported = append(unsupported, [2]int{start, end})
		}
		for i, w := range windows {
			c := m.citation(w, start, end, verdict)
			if verdict != Unsupported {
				cited = append(cited, c)
			} else if nearest == nil && i == 0 {
				nearest = &c
			}
		}
	}
	if len(cited) == 0 && nearest != nil {
		cited = append(cited, *nearest)
	}
	return cited, unsupported
}

type matcher struct {
	analyze  Analyze
	sources  []Source
	question reading
	about    map[string]bool // terms of the question
	units    [][]unit        // per source
	tables   []table         // per source
	readings [][]*reading    // of units, when asked for
	rare     map[string]float64
}

func newMatcher(question string, sources []Source, analyze Analyze) *matcher {
	m := &matcher{analyze: analyze, sources: sources, question: read(question, analyze), about: set(analyze(question)), rare: map[string]float64{}}
	for _, s := range sources {
		units := s.Passage.units(analyze)
		m.tables = append(m.tables, s.Passage.table(analyze))
		m.units = append(m.units, units)
		m.readings = append(m.readings, make([]*reading, len(units)))
	}
	return m
}

// reading of a unit of a source.
func (m *matcher) reading(source, at int) *reading {
	r := m.readings[source][at]
	if r == nil {
		u := m.units[source][at]
		full := read
		if u.row {
			full = readRow
		}
		of := full(m.sources[source].Passage.Text[u.start:u.end], m.analyze)
		r = &of
		m.readings[source][at] = r
	}
	return r
}

// window is a run of units of one source.
type window struct {
	source, from, to int // units[source][from:to]
}

// support finds the windows that text is tied to, the best one first, and what they are worth.
func (m *matcher) support(text string) ([]window, Verdict) {
	c := m.claim(text)
	l := m.look(c)
	if !l.extend(func(p profile, size int) float64 { return l.wanted.score(c, p, size) }) {
		return nil, Unsupported
	}
	for _, cl := range c.clauses { // each clause has to stand somewhere
		of := newBitset(len(l.wanted.terms))
		of.fill(l.wanted.terms, wordsOf(slices.Clone(cl.terms)))
		if n := of.count(); n >= 2 && 2*of.without(l.sum.terms).count() > n {
			l.extend(func(p profile, size int) float64 { return covers(p, of, size) })
		}
		if cl.negative && !l.sum.negative {
			l.extend(func(p profile, size int) float64 {
				if !p.negative {
					return 0
				}
				return covers(p, of, size)
			})
		}
	}
	for _, f := range c.figures {
		if !m.gives(c, l.windows, f) {
			l.take(m.giving(c, f, l.held))
		}
	}
	asked := newBitset(len(l.wanted.terms))
	for i, t := range l.wanted.terms {
		if m.about[t] {
			asked.add(i)
		}
	}
	for l.extend(func(p profile, size int) float64 { return gain(l.sum, p, asked, size) }) {
	}
	return l.windows, m.check(c, l.wanted, l.sum, l.windows)
}

// look is the search for the windows of one claim.
type look struct {
	*matcher
	wanted  wants
	held    [][]profile // per source and unit
	labels  []bitset    // per source: terms of the claim that name rows
	windows []window
	sum     profile // what the windows hold together
}

func (m *matcher) look(c claim) *look {
	l := &look{matcher: m, wanted: wants{terms: keys(c.terms), question: keys(m.about)}}
	for _, f := range c.figures {
		key, bare := f.wanted()
		l.wanted.numbers, l.wanted.bare = append(l.wanted.numbers, key), append(l.wanted.bare, bare)
	}
	for s, units := range m.units {
		held, labels := l.wanted.profiles(units, m.tables[s])
		l.held, l.labels = append(l.held, held), append(l.labels, labels)
	}
	l.sum = l.wanted.empty()
	return l
}

// extend adds the window with the highest score above 0, if there is one and room for it.
func (l *look) extend(score func(p profile, size int) float64) bool {
	if len(l.windows) == maxSpans {
		return false
	}
	return l.take(l.best(score))
}

func (l *look) take(w window, found bool) bool {
	if !found || len(l.windows) == maxSpans {
		return false
	}
	l.windows = append(l.windows, w)
	for at := w.from; at < w.to; at++ {
		l.sum.add(l.held[w.source][at])
	}
	return true
}

// best finds the window with the highest score above 0; smaller and earlier wins a tie.
func (l *look) best(score func(sum profile, size int) float64) (best window, found bool) {
	highest := 0.0
	sum := l.wanted.empty()
	for s, units := range l.units {
		for from := range units {
			sum.clear()
			rows := 0
			for to := from + 1; to <= len(units) && (to <= from+maxWindow || rows == to-1-from && to <= from+maxRows); to++ {
				sum.add(l.held[s][to-1])
				if units[to-1].row {
					rows++
				}
				if rows > 0 && !sum.terms.holds(l.labels[s]) {
					continue // another row than the claim's
				}
				if x := score(sum, to-from); x > highest+1e-9 {
					best, highest, found = window{source: s, from: from, to: to}, x, true
				}
			}
		}
	}
	return best, found
}

// score rates a window of so many units that together hold what sum says.
func (w wants) score(c claim, sum profile, size int) float64 {
	numberShare := 0.0
	if len(w.numbers) > 0 {
		numberShare = share(sum.numbers.count(), len(w.numbers))
	}
	return w.holds(c, sum) + 0.5*numberShare + 0.2*share(sum.question.count(), len(w.question)) - 0.04*float64(size-1)
}

// holds is the share of the claim's terms that sum holds; that of a short claim counts the question's too.
func (w wants) holds(c claim, sum profile) float64 {
	held := share(sum.terms.count(), len(w.terms))
	if c.short {
		about := share(sum.question.count(), len(w.question))
		held = (held*float64(len(w.terms)) + about*3) / float64(len(w.terms)+3)
	}
	return held
}

// covers rates a window for one clause of the claim, which has the terms of.
func covers(p profile, of bitset, size int) float64 {
	missing, n := of.without(p.terms).count(), of.count()
	if n-missing < min(2, n) || n == 0 || 2*(n-missing) < n {
		return 0
	}
	return float64(n-missing) + 0.1*float64(p.question.count()) - 0.4*float64(size-1)
}

// gain rates a further window by what have lacks and the question does not say; two things at least.
func gain(have, more profile, asked bitset, size int) float64 {
	terms, numbers := more.terms.without(have.terms).without(asked).count(), more.numbers.without(have.numbers).count()
	shared := more.terms.count() + more.question.count()
	if terms+2*numbers < 2 || shared < 2 {
		return 0
	}
	return float64(terms+2*numbers) - 0.75*float64(size-1) + 0.1*float64(shared)
}

func (m *matcher) citation(w window, answerStart, answerEnd int, verdict Verdict) Citation {
	src := m.sources[w.source]
	units := m.units[w.source]
	from, to := units[w.from].start, units[w.to-1].end
	text := src.Passage.Text
	start := src.Passage.Start + utf8.RuneCountInString(text[:from])
	quote := text[from:to]
	return Citation{
		Source: src.Index, AnswerStart: answerStart, AnswerEnd: answerEnd,
		DocumentID: src.Passage.DocumentID, Start: start, End: start + utf8.RuneCountInString(quote),
		Page: src.Passage.Page, Heading: src.Passage.Heading, Quote: quote, Verdict: verdict,
	}
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func set(items []string) map[string]bool {
	out := make(map[string]bool, len(items))
	for _, it := range items {
		out[it] = true
	}
	return out
}

func keys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
