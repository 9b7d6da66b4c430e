package rag

import (
	"cmp"
	"slices"
)

const (
	// documentShare is how much of its document's evidence a chunk gets on top of its own score; docs/adr/0024 has the figures.
	documentShare = 0.2
	// documentDepth bounds how many of the chunks found tell about their documents: each is looked through for the query's terms.
	documentDepth = 100
	// documentHalf is the share of a document's chunks that must hold a term for half of the term's weight.
	documentHalf = 0.3
)

// withDocuments adds the evidence of each chunk's document: the share of the
// query's weight that is in the document's chunks, as far as they are among the
// best found. A chunk need not repeat what its whole document is about: in code
// the class's name stands in other chunks than the method's body. The scores are in the order of the passages.
func withDocuments(scores []score, passages []Passage, l legs, analyze Analyze) {
	var whole float64
	for _, w := range l.idf {
		whole += w
	}
	if whole == 0 {
		return
	}
	found := map[string]*document{}
	for _, at := range best(scores, documentDepth) {
		p := passages[at]
		d := found[p.DocumentID]
		if d == nil {
			d = &document{holding: make([]int, len(l.terms))}
			found[p.DocumentID] = d
		}
		d.chunks++
		held := p.terms(analyze)
		for i, term := range l.terms {
			if held.has(term) {
				d.holding[i]++
			}
		}
	}
	evidence := make(map[string]float64, len(found))
	for id, d := range found {
		evidence[id] = d.weight(l.idf) / whole
	}
	for i, p := range passages {
		scores[i].fused = (scores[i].fused + documentShare*evidence[p.DocumentID]) / (1 + documentShare)
	}
}

// document is what was found of one: how many chunks, and how many of them hold each term of the query.
type document struct {
	chunks  int
	holding []int
}

// weight is the sum of the terms' weights, each saturating with the share of the chunks that hold it.
func (d *document) weight(idf []float64) float64 {
	sum := 0.0
	for i, n := range d.holding {
		share := float64(n) / float64(d.chunks)
		sum += idf[i] * share / (share + documentHalf)
	}
	return sum
}

// best are the places of the n best scores.
func best(scores []score, n int) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	if n < len(order) {
		slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(scores[b].fused, scores[a].fused), cmp.Compare(a, b)) })
		order = order[:n]
	}
	return order
}
