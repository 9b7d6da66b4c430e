package compare

import (
	"fmt"
	"slices"

	"groundwork/eval"
)

// Cell is one way to answer.
type Cell struct {
	Name  string `json:"name"`  // base, base@S, tuned, tuned@S; those over the store also "…, gate off"
	Model string `json:"model"` // name that the server is asked by
	Tuned bool   `json:"tuned"`
	Store bool   `json:"store"`
	Open  bool   `json:"gate_off"` // the server is told not to abstain before the model was asked
	Style int    `json:"-"`        // of its lines in plots
}

// The names of the cells.
const (
	Base       = "base"
	BaseStore  = "base@S"
	BaseOpen   = "base@S, gate off"
	Tuned      = "tuned"
	TunedStore = "tuned@S"
	TunedOpen  = "tuned@S, gate off"
)

// Cells are the ways to compare: three of the base model, and three of the tuned one when there is an adapter.
func Cells(model, adapter, store string) []Cell {
	cells := []Cell{
		{Name: Base, Model: model},
		{Name: BaseStore, Model: model + "@" + store, Store: true},
		{Name: BaseOpen, Model: model + "@" + store, Store: true, Open: true},
	}
	if adapter != "" {
		model += "+" + adapter
		cells = append(cells,
			Cell{Name: Tuned, Model: model, Tuned: true},
			Cell{Name: TunedStore, Model: model + "@" + store, Tuned: true, Store: true},
			Cell{Name: TunedOpen, Model: model + "@" + store, Tuned: true, Store: true, Open: true})
	}
	styles := map[string]int{Base: 1, BaseStore: 2, Tuned: 3, TunedStore: 4, BaseOpen: 5, TunedOpen: 6}
	for i := range cells {
		cells[i].Style = styles[cells[i].Name]
	}
	return cells
}

// Gated reports whether the server abstained before it asked the model. Where it did not, the
// same answer comes with the gate off, so it need not be asked for again.
func Gated(o eval.Outcome) bool { return o.Refused && len(o.Sources) == 0 }

// Result is what a cell answered.
type Result struct {
	Cell     Cell           `json:"cell"`
	Run      string         `json:"run"` // id of the stored run
	Outcomes []eval.Outcome `json:"-"`   // in the order of the questions
}

// print is the fingerprint of the cell's answers: the first that says anything of its kind.
func (r Result) print() eval.Fingerprint {
	for _, o := range r.Outcomes {
		if o.Fingerprint != (eval.Fingerprint{}) {
			return o.Fingerprint
		}
	}
	return eval.Fingerprint{}
}

// SourcesDiffer names the questions for which base and tuned model were given other passages: then what
// is compared is not the models. Cells without an answer of the model (abstained before it) have no passages.
func SourcesDiffer(results []Result) []string {
	byName := map[string]Result{}
	for _, r := range results {
		byName[r.Cell.Name] = r
	}
	var out []string
	for _, pair := range [][2]string{{BaseStore, TunedStore}, {BaseOpen, TunedOpen}} {
		a, b := byName[pair[0]], byName[pair[1]]
		if len(b.Outcomes) == 0 {
			continue
		}
		for i, o := range a.Outcomes {
			if !slices.Equal(o.Sources, b.Outcomes[i].Sources) {
				out = append(out, fmt.Sprintf("question %s: %s was given %d passages and %s %d, which are not the same", o.ID, pair[0], len(o.Sources), pair[1], len(b.Outcomes[i].Sources)))
			}
		}
	}
	return out
}
