package compare

import (
	"slices"

	"groundwork/eval"
)

// sides puts the cells' answers next to each other.
func sides(results []Result, set []eval.Question) []Side {
	out := make([]Side, len(set))
	for i, q := range set {
		out[i] = Side{ID: q.ID, Type: q.Type, Question: q.Question, Expected: q.Answer, Known: q.Answerable()}
		for _, r := range results {
			o := r.Outcomes[i]
			cites := o.Cites
			if cites == nil {
				cites = []eval.Cite{}
			}
			out[i].Cells = append(out[i].Cells, SideReply{Cell: r.Cell.Name, Answer: o.Answer, Verdict: inWords(r.Cell, o), Good: Good(o), Cites: cites, TotalMs: o.TotalMs})
		}
	}
	return out
}

// inWords is what became of a question.
func inWords(c Cell, o eval.Outcome) string {
	switch {
	case o.Known && o.Refused:
		return "wrongly refused"
	case o.Refused:
		return "rightly refused"
	case !o.Known:
		return "answered what the documents do not say"
	case !o.Right:
		return "wrong"
	case !c.Store:
		return "right, without a citation"
	case Good(o):
		return "right and cited"
	case !o.Cited:
		return "right, not cited"
	}
	return "right, not all of it supported"
}

// percentiles of a plot; those that too few values back are left out.
var percentiles = []float64{0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 97.5, 99}

func curves(outcomes []eval.Outcome) Curves {
	of := func(value func(eval.Outcome) float64) [][2]float64 {
		var values []float64
		for _, o := range outcomes {
			values = append(values, value(o))
		}
		return curve(values)
	}
	return Curves{
		First:  curve(firsts(outcomes)),
		Total:  of(func(o eval.Outcome) float64 { return o.TotalMs }),
		Prompt: of(func(o eval.Outcome) float64 { return float64(o.Tokens.Prompt) }),
		Answer: of(func(o eval.Outcome) float64 { return float64(o.Tokens.Completion) }),
	}
}

func curve(values []float64) [][2]float64 {
	out := [][2]float64{}
	slices.Sort(values)
	for _, p := range percentiles {
		if n := float64(len(values)); n > 0 && n*(100-p)/100 >= 1 {
			out = append(out, [2]float64{p, eval.Percentile(values, p)})
		}
	}
	return out
}
