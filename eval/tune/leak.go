package tune

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"groundwork/eval"
	"groundwork/rag/analyze"
)

// Thresholds of the leak check, for the cosines of the default embedder. They
// were set by judgement, on the strict side: a question too many is left out of training, none slips in.
const (
	quoteOverlap   = 0.6  // of a gold quote's five-word runs in one passage
	questionWords  = 0.6  // shared share of terms
	questionCosine = 0.90 // of two questions' vectors
	runWords       = 5
)

// Set is a question set that a training set must not know.
type Set struct {
	Name      string
	SHA256    string
	Questions []eval.Question
}

// Leak is something of a question set that a training set holds.
type Leak struct {
	Kind     string  `json:"kind"` // document, passage or question
	Example  string  `json:"example"`
	Set      string  `json:"set"`
	Question string  `json:"question"` // id in the set
	Detail   string  `json:"detail"`
	Score    float64 `json:"score"` // 0 to 1
}

func (l Leak) String() string {
	return fmt.Sprintf("%-8s  %s  %s  %s  %s (%.2f)", l.Kind, l.Example, l.Set, l.Question, l.Detail, l.Score)
}

// Leaks finds what examples share with question sets: a document that a
// question is about, a passage that holds a gold quote (in whatever file), or
// a question that asks the same. Every example is compared with every question.
func Leaks(ctx context.Context, examples []Example, sets []Set, embed Embed) ([]Leak, error) {
	asked := make([]string, len(examples))
	for i, e := range examples {
		asked[i] = e.Question
	}
	vectors, err := embedAll(ctx, embed, asked, func(int) {})
	if err != nil {
		return nil, err
	}
	terms := termSets(asked)
	shown := make([][]string, len(examples))
	for i, e := range examples {
		shown[i] = flat(append([]string{e.Quote, e.Answer}, e.passages()...))
	}
	var out []Leak
	for _, s := range sets {
		questions := make([]string, len(s.Questions))
		for i, q := range s.Questions {
			questions[i] = q.Question
		}
		others, err := embedAll(ctx, embed, questions, func(int) {})
		if err != nil {
			return nil, err
		}
		otherTerms := termSets(questions)
		for j, q := range s.Questions {
			quotes := runsOf(q)
			for i, e := range examples {
				note := func(kind, detail string, score float64) {
					out = append(out, Leak{kind, e.ID, s.Name, q.ID, detail, score})
				}
				if p, ok := sharedDocument(e, q); ok {
					note("document", p, 1)
				}
				if score := sharedPassage(shown[i], quotes); score >= quoteOverlap {
					note("passage", e.Gold.Path, score)
				}
				score := overlap(terms[i], otherTerms[j])
				if vectors != nil {
					if c := dot(vectors[i], others[j]); c >= questionCosine {
						score = max(score, c)
					}
				}
				if score >= questionWords {
					note("question", e.Question, score)
				}
			}
		}
	}
	return out, nil
}

// sharedDocument: one of the documents that the example shows is one that the question is about.
func sharedDocument(e Example, q eval.Question) (string, bool) {
	for _, g := range q.Gold {
		for _, o := range append([]Origin{e.Gold}, e.Given...) {
			if sameDocument(g.Path, o.Path) {
				return o.Path, true
			}
		}
	}
	return "", false
}

func sameDocument(a, b string) bool {
	a, b = path.Clean(a), path.Clean(b)
	return a == b || strings.HasSuffix(a, "/"+b) || strings.HasSuffix(b, "/"+a)
}

// runs are the five-word stretches of a gold quote; of a shorter one, all of its words.
type runs []string

func runsOf(q eval.Question) []runs {
	var out []runs
	for _, g := range q.Gold {
		words := analyze.Words(g.Quote)
		if len(words) < 4 { // "10 to 36": too little to know a passage by
			continue
		}
		var r runs
		for i := 0; i == 0 || i+runWords <= len(words); i++ {
			r = append(r, " "+strings.Join(words[i:min(i+runWords, len(words))], " ")+" ")
		}
		out = append(out, r)
	}
	return out
}

// flat are texts as runs are looked for in them.
func flat(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = " " + strings.Join(analyze.Words(text), " ") + " "
	}
	return out
}

// sharedPassage is the largest share of a gold quote that stands in one of texts.
func sharedPassage(texts []string, quotes []runs) float64 {
	best := 0.0
	for _, text := range texts {
		for _, q := range quotes {
			held := 0
			for _, run := range q {
				if strings.Contains(text, run) {
					held++
				}
			}
			best = max(best, float64(held)/float64(len(q)))
		}
	}
	return best
}

// passages are the texts that the example shows.
func (e Example) passages() []string {
	if e.texts != nil {
		return e.texts
	}
	var out []string
	for _, m := range e.Messages {
		if m.Role != "assistant" {
			out = append(out, m.Content)
		}
	}
	return out
}

// Apart leaves out the documents that question sets are about, and those that hold a gold quote of one, so
// that what is built from the rest has nothing of them. left tells the paths that went.
func Apart(docs []Document, sets []Set) (rest []Document, left []string) {
	var quotes []runs
	var gold []string
	for _, s := range sets {
		for _, q := range s.Questions {
			quotes = append(quotes, runsOf(q)...)
			for _, g := range q.Gold {
				gold = append(gold, g.Path)
			}
		}
	}
	for _, d := range docs {
		texts := make([]string, len(d.Passages))
		for i, p := range d.Passages {
			texts[i] = p.Text
		}
		about := slices.ContainsFunc(gold, func(p string) bool { return sameDocument(p, d.Path) })
		if about || sharedPassage(flat(texts), quotes) >= quoteOverlap {
			left = append(left, d.Path)
			continue
		}
		rest = append(rest, d)
	}
	return rest, left
}

// Without leaves out the examples that leak.
func Without(examples []Example, leaks []Leak) []Example {
	bad := map[string]bool{}
	for _, l := range leaks {
		bad[l.Example] = true
	}
	var out []Example
	for _, e := range examples {
		if !bad[e.ID] {
			out = append(out, e)
		}
	}
	return out
}
