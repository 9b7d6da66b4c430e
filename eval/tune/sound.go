package tune

import (
	"regexp"
	"slices"
	"strings"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

const (
	maxRun   = 8   // words in a row that a question may share with the answer's own words
	maxShare = 0.8 // of the answer's terms that the question may hold: it must leave something to say
)

// sound holds every fact, however it was made, to the same rules: the answer
// is in the passage by the check that answers pass, the question asks, does not
// copy the passage and does not give the answer away.
func sound(f fact, p rag.Passage) bool {
	words := len(strings.Fields(f.question))
	if words < 3 || words > 32 || !strings.HasSuffix(f.question, "?") || strings.Count(f.question, "?") > 1 {
		return false
	}
	if n := len(f.answer); n < 8 || n > 400 || !strings.Contains(p.Text, f.quote) {
		return false
	}
	if longestRun(analyze.Words(f.question), analyze.Words(f.quote)) > maxRun {
		return false
	}
	answer, asked := set(analyze.Terms(f.answer)), set(analyze.Terms(f.question))
	left := len(answer) - shared(answer, asked)
	if left == 0 || float64(len(answer)-left) > maxShare*float64(len(answer)) {
		return false
	}
	return rag.Covers(f.answer, f.question, []rag.Source{{Index: 1, Passage: p}}, analyze.Terms)
}

var talk = regexp.MustCompile(`(?i)\b(passage|the text|excerpt|the fact|the sentence|statement|document above)\b`)

// drafted turns a chat model's reply into a question for a fact, or refuses it.
func drafted(reply string, f fact, p rag.Passage) (fact, bool) {
	line, _, _ := strings.Cut(strings.TrimSpace(reply), "\n")
	q := strings.Trim(strings.TrimPrefix(strings.TrimSpace(line), "Question:"), " *\"“”")
	f.method, f.question = "drafted", q
	asked := set(analyze.Terms(q))
	aimed := len(asked) > 0
	if f.about != "" {
		for term := range set(analyze.Terms(f.about)) {
			aimed = aimed && asked[term]
		}
	} else {
		aimed = shared(asked, set(analyze.Terms(f.quote))) >= 2
	}
	strange := len(asked) - shared(asked, set(analyze.Terms(p.Header+" "+p.Text)))
	figures := rag.Numbers(f.answer)
	givesAway := slices.ContainsFunc(rag.Numbers(q), func(n string) bool { return slices.Contains(figures, n) })
	return f, aimed && strange <= 2 && !givesAway && !talk.MatchString(q) && sound(f, p)
}

// shared counts the terms in both.
func shared(a, b map[string]bool) int {
	n := 0
	for term := range a {
		if b[term] {
			n++
		}
	}
	return n
}

// longestRun is the length of the longest stretch of words in both.
func longestRun(a, b []string) int {
	best := 0
	row := make([]int, len(b)+1)
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

func set(words []string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}
