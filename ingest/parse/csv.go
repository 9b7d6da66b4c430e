package parse

import (
	"encoding/csv"
	"strings"
	"unicode"
)

// readCSV keeps the source, with each record on one line, as one table. A first
// row that can name the columns is its label.
func readCSV(data []byte, mediaType string, l Limits) (Text, error) {
	text, err := source(data, mediaType, l)
	if err != nil {
		return Text{}, err
	}
	delimiter, rest := delimiterOf(text)
	if delimiter == 0 { // one column
		return Text{Body: text}, nil
	}
	t := Text{Body: oneLineRecords(rest, delimiter)}
	head, _, _ := strings.Cut(t.Body, "\n")
	first, err := recordsOf(head, delimiter).Read()
	if err != nil {
		return t, nil // what breaks the rules of CSV is text all the same
	}
	for i := range first {
		first[i] = cellLine(first[i])
	}
	label := ""
	if names(first) {
		label = oneLine(rowLine(first))
	}
	if end := len(strings.TrimRight(t.Body, "\n")); end > 0 {
		t.Marks = []Mark{{Kind: KindTable, Start: 0, End: end, Label: label}}
	}
	return t, nil
}

func recordsOf(text string, delimiter rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord, r.ReuseRecord = delimiter, true, -1, true
	return r
}

// sampleRecords is how many records tell the delimiter.
const sampleRecords = 100

// delimiterOf is the sign that cuts most records into the same number of
// cells, more than one; 0 when none does for at least three in four. Rest is
// the text without the line by which spreadsheet programs name the delimiter.
func delimiterOf(text string) (delimiter rune, rest string) {
	if first, more, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "sep=") && len(first) == 5 {
		return rune(first[4]), more
	}
	best := 0.0
	for _, d := range []rune{',', ';', '\t', '|'} {
		if share, cells := regularity(text, d); cells > 1 && share >= 0.75 && share+float64(min(cells, 20))/100 > best {
			best, delimiter = share+float64(min(cells, 20))/100, d
		}
	}
	return delimiter, text
}

// regularity is the share of the first records that have the most usual number of cells, and that number.
func regularity(text string, delimiter rune) (share float64, cells int) {
	counts, n := map[int]int{}, 0
	if delimiter == 0 {
		return 0, 0
	}
	for r := recordsOf(text[:min(len(text), headSize)], delimiter); n < sampleRecords; n++ {
		record, err := r.Read()
		if err != nil {
			break
		}
		counts[len(record)]++
	}
	for width, times := range counts {
		if times > counts[cells] || times == counts[cells] && width > cells {
			cells = width
		}
	}
	if n == 0 {
		return 0, 0
	}
	return float64(counts[cells]) / float64(n), cells
}

// isTable is true for text that nobody would write but as a table: five records
// at least, all of the same three or more cells.
func isTable(text string) bool {
	if len(text) >= headSize { // the last record may be cut
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	delimiter, rest := delimiterOf(text)
	share, cells := regularity(rest, delimiter)
	return delimiter != 0 && share == 1 && cells >= 3 && strings.Count(strings.TrimSpace(rest), "\n") >= 4
}

// maxRecord is how many lines one record may have before its quote is taken for a stray one.
const maxRecord = 200

// oneLineRecords makes line ends inside quotes spaces.
func oneLineRecords(text string, delimiter rune) string {
	if !strings.Contains(text, `"`) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); i++ {
		end := i
		for open := opens(lines[i], delimiter, false); open; {
			if end++; end >= len(lines) || end-i > maxRecord {
				end = i
				break
			}
			open = opens(lines[end], delimiter, true)
		}
		for ; i < end; i++ {
			b.WriteString(strings.TrimRightFunc(lines[i], unicode.IsSpace) + " ")
		}
		b.WriteString(lines[i])
	}
	return b.String()
}

// opens is true when a line ends inside quotes, which it may begin in.
func opens(line string, delimiter rune, inside bool) bool {
	start := true // of a cell
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case inside && c == '"' && i+1 < len(line) && line[i+1] == '"':
			i++
		case inside:
			inside = c != '"'
		case c == '"' && start:
			inside = true
		default:
			start = rune(c) == delimiter || start && c == ' '
			continue
		}
		start = false
	}
	return inside
}
