package draft

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// span is a sentence or a row of a table that a question can be about.
type span struct {
	doc     Document
	age     age
	passage rag.Passage
	quote   string // verbatim, in one passage of the document
	table   string // the cell in words: row, column and value; empty for a sentence
	value   string // of the cell
}

func (s span) origin() Origin {
	return Origin{DocumentID: s.doc.ID, Path: s.doc.Path, Version: s.doc.Version, ChunkID: s.passage.ChunkID, Quote: s.quote}
}

// says is the span in words that stand by themselves.
func (s span) says() string {
	if s.table != "" {
		return s.table
	}
	return bare(s.quote)
}

var bullet = regexp.MustCompile(`^(?:[-*•]|\d+[.)])\s+`)

// bare is a sentence in one line, without the mark of a list.
func bare(sentence string) string {
	return bullet.ReplaceAllString(strings.Join(strings.Fields(sentence), " "), "")
}

// about is what the span's passage is about: title and headings.
func (s span) about() string {
	if s.passage.Header != "" {
		first, _, _ := strings.Cut(s.passage.Header, "\n")
		return first
	}
	return s.doc.Path
}

var (
	vague   = regexp.MustCompile(`^(?i:it|this|that|these|those|they|he|she|there|here|then|otherwise|such|both|see|if not|in this case|in that case)\b`)
	figure  = regexp.MustCompile(`\d`)
	binding = regexp.MustCompile(`(?i)\b(must|may|can|cannot|only|always|never|not|every|needs?|has to|have to)\b`)
)

// spansOf are the sentences and table cells of a document that say something that can be asked for.
func spansOf(d Document) (sentences, cells []span) {
	when := ageOf(d)
	for _, p := range d.Passages {
		columns := splitRow(lastLine(p.Header))
		for _, line := range rag.Sentences(p.Text) {
			row := splitRow(line)
			if row == nil {
				columns = nil // what follows is another table
				if s := (span{doc: d, age: when, passage: p, quote: line}); s.sayable() {
					sentences = append(sentences, s)
				}
				continue
			}
			if strings.Trim(strings.Join(row, ""), "-: ") == "" {
				continue
			}
			if len(columns) != len(row) {
				columns = row
				continue
			}
			cells = append(cells, rowCells(d, p, line, columns, row)...)
		}
	}
	return sentences, cells
}

func rowCells(d Document, p rag.Passage, line string, columns, row []string) []span {
	var out []span
	if slices.Equal(columns, row) || row[0] == "" {
		return nil
	}
	for i := 1; i < len(row); i++ {
		if len(row[i]) < 2 && !figure.MatchString(row[i]) || columns[i] == "" || len(row[i]) > 120 {
			continue
		}
		first := columns[0]
		if first != "" {
			first += " "
		}
		out = append(out, span{doc: d, age: ageOf(d), passage: p, quote: strings.TrimSpace(line), value: row[i],
			table: first + row[0] + ", " + columns[i] + ": " + row[i]})
	}
	return out
}

// splitRow are the cells of a row of a table; nil when the line is none.
func splitRow(line string) []string {
	if !strings.Contains(line, " | ") && !strings.HasPrefix(line, "|") {
		return nil
	}
	parts := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], " *_`")
	}
	return parts
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// fullLine is how long a line is at least in whose middle a sentence goes on.
const fullLine = 50

// sayable: a whole sentence that stands by itself and says something hard.
func (s span) sayable() bool {
	words := strings.Fields(s.quote)
	if len(words) < 7 || len(words) > 45 || strings.HasPrefix(s.quote, "#") || strings.HasSuffix(s.quote, "?") || strings.HasSuffix(s.quote, ":") {
		return false
	}
	if vague.MatchString(s.quote) || !strings.ContainsAny(s.quote[len(s.quote)-1:], ".!)") {
		return false
	}
	if lines := strings.Split(s.quote, "\n"); len(lines) > 2 && slices.ContainsFunc(lines[1:len(lines)-1], func(l string) bool { return len(l) < fullLine }) {
		return false // a table that was read as text
	}
	if !figure.MatchString(s.quote) && !binding.MatchString(s.quote) && len(names(s.quote)) == 0 {
		return false
	}
	n := 0
	for _, p := range s.doc.Passages {
		n += strings.Count(p.Text, s.quote)
	}
	return n == 1
}

var (
	identifier = regexp.MustCompile(`\b[A-Z]{1,6}-?\d{1,4}[A-Z]?\b`)
	name       = regexp.MustCompile(`\p{Lu}[\p{L}\d-]*`)
	calendar   = regexp.MustCompile(`(?i)^(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|october|november|december)$`)
	yearly     = regexp.MustCompile(`\b(?:19|20)\d\d\b`)
)

// names are words with a capital inside a sentence, and identifiers.
func names(sentence string) []string {
	out := identifier.FindAllString(sentence, -1)
	for _, at := range name.FindAllStringIndex(sentence, -1) {
		word := sentence[at[0]:at[1]]
		before := strings.TrimRight(sentence[:at[0]], " \"“'*_([")
		begins := before == "" || strings.ContainsAny(before[len(before)-1:], ".!?:0123456789-")
		if !begins && len(word) > 2 && !slices.Contains(out, word) && !analyze.IsStop(word) {
			out = append(out, word)
		}
	}
	return out
}

var old = regexp.MustCompile(`(?i)\b(archived?|old|obsolete|superseded|outdated|deprecated|withdrawn|no longer valid|rev(?:ision)?[ -][a-z\d])\b`)

// age is what a document's own words say of how current it is.
type age struct {
	old  bool   // its path or title says so
	year string // the latest that they name
}

func ageOf(d Document) age {
	text := strings.NewReplacer("/", " ", "-", " ", "_", " ").Replace(d.Path)
	if len(d.Passages) > 0 {
		text += " " + d.Passages[0].Header
	}
	return age{old.MatchString(text), slices.Max(append(yearly.FindAllString(text, -1), ""))}
}

// before tells whether a document is an older one than another.
func (a age) before(b age) bool {
	if a.old != b.old {
		return a.old
	}
	return a.year != "" && b.year != "" && a.year < b.year
}

// inTurns orders spans so that documents take turns, in an order of the seed's.
func inTurns(spans []span, rng *rand.Rand) []span {
	by := map[string][]span{}
	var order []string
	for _, s := range spans {
		if by[s.doc.ID] == nil {
			order = append(order, s.doc.ID)
		}
		by[s.doc.ID] = append(by[s.doc.ID], s)
	}
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, id := range order {
		mine := by[id]
		rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
	}
	out := make([]span, 0, len(spans))
	for turn := 0; len(out) < len(spans); turn++ {
		for _, id := range order {
			if turn < len(by[id]) {
				out = append(out, by[id][turn])
			}
		}
	}
	return out
}
