package parse

import (
	"slices"
	"strings"
)

// body is a Text in the making: blocks one after the other, with their marks.
// Once it holds more than limit bytes it takes no more, and full says so.
type body struct {
	text  strings.Builder
	marks []Mark
	limit int
}

// block appends cleaned text after an empty line, line after a line end; both
// return where it lies. Text without words is left out: start == end.
func (b *body) block(text string) (start, end int) { return b.add("\n\n", text) }
func (b *body) line(text string) (start, end int)  { return b.add("\n", text) }

func (b *body) add(sep, text string) (start, end int) {
	text = strings.Trim(clean(text, true), "\n")
	if strings.TrimSpace(text) == "" || b.full() {
		return b.text.Len(), b.text.Len()
	}
	if b.text.Len() > 0 {
		b.text.WriteString(sep)
	}
	start = b.text.Len()
	b.text.WriteString(text)
	return start, b.text.Len()
}

func (b *body) heading(level int, text string) {
	text = oneLine(text)
	if start, end := b.block(text); start < end {
		b.marks = append(b.marks, Mark{Kind: KindHeading, Start: start, End: end, Level: min(max(level, 1), 6), Label: text})
	}
}

func (b *body) code(text string) {
	if start, end := b.block(text); start < end {
		b.marks = append(b.marks, Mark{Kind: KindCode, Start: start, End: end})
	}
}

// table appends rows as lines, cells joined by " | ". A table of one row or
// one column is layout and gets no mark.
func (b *body) table(rows [][]string, header bool) {
	label := ""
	for _, row := range rows {
		if line := rowLine(row); line != "" {
			if header && words(row) > 1 {
				label = line
			}
			break
		}
	}
	b.rows(rows, label)
}

func rowLine(row []string) string {
	line := strings.TrimRight(strings.Join(row, " | "), " |")
	if strings.Trim(line, " |") == "" {
		return ""
	}
	return line
}

// rows appends a table that is labelled already.
func (b *body) rows(rows [][]string, label string) {
	var lines []string
	columns := 0
	for _, row := range rows {
		if line := rowLine(row); line != "" {
			columns = max(columns, len(row))
			lines = append(lines, line)
		}
	}
	start, end := b.block(strings.Join(lines, "\n"))
	if start < end && columns > 1 && len(lines) > 1 {
		b.marks = append(b.marks, Mark{Kind: KindTable, Start: start, End: end, Label: oneLine(label)})
	}
}

// append takes over a text that was read by itself, after an empty line: headings
// go down by deeper levels, and pages, which count in another document, are left out.
func (b *body) append(t Text, deeper int) {
	text := strings.TrimRight(t.Body, "\n")
	start, end := b.block(text)
	if end-start != len(text) {
		return // cleaned anew, or full: marks would lie elsewhere
	}
	for _, m := range t.Marks {
		if m.End = min(m.End, len(text)); m.Kind == KindPage || m.Start >= m.End {
			continue
		}
		m.Start, m.End = m.Start+start, m.End+start
		if m.Kind == KindHeading {
			m.Level = min(m.Level+deeper, 6)
		}
		b.marks = append(b.marks, m)
	}
}

// page marks what was added since start as one page. Label is a slide's title.
func (b *body) page(number, start int, label string) {
	for start < b.text.Len() && b.text.String()[start] == '\n' {
		start++
	}
	if start == b.text.Len() {
		return
	}
	at := len(b.marks)
	for at > 0 && b.marks[at-1].Start >= start {
		at--
	}
	b.marks = slices.Insert(b.marks, at, Mark{Kind: KindPage, Start: start, End: b.text.Len(), Page: number, Label: oneLine(label)})
}

// cellLine is a cell on one line, without what stands between cells.
func cellLine(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(clean(s, true), "|", "/")), " ")
}

// words counts the cells that hold something.
func words(row []string) int {
	n := 0
	for _, cell := range row {
		if cell != "" {
			n++
		}
	}
	return n
}

func (b *body) full() bool { return b.text.Len() > b.limit || len(b.marks) > maxMarks }

func (b *body) done(title string) (Text, error) {
	if b.text.Len() > b.limit {
		return Text{}, tooLarge(b.limit)
	}
	if b.text.Len() == 0 {
		return Text{}, noWords()
	}
	return Text{Body: b.text.String(), Title: oneLine(title), Marks: b.marks}, nil
}

func noWords() *Error {
	return fail(CodeEmpty, "the document holds no text; upload one that does")
}

// firstHeading is the label of the first heading of the highest level.
func firstHeading(marks []Mark) string {
	best := Mark{Level: 7}
	for _, m := range marks {
		if m.Kind == KindHeading && m.Level < best.Level {
			best = m
		}
	}
	return best.Label
}
