package rag

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// excerptFrom is how many of the best passages are looked through.
	excerptFrom = 5
	// maxUnits bounds the sentences that are embedded for one question.
	maxUnits = 120
)

// candidate is a sentence, list item or table row that may go to the model.
type candidate struct {
	passage, at int // kept[passage], its at-th unit
	tokens      int // estimated from its share of the passage
	score       float64
}

// excerpts narrows passages that do not all fit into budget tokens to the
// stretches that bear on the question: sentences in the order of their meaning's
// nearness to it and of their passage's score, each stretch without a gap. So
// a slow machine, whose budget is one passage, still reads the best sentences
// of several (docs/adr/0018 has the figures). Where the budget takes three passages it makes no difference.
func (p *Pipeline) excerpts(ctx context.Context, query string, kept []Ranked, counts []int, budget int) ([]Ranked, error) {
	kept = kept[:min(len(kept), excerptFrom)]
	units := make([][]span, len(kept))
	var candidates []candidate
	var texts []string
	for i, r := range kept {
		units[i] = sentences(r.Passage.Text)
		for at, u := range units[i] {
			text := r.Passage.Text[u.start:u.end]
			tokens := 1 + counts[i]*len(text)/max(1, len(passageText(i+1, r.Passage)))
			candidates = append(candidates, candidate{passage: i, at: at, tokens: tokens})
			texts = append(texts, inContext(r.Passage, text))
		}
	}
	if len(texts) > maxUnits {
		return kept, nil
	}
	question, err := p.Embedder.EmbedQuery(ctx, query)
	if err != nil {
		return nil, err
	}
	vectors, err := p.Embedder.EmbedSentences(ctx, texts)
	if err != nil {
		return nil, err
	}
	near := nearness(question, vectors, candidates)
	for i := range candidates {
		c := &candidates[i]
		c.score = (near[i] + kept[c.passage].Score) / 2
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	return narrow(kept, units, stretches(candidates, units, frames(kept, counts), budget)), nil
}

// nearness is each candidate's cosine with the question, in which those of the sentences
// beside it in its passage count half: an answer seldom stands in one sentence alone.
func nearness(question []float32, vectors [][]float32, candidates []candidate) []float64 {
	cosines := make([]float64, len(vectors))
	for i, v := range vectors {
		cosines[i] = dot(question, v)
	}
	out := make([]float64, len(vectors))
	for i, c := range candidates {
		total, weight := cosines[i], 1.0
		for _, beside := range []int{i - 1, i + 1} {
			if beside >= 0 && beside < len(candidates) && candidates[beside].passage == c.passage {
				total, weight = total+cosines[beside]/2, weight+0.5
			}
		}
		out[i] = total / weight
	}
	return out
}

// inContext is a sentence with the heading it stands under, which says what it is about.
func inContext(p Passage, text string) string {
	if n := len(p.Heading); n > 0 {
		return p.Heading[n-1] + ": " + text
	}
	return text
}

// frames are the tokens of what stands around each passage's text.
func frames(kept []Ranked, counts []int) []int {
	out := make([]int, len(kept))
	for i, r := range kept {
		whole := len(passageText(i+1, r.Passage))
		out[i] = 1 + counts[i]*(whole-len(r.Passage.Text))/max(1, whole)
	}
	return out
}

// stretches takes candidates, best first, as long as they fit; what lies
// between two of the same passage goes along. It gives from and to (exclusive)
// in units for each passage; equal when nothing of it is taken.
func stretches(candidates []candidate, units [][]span, frame []int, budget int) [][2]int {
	out := make([][2]int, len(units))
	tokens := make([][]int, len(units))
	for i := range units {
		tokens[i] = make([]int, len(units[i]))
	}
	for _, c := range candidates {
		tokens[c.passage][c.at] = c.tokens
	}
	used := 0
	for _, c := range candidates {
		old := out[c.passage]
		wider, cost := [2]int{c.at, c.at + 1}, frame[c.passage]
		if old[0] < old[1] {
			wider, cost = [2]int{min(old[0], c.at), max(old[1], c.at+1)}, 0
		}
		for at := wider[0]; at < wider[1]; at++ {
			if at < old[0] || at >= old[1] {
				cost += tokens[c.passage][at]
			}
		}
		if used+cost > budget {
			continue
		}
		used += cost
		out[c.passage] = wider
	}
	return out
}

// narrow cuts passages to their stretches and leaves out those without one. It
// never leaves nothing: then the best passage stays whole.
func narrow(kept []Ranked, units [][]span, stretch [][2]int) []Ranked {
	var out []Ranked
	for i, r := range kept {
		if stretch[i][0] == stretch[i][1] {
			continue
		}
		r.Passage = cut(r.Passage, units[i][stretch[i][0]].start, units[i][stretch[i][1]-1].end)
		out = append(out, r)
	}
	if len(out) == 0 {
		return kept[:1]
	}
	return out
}

// cut is the passage from one byte of its text to another.
func cut(p Passage, from, to int) Passage {
	p.Start += utf8.RuneCountInString(p.Text[:from])
	p.Text = strings.Clone(p.Text[from:to])
	p.End = p.Start + utf8.RuneCountInString(p.Text)
	p.found = nil // that was of the whole text
	return p
}

func dot(a, b []float32) float64 {
	var sum float64
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
