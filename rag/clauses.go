package rag

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clause is a part of a sentence that says one thing.
type clause struct {
	span
	terms    []string // sorted, without repetitions and without words that deny
	figures  []figure
	names    []nameSpan
	negative bool // it denies what its terms say
	verb     bool // it has one of the common verbs
	must     bool // it demands
	may      bool // it permits
}

// nameSpan is a proper name or an identifier.
type nameSpan struct {
	text  string
	terms []string
}

// reading is a text, understood as far as the checks need it.
type reading struct {
	text    string
	clauses []clause
}

// read cuts text, one sentence or several, into clauses.
func read(text string, analyze Analyze) reading {
	toks := tokens(text)
	figs := figures(text, toks)
	return readParts(text, toks, figs, cutClauses(toks, figs), analyze)
}

// readRow reads the row of a table, which is one clause unless it holds sentences.
func readRow(text string, analyze Analyze) reading {
	toks := tokens(text)
	if slices.ContainsFunc(toks, func(t token) bool { return denies(t) || slices.Contains(verbs, t.low) }) {
		return read(text, analyze)
	}
	return readParts(text, toks, figures(text, toks), []span{{0, len(toks)}}, analyze)
}

func readParts(text string, toks []token, figs []figure, parts []span, analyze Analyze) reading {
	called := properNames(text, toks, analyze)
	out := reading{text: text}
	for _, c := range parts {
		part := toks[c.start:c.end]
		if len(part) == 0 {
			continue
		}
		cl := clause{span: span{part[0].start, part[len(part)-1].end}}
		cl.understand(text, part, analyze)
		for _, f := range figs {
			if f.at >= c.start && f.at < c.end {
				cl.figures = append(cl.figures, f)
			}
		}
		for _, n := range called {
			if n.start >= cl.start && n.start < cl.end {
				cl.names = append(cl.names, n.nameSpan)
			}
		}
		out.clauses = append(out.clauses, cl)
	}
	return out
}

// parting words begin a clause; joining ones do when what stands on both sides could be one.
var (
	parting = strings.Fields("but however although though because if when while whereas unless until so since except without")
	joining = strings.Fields("and or nor")
	verbs   = strings.Fields("is are was were be been am can may must shall will should could would might do does did has have had cannot isn't aren't don't doesn't won't can't need needs")
)

// cutClauses gives from and to (exclusive) in tokens.
func cutClauses(toks []token, figs []figure) []span {
	var out []span
	soft := []bool{} // whether out[i] only begins with "and"
	start, softly := 0, false
	flush := func(end, next int, nextSoft bool) {
		if end > start {
			out, soft = append(out, span{start, end}), append(soft, softly)
		}
		start, softly = next, nextSoft
	}
	for i, t := range toks {
		switch {
		case t.low == ":" && titled(toks[start:i]), t.low == "," && i > 0 && toks[i-1].kind == numeral && i+1 < len(toks) && toks[i+1].kind == numeral: // May 3, 2024
		case t.low == "." && i > 0 && toks[i-1].low == "no" && i+1 < len(toks) && toks[i+1].kind == numeral: // No. 16
		case t.kind == mark && (boundary(t.low, ",;:.!?–—|") || t.low == "-" && loose(toks, i) || t.low == "(" && longAside(toks, i)):
			flush(i, i+1, t.low == "," && i+1 < len(toks) && !slices.Contains(joining, toks[i+1].low) && softly)
		case t.kind == word && slices.Contains(parting, t.low):
			flush(i, i, false)
		case t.kind == word && slices.Contains(joining, t.low):
			flush(i, i, true)
		}
	}
	flush(len(toks), 0, false)
	whole := func(s span) bool {
		return slices.ContainsFunc(toks[s.start:s.end], func(t token) bool { return slices.Contains(verbs, t.low) }) ||
			slices.ContainsFunc(figs, func(f figure) bool { return f.at >= s.start && f.at < s.end })
	}
	var joined []span
	for i, s := range out {
		if last := len(joined) - 1; last >= 0 && soft[i] && joined[last].end == s.start && (!whole(s) || !whole(joined[last])) {
			joined[last].end = s.end
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

func boundary(low, marks string) bool { return strings.Contains(marks, low) }

// titled: what stands before a colon only names what follows, as in "ASL interpreter: at least 72 hours".
func titled(part []token) bool {
	return len(part) <= 6 && !slices.ContainsFunc(part, func(t token) bool { return denies(t) || slices.Contains(verbs, t.low) })
}

// loose: the token at i stands by itself, as a dash does.
func loose(toks []token, i int) bool {
	return i > 0 && i+1 < len(toks) && (toks[i-1].end < toks[i].start || toks[i-1].kind == mark) && toks[i].end < toks[i+1].start && toks[i+1].kind == word
}

// longAside: the parenthesis that opens at i holds more than four tokens, or says something.
func longAside(toks []token, i int) bool {
	for j := i + 1; j < len(toks); j++ {
		if toks[j].low == ")" {
			return j > i+5
		}
		if denies(toks[j]) || slices.Contains(verbs, toks[j].low) {
			return true
		}
	}
	return true
}

// understand fills in terms and polarity.
func (c *clause) understand(text string, part []token, analyze Analyze) {
	var plain strings.Builder
	for i, t := range part {
		if denies(t) && !idle(part, i) {
			c.verb = c.verb || strings.HasSuffix(t.low, "t")
			c.negative = !c.negative
			plain.WriteString(denials[t.low] + " ")
			continue
		}
		c.verb = c.verb || slices.Contains(verbs, t.low)
		c.must = c.must || t.low == "have" && i+1 < len(part) && part[i+1].low == "to" || slices.Contains(demands, t.low)
		c.may = c.may || slices.Contains(permits, t.low)
		plain.WriteString(text[t.start:t.end] + " ")
		if t.kind == identifier {
			c.terms = append(c.terms, analyze(text[t.start:t.end])...)
		}
	}
	c.terms = append(c.terms, analyze(loosened(plain.String()))...)
	slices.Sort(c.terms)
	c.terms = slices.Compact(c.terms)
}

// idle: "not only", "no later than", "not more than" and "No. 16" deny nothing.
func idle(part []token, i int) bool {
	if part[i].low != "not" && part[i].low != "no" || i+1 >= len(part) {
		return false
	}
	if part[i].low == "no" && (part[i+1].kind == numeral || part[i+1].low == "." && i+2 < len(part) && part[i+2].kind == numeral) {
		return true
	}
	return part[i+1].low == "only" || i+2 < len(part) && part[i+2].low == "than"
}

// denials turn what a clause says into its opposite; some stand for the opposite of another word.
var denials = map[string]string{
	"not": "", "no": "", "never": "", "none": "", "neither": "", "nor": "", "nobody": "", "nothing": "", "nowhere": "", "without": "", "cannot": "",
	"n't": "", "hardly": "",
	"prohibited": "allowed", "prohibits": "allowed", "prohibit": "allowed", "forbidden": "allowed", "forbids": "allowed", "banned": "allowed", "disallowed": "allowed",
	"unable": "able", "impossible": "possible", "unavailable": "available", "ineligible": "eligible", "unnecessary": "necessary",
	"excluded": "included", "excludes": "includes", "disabled": "enabled", "disables": "enables", "lacks": "has", "refuses": "accepts", "rejects": "accepts",
}

var (
	demands = strings.Fields("must shall required mandatory obligatory compulsory need needs")
	permits = strings.Fields("may can could allowed permitted optional optionally voluntary entitled eligible")
)

// opposites are pairs of words of which one denies the other.
var opposites = func() map[string]string {
	out := map[string]string{}
	for _, pair := range []string{
		"before after", "increase decrease", "increased decreased", "increases decreases", "minimum maximum", "most least", "more fewer", "more less", "longer shorter",
		"above below", "earlier later", "earliest latest", "higher lower", "highest lowest", "largest smallest", "open closed", "opens closes", "first last",
		"start end", "starts ends", "begins ends", "win lose", "won lost", "buy sell", "internal external", "inside outside", "oldest youngest",
		"older younger", "import export", "north south", "east west", "northern southern", "eastern western", "left right", "upper lower", "enabled disabled",
		"cheaper dearer", "faster slower", "public private", "required optional", "mandatory optional", "mandatory voluntary", "exceed below", "forfeit keep",
	} {
		a, b, _ := strings.Cut(pair, " ")
		out[a], out[b] = b, a
	}
	return out
}()

// opposed tells whether one text has a word of which the other has only the opposite.
func opposed(a, b string) bool {
	ours, theirs := wordsIn(a), wordsIn(b)
	for w := range ours {
		if o := opposites[w]; o != "" && theirs[o] && !theirs[w] && !ours[o] {
			return true
		}
	}
	return false
}

func wordsIn(text string) map[string]bool {
	out := map[string]bool{}
	for _, t := range tokens(text) {
		out[t.low] = true
	}
	return out
}

// negated reports whether text denies something.
func negated(text string) bool {
	toks := tokens(text)
	for i, t := range toks {
		if denies(t) && !idle(toks, i) {
			return true
		}
	}
	return false
}

func denies(t token) bool {
	_, known := denials[t.low]
	return known || t.kind == word && (strings.HasSuffix(t.low, "n't") || strings.HasSuffix(t.low, "n’t"))
}

// loosened makes the parts of a compound words of their own: Half-Sack, and/or.
func loosened(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '/' || r == '_' {
			return ' '
		}
		return r
	}, text)
}

type placedName struct {
	nameSpan
	start int
}

// properNames are the runs of words with a capital that open no sentence, and
// identifiers. A run of two or more may open one.
func properNames(text string, toks []token, analyze Analyze) []placedName {
	var out []placedName
	opens := true
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		if t.kind == mark || t.kind == numeral {
			opens = boundary(t.low, ".!?:") && t.kind == mark || opens && t.kind == mark
			continue
		}
		if !capital(text, t) || opens && t.kind == word && len(analyze(t.low)) == 0 || slices.Contains(noNames, t.low) {
			opens = false
			continue
		}
		j := i + 1
		for j < len(toks) && toks[j].kind != numeral && (capital(text, toks[j]) || toks[j].low == "-" && toks[j-1].end == toks[j].start) && toks[j].start <= toks[j-1].end+1 {
			j++
		}
		if t.kind == identifier || !opens || j-i > 1 || innerCapital(text[t.start:t.end]) {
			name := text[t.start:toks[j-1].end]
			terms := analyze(loosened(name))
			if t.kind == identifier && j == i+1 {
				terms = analyze(name)[:1] // as a whole
			}
			if len(terms) > 0 && monthNumbers[t.low] == 0 && weekday(t.low) < 0 {
				out = append(out, placedName{nameSpan{name, terms}, t.start})
			}
		}
		i, opens = j-1, false
	}
	return out
}

// noNames are in capitals and no names.
var noNames = append([]string{"am", "pm"}, currencies...)

// innerCapital: PeopleOps, but neither Leave nor GSA.
func innerCapital(w string) bool {
	return strings.ToUpper(w) != w && strings.ContainsFunc(w[1:], unicode.IsUpper)
}

func capital(text string, t token) bool {
	r, _ := utf8.DecodeRuneInString(text[t.start:])
	return unicode.IsUpper(r) && t.kind != mark
}
