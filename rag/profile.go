package rag

import "math/bits"

// wants is what a claim looks for in the units of passages.
type wants struct {
	terms, question []string
	numbers, bare   []string // keys of figures, and what they are without their units
}

// profile says what of a wants one or several units hold. Windows of units
// overlap, so each unit is looked at once and profiles are joined.
type profile struct {
	terms, question, numbers bitset
	negative                 bool
}

func (w wants) empty() profile {
	return profile{terms: newBitset(len(w.terms)), question: newBitset(len(w.question)), numbers: newBitset(len(w.numbers))}
}

// profiles of units, and the terms that name rows of their table. A row that
// says anything also says what stands around the table; its figures count for the claim only when
// the claim names the row, or no row at all.
func (w wants) profiles(units []unit, t table) ([]profile, bitset) {
	around, labels := newBitset(len(w.terms)), newBitset(len(w.terms))
	around.fill(w.terms, t.around)
	labels.fill(w.terms, t.labels)
	out := make([]profile, len(units))
	for i, u := range units {
		p := w.empty()
		p.terms.fill(w.terms, u.terms)
		p.question.fill(w.question, u.terms)
		p.numbers.fill(w.numbers, u.numbers)
		p.numbers.fill(w.bare, u.numbers)
		p.negative = u.negative
		if u.row {
			if labels.count() > 0 && !p.terms.meets(labels) {
				clear(p.numbers)
			}
			if p.terms.count()+p.numbers.count() > 0 {
				p.terms.or(around)
			}
		}
		out[i] = p
	}
	return out, labels
}

func (p *profile) add(o profile) {
	p.terms.or(o.terms)
	p.question.or(o.question)
	p.numbers.or(o.numbers)
	p.negative = p.negative || o.negative
}

func (p *profile) clear() {
	clear(p.terms)
	clear(p.question)
	clear(p.numbers)
	p.negative = false
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(i int) { b[i/64] |= 1 << (i % 64) }

// fill enters the places of the wanted words that among holds.
func (b bitset) fill(wanted []string, among words) {
	for i, w := range wanted {
		if among.has(w) {
			b.add(i)
		}
	}
}

func (b bitset) or(o bitset) {
	for i := range b {
		b[i] |= o[i]
	}
}

func (b bitset) holds(o bitset) bool {
	for i := range o {
		if o[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}

func (b bitset) without(o bitset) bitset {
	out := make(bitset, len(b))
	for i := range b {
		out[i] = b[i] &^ o[i]
	}
	return out
}

func (b bitset) meets(o bitset) bool {
	for i := range o {
		if o[i]&b[i] != 0 {
			return true
		}
	}
	return false
}

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}
