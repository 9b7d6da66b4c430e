package eval

import "slices"

// Measure is one figure of a question that two runs are compared by.
type Measure struct {
	Name  string
	Lower bool // less is better
	// Of gives the figure; ok is false where the question says nothing about it.
	Of func(o Outcome) (value float64, ok bool)
}

// Measures are what `eval diff` compares, each between 0 and 1 but for the times.
// The first token's time is told, and is no reason to fail: it is the machine's.
func Measures() []Measure {
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	answerable := func(f func(o Outcome) float64) func(Outcome) (float64, bool) {
		return func(o Outcome) (float64, bool) { return f(o), o.Known }
	}
	answered := func(f func(o Outcome) float64) func(Outcome) (float64, bool) {
		return func(o Outcome) (float64, bool) { return f(o), o.Known && o.Answered }
	}
	return []Measure{
		{Name: "hit", Of: answerable(func(o Outcome) float64 { return flag(o.Hit) })},
		{Name: "recall", Of: answerable(func(o Outcome) float64 { return flag(o.Recall) })},
		{Name: "right", Of: answered(func(o Outcome) float64 { return flag(o.Right && !o.Refused) })},
		{Name: "key_facts", Of: answered(func(o Outcome) float64 { return o.Facts })},
		{Name: "token_f1", Of: answered(func(o Outcome) float64 { return o.F1 })},
		{Name: "wrongly_refused", Lower: true, Of: answered(func(o Outcome) float64 { return flag(o.Refused) })},
		{Name: "wrongly_answered", Lower: true, Of: func(o Outcome) (float64, bool) { return flag(!o.Refused), !o.Known && o.Answered }},
		{Name: "citation_recall", Of: answered(func(o Outcome) float64 { return o.CitationRecall })},
		{Name: "citations_resolved", Of: func(o Outcome) (float64, bool) { return o.CitationsResolved, o.Answered && o.Cited && !o.Refused }},
	}
}

// Change is how one figure differs between two runs over the questions that both asked.
type Change struct {
	Measure   string  `json:"measure"`
	Lower     bool    `json:"lower_is_better,omitempty"`
	Questions int     `json:"questions"`
	A         float64 `json:"a"`
	B         float64 `json:"b"`
	Difference
	Worse  bool `json:"worse"`  // significantly
	Better bool `json:"better"` // significantly
}

// alarm is the chance, at most, that a run that is no worse gets any figure marked as worse.
const alarm = 0.05

// enough questions for a bootstrap to say anything: of fewer, all alike by chance, an interval has no width.
const enough = 10

// Diff compares run b with run a, question by question. Questions of one run alone are left out.
// A figure is worse when the upper end of its interval is below 0; the intervals are as wide as the number of figures
// compared asks for (Bonferroni), so that all of them together give a false alarm in 1 of 20 comparisons at most.
func Diff(a, b []Outcome) []Change {
	pairs := pair(a, b)
	var out []Change
	var values [][2][]float64
	for _, m := range Measures() {
		var v [2][]float64
		for _, p := range pairs {
			x, okA := m.Of(p[0])
			y, okB := m.Of(p[1])
			if okA && okB {
				v[0], v[1] = append(v[0], x), append(v[1], y)
			}
		}
		if len(v[0]) > 0 {
			out = append(out, Change{Measure: m.Name, Lower: m.Lower, Questions: len(v[0]), A: mean(v[0]), B: mean(v[1])})
			values = append(values, v)
		}
	}
	level := 1 - 2*alarm/float64(max(len(out), 1))
	for i := range out {
		c := &out[i]
		c.Difference = Paired(values[i][0], values[i][1], level)
		c.Worse, c.Better = c.Falls() && c.Questions >= enough, c.Rises() && c.Questions >= enough
		if c.Lower {
			c.Worse, c.Better = c.Better, c.Worse
		}
	}
	return out
}

// Worse reports whether any figure fell significantly.
func Worse(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Worse })
}

// pair joins the outcomes of both runs by question, in a's order.
func pair(a, b []Outcome) [][2]Outcome {
	byID := make(map[string]Outcome, len(b))
	for _, o := range b {
		byID[o.ID] = o
	}
	var out [][2]Outcome
	for _, o := range a {
		if other, ok := byID[o.ID]; ok && other.Question == o.Question {
			out = append(out, [2]Outcome{o, other})
		}
	}
	return out
}
