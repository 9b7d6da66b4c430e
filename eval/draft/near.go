package draft

import (
	"math"
	"strings"

	"groundwork/rag/analyze"
)

func set(words []string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}

func shared(a, b map[string]bool) int {
	n := 0
	for term := range a {
		if b[term] {
			n++
		}
	}
	return n
}

// overlap is the share of all terms of both that both have.
func overlap(a, b map[string]bool) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	both := shared(a, b)
	return float64(both) / float64(len(a)+len(b)-both)
}

// longestRun is the length of the longest stretch of words in both.
func longestRun(a, b []string) int {
	best, row := 0, make([]int, len(b)+1)
	for _, w := range a {
		for j := len(b); j > 0; j-- {
			row[j] = 0
			if w == b[j-1] {
				row[j] = row[j-1] + 1
				best = max(best, row[j])
			}
		}
	}
	return best
}

// holdsWord tells whether words stands in text as words of its own: "2" is not in "2026".
func holdsWord(text, words string) bool {
	return strings.Contains(" "+strings.Join(analyze.Words(text), " ")+" ", " "+strings.Join(analyze.Words(words), " ")+" ")
}

// passages are all of a store's, as questions are compared with them.
type passages struct {
	docs  []string // path of each one's document
	terms []map[string]bool
	words []string // each one's words, a space before and after each
	idf   map[string]float64
	rare  float64 // weight of a term that no passage has
}

func newPassages(docs []Document) *passages {
	p := &passages{idf: map[string]float64{}}
	for _, d := range docs {
		for _, one := range d.Passages {
			text := one.Header + "\n" + one.Text
			p.docs = append(p.docs, d.Path)
			p.terms = append(p.terms, set(analyze.Terms(text)))
			p.words = append(p.words, " "+strings.Join(analyze.Words(text), " ")+" ")
		}
	}
	for _, terms := range p.terms {
		for t := range terms {
			p.idf[t]++
		}
	}
	for t, df := range p.idf {
		p.idf[t] = math.Log(1 + float64(len(p.terms))/df)
	}
	p.rare = math.Log(1 + float64(len(p.terms)))
	return p
}

// covers is the share of a question's terms, by their weight, that passage at has.
func (p *passages) covers(at int, question map[string]bool) float64 {
	all, has := 0.0, 0.0
	for t := range question {
		w, known := p.idf[t]
		if !known {
			w = p.rare
		}
		all += w
		if p.terms[at][t] {
			has += w
		}
	}
	if all == 0 {
		return 0
	}
	return has / all
}

// holds tells whether passage at has every fact, each a choice of words with bars between.
func (p *passages) holds(at int, facts []string) bool {
	for _, fact := range facts {
		found := false
		for _, choice := range strings.Split(fact, "|") {
			found = found || strings.Contains(p.words[at], " "+strings.Join(analyze.Words(choice), " ")+" ")
		}
		if !found {
			return false
		}
	}
	return true
}
