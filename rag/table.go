package rag

import (
	"slices"
	"strings"
)

// table is what the units of a passage need to be understood. A row alone says
// "Hamburg 165"; that it is about hotels stands above.
type table struct {
	header words // terms of the passage's header
	labels words // terms that name one row each: a claim with one of them is about that row and no other
	around words // terms of the header and of what is no row
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
	return strings.Join(words[:max(slices.IndexFunc(words, opensWithDigit), 0)], " ")
}

// tableOf looks for rows among the units of p's text.
func tableOf(p Passage, units []unit, analyze Analyze) table {
	header := analyze(p.Header)
	around, rows := slices.Clone(header), map[string]int{} // rows that a term names
	inside := false
	for _, u := range units {
		was := inside
		if inside = u.row; inside && (was || !strings.Contains(p.Text[u.start:u.end], "|")) {
			for term := range set(analyze(label(p.Text[u.start:u.end]))) {
				rows[term]++
			}
			continue
		}
		for i := range u.terms.len() { // running text, or the first row with bars, which names the columns
			around = append(around, u.terms.at(i))
		}
	}
	if len(rows) == 0 {
		return table{header: wordsOf(header)}
	}
	var labels []string
	for term, n := range rows {
		if n == 1 {
			labels = append(labels, term)
		}
	}
	return table{header: wordsOf(header), labels: wordsOf(labels), around: wordsOf(slices.DeleteFunc(around, func(term string) bool { return rows[term] > 0 }))}
}
