package compare

import (
	"slices"

	"groundwork/eval"
)

// Difference is how a figure of cell B differs from that of cell A over the same questions, with the 95 %
// interval of a paired bootstrap.
type Difference struct {
	A         string `json:"a"`
	B         string `json:"b"`
	Brings    string `json:"brings"` // what the difference is owed to
	Group     string `json:"group"`
	Measure   string `json:"measure"`
	Lower     bool   `json:"lower_is_better,omitempty"`
	Questions int    `json:"questions"`
	eval.Difference
}

// enough questions for a bootstrap to say anything: of fewer, all alike by chance, the interval has no width.
const enough = 10

// Better and Worse: the whole interval is on that side.
func (d Difference) Better() bool {
	return d.Questions >= enough && (d.Rises() && !d.Lower || d.Falls() && d.Lower)
}

// Worse is the opposite of Better, and not its negation.
func (d Difference) Worse() bool {
	return d.Questions >= enough && (d.Rises() && d.Lower || d.Falls() && !d.Lower)
}

const level = 0.95

// pairs are the differences that matter.
var pairs = []struct{ a, b, brings string }{
	{Base, BaseStore, "retrieval, to the base model"},
	{Tuned, TunedStore, "retrieval, to the tuned model"},
	{BaseStore, TunedStore, "tuning, over the documents"},
	{BaseOpen, TunedOpen, "tuning, over the documents with the gate off"},
	{Base, Tuned, "tuning, without documents"},
	{Base, TunedStore, "both"},
	{BaseOpen, BaseStore, "the gate, to the base model"},
	{TunedOpen, TunedStore, "the gate, to the tuned model"},
}

// measure is a figure of a question; ok is false where the question says nothing about it.
type measure struct {
	name  string
	lower bool
	of    func(eval.Outcome) (value float64, ok bool)
}

func measures() []measure {
	share := func(of, hit func(eval.Outcome) bool) func(eval.Outcome) (float64, bool) {
		return func(o eval.Outcome) (float64, bool) {
			if hit(o) {
				return 1, of(o)
			}
			return 0, of(o)
		}
	}
	all := func(eval.Outcome) bool { return true }
	known := func(o eval.Outcome) bool { return o.Known }
	return []measure{
		{"score", false, share(all, Good)},
		{"right", false, share(known, right)},
		{"wrong", true, share(known, wrong)},
		{"wrongly refused", true, share(known, func(o eval.Outcome) bool { return o.Refused })},
		{"false answers", true, share(func(o eval.Outcome) bool { return !o.Known }, func(o eval.Outcome) bool { return !o.Refused })},
		{"seconds", true, func(o eval.Outcome) (float64, bool) { return o.TotalMs / 1000, true }},
	}
}

// Group is a part of the questions.
type Group struct {
	Name string          `json:"name"`
	IDs  map[string]bool `json:"-"`
}

// The groups that are no question type.
const (
	AllQuestions = "all"
	HeldOut      = "held out"
	TrainedOn    = "trained on"
)

// groups are all questions, each type, and those whose documents were held out from training. Paths in
// heldOut match as gold paths do: one may be an ending of the other.
func groups(set []eval.Question, heldOut []string) []Group {
	all := Group{AllQuestions, map[string]bool{}}
	held, trained := Group{HeldOut, map[string]bool{}}, Group{TrainedOn, map[string]bool{}}
	types := map[string]map[string]bool{}
	for _, q := range set {
		all.IDs[q.ID] = true
		if types[q.Type] == nil {
			types[q.Type] = map[string]bool{}
		}
		types[q.Type][q.ID] = true
		switch {
		case len(heldOut) == 0 || !q.Answerable():
		case !slices.ContainsFunc(q.Gold, func(g eval.Gold) bool { return !listed(g.Path, heldOut) }):
			held.IDs[q.ID] = true
		default:
			trained.IDs[q.ID] = true
		}
	}
	out := []Group{all}
	for _, g := range []Group{held, trained} {
		if len(g.IDs) > 0 {
			out = append(out, g)
		}
	}
	for _, name := range sortedKeys(types) {
		if name != "" {
			out = append(out, Group{name, types[name]})
		}
	}
	return out
}

func (g Group) of(outcomes []eval.Outcome) []eval.Outcome {
	var out []eval.Outcome
	for _, o := range outcomes {
		if g.IDs[o.ID] {
			out = append(out, o)
		}
	}
	return out
}

// differences compares every pair of cells that there is, in every group. Results hold the same questions in the same order.
func differences(results []Result, groups []Group) []Difference {
	byName := map[string][]eval.Outcome{}
	for _, r := range results {
		byName[r.Cell.Name] = r.Outcomes
	}
	var out []Difference
	for _, g := range groups {
		for _, p := range pairs {
			a, b := g.of(byName[p.a]), g.of(byName[p.b])
			if len(a) == 0 || len(a) != len(b) {
				continue
			}
			for _, m := range measures() {
				if d, ok := difference(a, b, m); ok {
					d.A, d.B, d.Brings, d.Group = p.a, p.b, p.brings, g.Name
					out = append(out, d)
				}
			}
		}
	}
	return out
}

func difference(a, b []eval.Outcome, m measure) (Difference, bool) {
	var x, y []float64
	for i := range a {
		if v, ok := m.of(a[i]); ok {
			w, _ := m.of(b[i])
			x, y = append(x, v), append(y, w)
		}
	}
	return Difference{Measure: m.name, Lower: m.lower, Questions: len(x), Difference: eval.Paired(x, y, level)}, len(x) > 0
}
