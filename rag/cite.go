package rag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Thresholds of the share of a sentence's terms that its span must hold.
// Chosen on the sample questions: below partlyAt the overlap is that of any
// two sentences about the same subject.
const (
	supportedAt = 0.6
	partlyAt    = 0.35
	// maxWindow is how many consecutive units (sentences, rows, items) of a passage one citation may cover.
	maxWindow = 3
	// maxRows is the same for rows of a table.
	maxRows = 12
)

// cite ties every sentence of answer to the smallest span of a source that
// supports it. A sentence is supported when the span holds most of its terms,
// all of its numbers and proper names (but those the question already named; a
// name may stand in the passage's header) and agrees on negation. Sentences that nothing supports come back as unsupported. When no
// sentence finds a span, the nearest one is given with verdict unsupported, so
// that a reader sees where the model looked.
func cite(answer, question string, sources []Source, analyze Analyze) (cited []Citation, unsupported [][2]int) {
	m := matcher{analyze: analyze, question: set(analyze(question)), asked: set(numbers(question))}
	for _, s := range sources {
		m.tables = append(m.tables, s.Passage.table(analyze))
		m.units = append(m.units, s.Passage.units(analyze))
	}
	var nearest *Citation
	for _, part := range sentences(answer) {
		text := answer[part.start:part.end]
		claim := m.claim(text)
		if len(claim.terms) == 0 && len(claim.numbers) == 0 && !claim.short {
			continue
		}
		best, ok := m.best(claim)
		start := utf8.RuneCountInString(answer[:part.start])
		end := start + utf8.RuneCountInString(text)
		if !ok {
			unsupported = append(unsupported, [2]int{start, end})
			continue
		}
		c := m.citation(sources, best, start, end)
		if c.Verdict == Unsupported {
			unsupported = append(unsupported, [2]int{start, end})
			if nearest == nil {
				nearest = &c
			}
			continue
		}
		cited = append(cited, c)
	}
	if len(cited) == 0 && nearest != nil {
		cited = append(cited, *nearest)
	}
	return cited, unsupported
}

// claim is one sentence of an answer as it is looked for.
type claim struct {
	terms    map[string]bool
	numbers  map[string]bool
	negative bool
	names    []string // terms of proper names that the question does not hold
	short    bool     // "Yes." and the like: the question says what it is about
}

type matcher struct {
	analyze  Analyze
	question map[string]bool
	asked    map[string]bool
	units    [][]unit // per source
	tables   []table  // per source
}

func (m matcher) claim(text string) claim {
	c := claim{terms: set(m.analyze(text)), numbers: map[string]bool{}, negative: negated(text)}
	for _, t := range names(text, m.analyze) {
		if !m.question[t] {
			c.names = append(c.names, t)
		}
	}
	for _, n := range numbers(text) {
		if !m.asked[n] {
			c.numbers[n] = true
		}
	}
	c.short = len(c.terms) < 3
	return c
}

// window is a run of units of one source.
type window struct {
	source, from, to int // units[source][from:to]
	share            float64
	verdict          Verdict
}

// best finds the window with the highest score; smaller and earlier wins a tie.
func (m matcher) best(c claim) (window, bool) {
	var best window
	bestScore, found := 0.0, false
	wanted := wants{terms: keys(c.terms), question: keys(m.question), numbers: keys(c.numbers)}
	wanted.names = newBitset(len(wanted.terms))
	wanted.names.fill(wanted.terms, wordsOf(c.names))
	sum := wanted.empty()
	for s, units := range m.units {
		header := newBitset(len(wanted.terms))
		header.fill(wanted.terms, m.tables[s].header)
		names := wanted.names.without(header)
		held, labels := wanted.profiles(units, m.tables[s])
		for from := range units {
			sum.clear()
			rows := 0
			for to := from + 1; to <= len(units) && (to <= from+maxWindow || rows == to-1-from && to <= from+maxRows); to++ {
				sum.add(held[to-1])
				if units[to-1].row {
					rows++
				}
				if rows > 0 && !sum.terms.holds(labels) {
					continue // another row than the claim's
				}
				w := window{source: s, from: from, to: to}
				score := wanted.score(c, sum, names, &w)
				if score > bestScore+1e-9 {
					best, bestScore, found = w, score, true
				}
			}
		}
	}
	return best, found
}

// score rates a window whose units together hold what sum says.
func (w wants) score(c claim, sum profile, names bitset, at *window) float64 {
	at.share = share(sum.terms.count(), len(w.terms))
	about := share(sum.question.count(), len(w.question))
	numberShare := 1.0
	if len(w.numbers) > 0 {
		numberShare = share(sum.numbers.count(), len(w.numbers))
	}
	support := at.share
	if c.short {
		support = (at.share*float64(len(w.terms)) + about*3) / float64(len(w.terms)+3)
	}
	at.verdict = verdict(support, numberShare, c.negative && !sum.negative)
	if at.verdict == Supported && !sum.terms.holds(names) {
		at.verdict = Partly
	}
	return support + 0.5*numberShare*min(1, float64(len(w.numbers))) + 0.2*about - 0.04*float64(at.to-at.from-1)
}

func verdict(support, numberShare float64, negationLost bool) Verdict {
	switch {
	case support >= supportedAt && numberShare == 1 && !negationLost:
		return Supported
	case support >= partlyAt && numberShare > 0:
		return Partly
	default:
		return Unsupported
	}
}

func (m matcher) citation(sources []Source, w window, answerStart, answerEnd int) Citation {
	src := sources[w.source]
	units := m.units[w.source]
	from, to := units[w.from].start, units[w.to-1].end
	text := src.Passage.Text
	start := src.Passage.Start + utf8.RuneCountInString(text[:from])
	quote := text[from:to]
	return Citation{
		Source: src.Index, AnswerStart: answerStart, AnswerEnd: answerEnd,
		DocumentID: src.Passage.DocumentID, Start: start, End: start + utf8.RuneCountInString(quote),
		Page: src.Passage.Page, Heading: src.Passage.Heading, Quote: quote, Verdict: w.verdict,
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

// numbers returns the numbers of text in one form: 1,500 and 1500 are the
// same, so are "four" and 4; a percent sign or currency belongs to the reader's eye only.
func numbers(text string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != ','
	}) {
		w = strings.Trim(w, ".,")
		if n, ok := numberWords[w]; ok {
			out = append(out, n)
			continue
		}
		digits := strings.ReplaceAll(w, ",", "")
		if i := strings.IndexFunc(digits, func(r rune) bool { return !unicode.IsDigit(r) && r != '.' }); i > 0 {
			digits = digits[:i] // 20mg, 3rd
		}
		if digits != "" && strings.Trim(digits, "0123456789.") == "" {
			out = append(out, trimZeros(digits))
		}
	}
	return out
}

func trimZeros(n string) string {
	if strings.Contains(n, ".") {
		n = strings.TrimRight(strings.TrimRight(n, "0"), ".")
	}
	if t := strings.TrimLeft(n, "0"); t != "" && t[0] != '.' {
		return t
	}
	return n
}

var numberWords = map[string]string{
	"zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
	"eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18",
	"nineteen": "19", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
	"hundred": "100", "half": "0.5", "twice": "2",
}

// negated reports whether text denies something.
func negated(text string) bool {
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '’' }) {
		switch w {
		case "not", "no", "never", "cannot", "none", "neither", "nor", "without", "prohibited", "forbidden", "isn":
			return true
		}
		if strings.HasSuffix(w, "n't") || strings.HasSuffix(w, "n’t") {
			return true
		}
	}
	return false
}

// names are the terms of words that open with a capital though no sentence begins with them.
func names(text string, analyze Analyze) []string {
	var out []string
	begins := true
	for _, word := range strings.Fields(text) {
		bare := strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if first, _ := utf8.DecodeRuneInString(bare); !begins && unicode.IsUpper(first) {
			out = append(out, analyze(bare)...)
		}
		begins = strings.ContainsAny(word[len(word)-1:], ".!?:")
	}
	return out
}
