package parse

import (
	"strings"
	"unicode"
)

// sheet turns the rows of a sheet into text: a heading with its name, then a
// table for each stretch between empty rows. Rows of one cell above a table are its captions.
type sheet struct {
	out    *body
	name   string
	named  bool
	rows   [][]string
	size   int
	header []string // of the last table
}

// maxTable is how much of a table, in bytes, is gathered before it is written.
const maxTable = 4 << 20

func (s *sheet) row(cells []string) {
	line := make([]string, len(cells))
	last := -1
	for i, c := range cells {
		if line[i] = cellLine(c); line[i] != "" {
			last = i
			s.size += len(line[i])
		}
	}
	if last < 0 {
		s.flush()
		return
	}
	s.rows = append(s.rows, line[:last+1])
	if s.size > maxTable {
		s.flush()
	}
}

func (s *sheet) flush() {
	rows := narrow(s.rows)
	s.rows, s.size = nil, 0
	if len(rows) == 0 {
		return
	}
	if !s.named && s.name != "" {
		s.out.heading(1, s.name)
		s.named = true
	}
	for len(rows) > 0 && words(rows[0]) == 1 && (len(rows) == 1 || words(rows[1]) != 1 || len(rows[0][0]) > maxRepeat) {
		s.out.block(strings.Join(rows[0], ""))
		rows = narrow(rows[1:])
	}
	if len(rows) == 0 {
		return
	}
	if names(rows[0]) && len(rows) > 1 {
		s.header = rows[0]
		s.out.table(rows, true)
		return
	}
	header := s.header
	if len(header) != width(rows) {
		header = nil
	}
	s.out.rows(rows, strings.Join(header, " | "))
}

// names is true for a row that can name columns: two cells at least, and no figures.
func names(row []string) bool {
	if words(row) < 2 {
		return false
	}
	for _, c := range row {
		if strings.IndexFunc(c, unicode.IsLetter) < 0 && strings.IndexFunc(c, unicode.IsDigit) >= 0 && !year(c) {
			return false
		}
	}
	return true
}

// year is true for what looks like a figure and names a column all the same.
func year(c string) bool {
	return len(c) == 4 && (strings.HasPrefix(c, "19") || strings.HasPrefix(c, "20"))
}

func width(rows [][]string) int {
	n := 0
	for _, r := range rows {
		n = max(n, len(r))
	}
	return n
}

// narrow takes away the empty columns on the left.
func narrow(rows [][]string) [][]string {
	left := 1 << 30
	for _, r := range rows {
		first := 0
		for first < len(r) && r[first] == "" {
			first++
		}
		left = min(left, first)
	}
	if left == 0 {
		return rows
	}
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = r[left:]
	}
	return out
}
