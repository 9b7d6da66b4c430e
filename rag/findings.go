package rag

import (
	"slices"
	"sync"
)

// findings is what was worked out about the text of a passage that is kept in
// memory. Passages that come up again and again are looked through once.
type findings struct {
	analysed, divided, tabled sync.Once
	terms                     words
	units                     []unit
	table                     table
}

// Kept is p for whoever keeps it: what is worked out about its text is kept
// with it, up to about 2 KB. All answers must use one Analyze.
func (p Passage) Kept() Passage {
	p.found = &findings{}
	return p
}

// terms are the index terms of the text.
func (p Passage) terms(analyze Analyze) words {
	f := p.found
	if f == nil {
		return wordsOf(analyze(p.Text))
	}
	f.analysed.Do(func() { f.terms = wordsOf(analyze(p.Text)) })
	return f.terms
}

// units are the sentences, list items and table rows of the text.
func (p Passage) units(analyze Analyze) []unit {
	f := p.found
	if f == nil {
		return divide(p.Text, analyze)
	}
	f.divided.Do(func() { f.units = divide(p.Text, analyze) })
	return f.units
}

// table is what the rows of the text need to be understood.
func (p Passage) table(analyze Analyze) table {
	f := p.found
	if f == nil {
		return tableOf(p, p.units(analyze), analyze)
	}
	f.tabled.Do(func() { f.table = tableOf(p, p.units(analyze), analyze) })
	return f.table
}

// unit is a sentence, list item or table row of a passage.
type unit struct {
	span           // bytes in Passage.Text
	terms    words // index terms
	numbers  words
	negative bool
	row      bool // of a table
}

func divide(text string, analyze Analyze) []unit {
	var out []unit
	for _, sp := range sentences(text) {
		s := text[sp.start:sp.end]
		out = append(out, unit{span: sp, terms: wordsOf(analyze(s)), numbers: wordsOf(numbers(s)), negative: negated(s), row: isRow(s)})
	}
	return slices.Clone(out) // of its size: it may be kept
}
