package tune

import (
	"regexp"
	"strings"
	"unicode"

	"groundwork/rag"
)

// fact is something a passage says, with a question that it answers.
type fact struct {
	method   string
	question string
	answer   string // in the house style: short sentences, without the mark
	quote    string // the passage's own words
	about    string // words that any question for it must name, such as a table's row and column; empty: two of the quote's
}

// place is what stands around a passage and makes its words understandable.
type place struct {
	title string // of the document
	topic string // the heading it stands under; the title when there is none
}

func placeOf(d Document, p rag.Passage) place {
	title := strings.TrimSuffix(d.Path[strings.LastIndexByte(d.Path, '/')+1:], extension(d.Path))
	title = strings.ReplaceAll(title, "-", " ")
	if len(p.Heading) > 0 {
		title = plain(p.Heading[0])
	}
	topic := title
	if n := len(p.Heading); n > 0 {
		topic = plain(p.Heading[n-1])
	}
	return place{title: title, topic: topic}
}

// within names the topic where it is not the title itself.
func (at place) within() string {
	if at.topic == at.title {
		return ""
	}
	return " (" + at.topic + ")"
}

func extension(path string) string {
	if i := strings.LastIndexByte(path, '.'); i > strings.LastIndexByte(path, '/') {
		return path[i:]
	}
	return ""
}

// factsOf finds what a passage says and a program can ask for: values of keys,
// cells of tables, rules and definitions, and what stands under a heading.
func factsOf(d Document, p rag.Passage) []fact {
	at := placeOf(d, p)
	var out []fact
	for _, f := range append(append(append(keyValues(p, at), cells(p, at)...), rules(p, at)...), underHeading(p, at)...) {
		if sound(f, p) {
			out = append(out, f)
		}
	}
	return out
}

var (
	keyLine = regexp.MustCompile(`^(?:[-*•]\s+|\d+[.)]\s+)?(?:\*\*|__)?([A-Z][\p{L}\d '’/()&-]{1,40}?)(?:\*\*|__)?:(?:\*\*|__)?\s+(\S.{0,160})$`)
	notKeys = regexp.MustCompile(`(?i)^(note|example|important|warning|tip|caution|see|see also|http|https|source|e\.g|for example|remember)$`)
)

// keyValues are lines such as "Phone: extension 4911".
func keyValues(p rag.Passage, at place) []fact {
	var out []fact
	for _, line := range rag.Sentences(p.Text) {
		m := keyLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || notKeys.MatchString(m[1]) || len(strings.Fields(m[1])) > 4 || verbs.MatchString(m[1]) || strings.Contains(m[2], " | ") {
			continue
		}
		key, value := plain(m[1]), strings.TrimRight(plain(m[2]), ".;, ")
		if value == "" || strings.HasSuffix(value, ":") {
			continue
		}
		f := fact{method: "key_value", about: key, quote: strings.TrimSpace(line), answer: key + ": " + value + "."}
		f.question = pick(key+value, "What is given as "+quoted(key)+" under “"+at.topic+"”?",
			at.topic+": what is the "+lower(key)+"?", "What does "+at.title+" name as "+lower(key)+at.within()+"?")
		out = append(out, f)
	}
	return out
}

// cells are those of tables with bars: a column's value for the row that the first cell names.
func cells(p rag.Passage, at place) []fact {
	var out []fact
	columns := splitRow(lastLine(p.Header))
	for _, line := range strings.Split(p.Text, "\n") {
		row := splitRow(line)
		switch {
		case len(row) < 2:
			continue
		case isRule(row):
			continue
		case columns == nil || len(columns) != len(row):
			columns = row
			continue
		}
		for i := 1; i < len(row); i++ {
			if row[i] == "" || row[i] == "-" || row[i] == "–" || row[0] == "" || columns[i] == "" || equal(row, columns) {
				continue
			}
			f := fact{method: "table", about: row[0] + " " + columns[i], quote: strings.TrimSpace(line)}
			f.question = pick(row[0]+columns[i], at.topic+": what stands for "+quoted(row[0])+" under “"+columns[i]+"”?",
				at.topic+", "+quoted(row[0])+": "+lower(columns[i])+"?",
				"What does the table of "+at.topic+" give as "+lower(columns[i])+" for "+quoted(row[0])+"?")
			f.answer = row[0] + ", " + lower(columns[i]) + ": " + strings.TrimRight(row[i], ". ") + "."
			out = append(out, f)
		}
	}
	return out
}

func splitRow(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.Contains(line, "|") {
		return nil
	}
	parts := strings.Split(strings.Trim(line, "|"), "|")
	for i := range parts {
		parts[i] = plain(parts[i])
	}
	return parts
}

// isRule is the line of dashes below a table's header.
func isRule(row []string) bool {
	return strings.Trim(strings.Join(row, ""), "-: ") == ""
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func equal(a, b []string) bool { return strings.Join(a, "|") == strings.Join(b, "|") }

// underHeading asks for what a passage says first below its heading.
func underHeading(p rag.Passage, at place) []fact {
	parts := rag.Sentences(p.Text)
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "#") || plain(parts[0]) != at.topic || at.topic == at.title {
		return nil
	}
	first := plain(parts[1])
	if listed.MatchString(parts[1]) || !whole(first) || opensVaguely(first) || len(strings.Fields(first)) < 6 {
		return nil
	}
	f := fact{method: "heading", quote: parts[1], answer: first}
	switch {
	case strings.HasSuffix(at.topic, "?"):
		f.question = at.topic
	default:
		f.question = pick(at.topic, "What are the rules about "+lower(at.topic)+" ("+at.title+")?",
			"What should I know about "+lower(at.topic)+" under "+at.title+"?", "What does "+at.title+" say first about "+lower(at.topic)+"?")
	}
	return []fact{f}
}

var listed = regexp.MustCompile(`^([-*•]|\d+[.)])\s`)

var markup = regexp.MustCompile("\\[([^\\]]*)\\]\\([^)]*\\)|\\*\\*|__|`|^#+\\s+|^[-*•]\\s+|^\\d+[.)]\\s+|(?:^|\\s)\\*|\\*(?:\\s|$)")

// emphasis is *one word* or *several*, wherever it stands.
var emphasis = regexp.MustCompile(`\*([^*\s](?:[^*\n]*[^*\s])?)\*`)

// plain is a line without its markup.
func plain(s string) string {
	s = emphasis.ReplaceAllString(strings.ReplaceAll(strings.TrimSpace(s), "**", ""), "$1")
	s = markup.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "[") {
			return m[1:strings.IndexByte(m, ']')]
		}
		if strings.HasPrefix(m, " ") || strings.HasSuffix(m, " ") && m[0] == '*' {
			return " "
		}
		return ""
	})
	return strings.Join(strings.Fields(strings.Trim(s, " *_#")), " ")
}

// whole is a sentence with a beginning and an end.
func whole(s string) bool {
	return s != "" && unicode.IsUpper([]rune(s)[0]) && strings.HasSuffix(s, ".") && !strings.ContainsAny(s, "|{}<>")
}

var vague = regexp.MustCompile(`(?i)^(it|this|that|these|those|they|he|she|there|here|but|and|or|however|then|such|both|each|also|so|otherwise|the table|the following|for example|see|in (this|that|these) )\b`)

// opensVaguely: what it is about stands in another sentence.
func opensVaguely(s string) bool { return vague.MatchString(s) }

func quoted(s string) string {
	if strings.ContainsAny(s, "“”\"") || len(strings.Fields(s)) > 3 {
		return "“" + strings.Trim(s, "“”\"") + "”"
	}
	return s
}

// lower makes the first letter small, unless the word is a name or an abbreviation.
func lower(s string) string {
	r := []rune(s)
	if len(r) < 2 || !unicode.IsUpper(r[0]) || unicode.IsUpper(r[1]) || unicode.IsDigit(r[1]) {
		return s
	}
	return string(unicode.ToLower(r[0])) + string(r[1:])
}

// pick chooses one of forms by what it is asked for, always the same one.
func pick(by string, forms ...string) string {
	sum := digest([]byte(by))
	return forms[int(sum[0]+sum[1])%len(forms)]
}
