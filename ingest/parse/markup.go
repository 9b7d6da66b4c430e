package parse

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// readAdoc keeps the source and marks headings, listings and tables.
func readAdoc(data []byte, mediaType string, l Limits) (Text, error) {
	text, err := source(data, mediaType, l)
	if err != nil {
		return Text{}, err
	}
	m := markup{text: text}
	fence := ""
	m.each(func(line string) {
		switch {
		case fence != "":
			if line == fence {
				m.close()
				fence = ""
			}
		case asciiFence.MatchString(line):
			fence = line
			m.open(map[bool]Kind{true: KindTable, false: KindCode}[strings.HasSuffix(line, "===")])
		default:
			if h := asciiHeading.FindStringSubmatch(line); h != nil {
				m.heading(m.at, len(h[1]), h[2])
			}
		}
	})
	return Text{Body: text, Title: firstHeading(m.marks), Marks: m.marks}, nil
}

var (
	asciiHeading = regexp.MustCompile(`^(={1,6}|#{1,6}) (\S.*)$`)
	asciiFence   = regexp.MustCompile("^(-{4,}|\\.{4,}|`{3,}|[|,:!]===)$") // comments and quotes are text
)

// readRST keeps the source of reStructuredText and marks headings, whose
// levels are those in which their underlines first come, and literal blocks.
func readRST(data []byte, mediaType string, l Limits) (Text, error) {
	text, err := source(data, mediaType, l)
	if err != nil {
		return Text{}, err
	}
	m := markup{text: text}
	levels := map[string]int{}
	var last, over string // the line before, and one of signs before that
	lastAt := 0
	literal := false
	m.each(func(line string) {
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if m.opened && line != "" && !indented {
			m.close()
		}
		title := strings.TrimSpace(last)
		switch {
		case literal && indented:
			if !m.opened {
				m.open(KindCode)
			}
		case title != "" && isRule(line) && !isRule(last) && utf8.RuneCountInString(line) >= utf8.RuneCountInString(last):
			key := line[:1]
			start := lastAt
			if over != "" && over[:1] == key {
				key, start = key+key, lastAt-len(over)-1
			}
			if levels[key] == 0 {
				levels[key] = len(levels) + 1
			}
			m.headingTo(start, levels[key], title)
		case line != "" && !indented:
			literal = strings.HasSuffix(line, "::")
		}
		over = ""
		if isRule(last) {
			over = last
		}
		last, lastAt = line, m.at
	})
	m.close()
	return Text{Body: text, Title: firstHeading(m.marks), Marks: m.marks}, nil
}

// isRule is true for a line of one sign, three times or more.
func isRule(line string) bool {
	return len(line) >= 3 && strings.Trim(line, line[:1]) == "" && strings.ContainsAny(line[:1], `=-~^"'#*+.:`+"`_")
}

// markup goes over the lines of a text and marks some.
type markup struct {
	text   string
	at     int // of the line
	end    int // of the line, without its line end
	marks  []Mark
	opened bool
	kind   Kind
	start  int
	last   int // end of the last line that was not empty
}

func (m *markup) each(f func(line string)) {
	next := 0
	for line := range strings.Lines(m.text) {
		m.at = next
		next += len(line)
		trimmed := strings.TrimRight(line, " \t\n")
		m.end = m.at + len(trimmed)
		f(trimmed)
		if trimmed != "" {
			m.last = m.end
		}
	}
}

func (m *markup) heading(start, level int, label string) {
	if label = oneLine(label); label != "" && len(m.marks) <= maxMarks {
		m.marks = append(m.marks, Mark{Kind: KindHeading, Start: start, End: m.end, Level: min(level, 6), Label: label})
	}
}

// headingTo is a heading that may begin lines before; what it lies in is none.
func (m *markup) headingTo(start, level int, label string) {
	if n := len(m.marks); n > 0 && m.marks[n-1].End > start {
		return
	}
	m.opened = false
	m.heading(start, level, label)
}

func (m *markup) open(kind Kind) { m.opened, m.kind, m.start = true, kind, m.at }

// close ends a block at the line, or before it when it is not part of it.
func (m *markup) close() {
	end := m.last
	if m.kind == KindTable || strings.Trim(m.text[m.at:m.end], "-.`") == "" {
		end = m.end
	}
	if m.opened && m.start < end && len(m.marks) <= maxMarks {
		m.marks = append(m.marks, Mark{Kind: m.kind, Start: m.start, End: end})
	}
	m.opened = false
}
