package rag

import (
	"maps"
	"slices"
	"strings"
)

// table is what the rows of a passage need to be understood. A row alone says
// "Hamburg 165"; that it is about hotels stands above.
type table struct {
	labels map[string]bool // terms that name one row each: a claim with one of them is about that row and no other
	around map[string]bool // terms of the header and of what is no row
}

// isRow: a row with bars, or a short line that ends in a figure.
func isRow(text string) bool {
	return strings.Contains(text, " | ") || len(text) <= maxRow && endsInFigure(text) && strings.ContainsRune(text, ' ') && strings.IndexAny(text, ".!?:") != len(text)-1
}

// label is the part of a row that names it: its first cell, or what stands before the first figure.
func label(row string) string {
	cell, _, barred := strings.Cut(strings.TrimLeft(row, "| "), "|")
	if barred {
		return cell
	}
	words := strings.Fields(row)
	return strings.Join(words[:max(slices.IndexFunc(words, figure), 0)], " ")
}

func passageTable(s Source, analyze Analyze) table {
	t := table{labels: map[string]bool{}, around: set(analyze(s.Passage.Header))}
	rows := map[string]int{} // that a term names
	inside := false
	for _, sp := range sentences(s.Passage.Text) {
		text := s.Passage.Text[sp.start:sp.end]
		was := inside
		if inside = isRow(text); inside && (was || !strings.Contains(text, "|")) {
			for term := range set(analyze(label(text))) {
				rows[term]++
			}
			continue
		}
		maps.Copy(t.around, set(analyze(text))) // running text, or the first row with bars, which names the columns
	}
	for term, n := range rows {
		t.labels[term] = n == 1
		delete(t.around, term)
	}
	return t
}
