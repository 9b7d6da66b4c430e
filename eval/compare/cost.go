package compare

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// The kinds of prices.
const (
	Machine = "machine" // by the hour, whether or not it answers
	API     = "api"     // by a million tokens
)

// Price is one row of a list of prices.
type Price struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Hour     float64 `json:"hour,omitempty"`   // of a machine
	Input    float64 `json:"input,omitempty"`  // of a million prompt tokens
	Output   float64 `json:"output,omitempty"` // of a million tokens of answers
	Currency string  `json:"currency"`
	Date     string  `json:"date"`   // when it was so
	Source   string  `json:"source"` // who says so
}

// Terms are what costs are worked out from, beside what was measured.
type Terms struct {
	Prices        []Price `json:"prices"`
	Machine       string  `json:"machine"`        // name of the row that stands for the machine that answered; empty: the first
	TrainingHours float64 `json:"training_hours"` // of that machine
	Answers       float64 `json:"answers"`        // that the training is spread over
}

// loads are the shares of its time that the machine is taken to be busy.
var loads = []float64{1, 0.3, 0.1}

// Cost is what a cell's answers cost. A machine costs its hour whether or not it is asked, so an
// answer costs more the less the machine is used.
type Cost struct {
	Cell       string     `json:"cell"`
	PerHour    float64    `json:"answers_per_hour"` // fully busy: 3600 × answers at once ÷ mean seconds of an answer
	Machine    []AtLoad   `json:"machine"`
	APIs       []AtAPI    `json:"apis"`
	Amortised  float64    `json:"training_per_1000,omitempty"` // of a tuned cell; in what the machine costs
	Seconds    float64    `json:"seconds"`                     // mean of an answer
	Tokens     [2]float64 `json:"tokens"`                      // mean of an answer: prompt, completion
	Share      float64    `json:"score"`                       // right and cited, or rightly refused
	Incomplete bool       `json:"tokens_unknown,omitempty"`    // the server counted no tokens: nothing can be said of APIs
}

// AtLoad is the machine's cost at one load.
type AtLoad struct {
	Load     float64  `json:"load"`
	Per1000  float64  `json:"per_1000"`
	PerRight *float64 `json:"per_correct"` // nil: none was
}

// AtAPI is what the same tokens cost at an API, and from how many answers an hour on the machine is no dearer.
type AtAPI struct {
	Name      string   `json:"name"`
	Per1000   float64  `json:"per_1000"`
	Dearer    []bool   `json:"machine_dearer"`   // at each load
	BreakEven *float64 `json:"break_even_load"`  // share of the machine's time; nil: the machine is dearer even when it is always busy
	Answers   float64  `json:"break_even_hour"`  // answers an hour there
	Months    float64  `json:"break_even_month"` // and a month of 730 hours
}

// machine is the row that stands for the machine that answered.
func (t Terms) machine() (Price, error) {
	for _, p := range t.Prices {
		if p.Kind == Machine && (t.Machine == "" || t.Machine == p.Name) {
			return p, nil
		}
	}
	if t.Machine == "" {
		return Price{}, errors.New("the prices hold no machine")
	}
	return Price{}, fmt.Errorf("the prices hold no machine %q", t.Machine)
}

// Check refuses prices that cannot be compared.
func (t Terms) Check() error {
	m, err := t.machine()
	if err != nil {
		return err
	}
	for _, p := range t.Prices {
		switch {
		case p.Name == "" || p.Date == "" || p.Source == "" || p.Currency == "":
			return fmt.Errorf("the price %q needs a name, a currency, a date and a source", p.Name)
		case p.Kind != Machine && p.Kind != API:
			return fmt.Errorf("the price %q is of the kind %q; it must be %s or %s", p.Name, p.Kind, Machine, API)
		case p.Kind == Machine && p.Hour <= 0 || p.Kind == API && (p.Input <= 0 || p.Output < 0):
			return fmt.Errorf("the price %q must be more than 0", p.Name)
		case p.Currency != m.Currency:
			return fmt.Errorf("the price %q is in %s and %q in %s; all must be in one currency", p.Name, p.Currency, m.Name, m.Currency)
		}
	}
	if t.TrainingHours < 0 || t.Answers < 0 || t.TrainingHours > 0 && t.Answers == 0 {
		return errors.New("training hours and the answers they are spread over must not be negative, and the answers not 0")
	}
	return nil
}

// costs of a cell that answered so many questions at once. Terms were checked.
func costs(c Cell, f Figures, atOnce int, t Terms) Cost {
	m, _ := t.machine()
	out := Cost{Cell: c.Name, Seconds: f.Seconds, Tokens: [2]float64{f.Prompt, f.Completion}, Share: f.Score.Value(), Incomplete: f.Prompt == 0}
	if f.Seconds == 0 {
		return out
	}
	out.PerHour = 3600 * float64(max(atOnce, 1)) / f.Seconds
	if c.Tuned && t.Answers > 0 {
		out.Amortised = 1000 * t.TrainingHours * m.Hour / t.Answers
	}
	for _, load := range loads {
		at := AtLoad{Load: load, Per1000: 1000*m.Hour/(out.PerHour*load) + out.Amortised}
		if out.Share > 0 {
			at.PerRight = new(at.Per1000 / 1000 / out.Share)
		}
		out.Machine = append(out.Machine, at)
	}
	for _, p := range t.Prices {
		if p.Kind == API && !out.Incomplete {
			out.APIs = append(out.APIs, out.at(p, m))
		}
	}
	slices.SortStableFunc(out.APIs, func(a, b AtAPI) int { return cmp.Compare(a.Per1000, b.Per1000) })
	return out
}

func (c Cost) at(p, m Price) AtAPI {
	a := AtAPI{Name: p.Name, Per1000: (c.Tokens[0]*p.Input + c.Tokens[1]*p.Output) / 1000}
	for _, at := range c.Machine {
		a.Dearer = append(a.Dearer, at.Per1000 > a.Per1000)
	}
	if spare := a.Per1000 - c.Amortised; spare > 0 { // what the machine's hours may cost
		a.Answers = 1000 * m.Hour / spare
		a.Months = a.Answers * 730
		if load := a.Answers / c.PerHour; load <= 1 {
			a.BreakEven = &load
		}
	}
	return a
}

// Formula says how costs are worked out.
const Formula = "answers an hour = 3600 × answers at once ÷ mean seconds of an answer; " +
	"machine, 1,000 answers = 1000 × price of an hour ÷ (answers an hour × load) + for tuned cells 1000 × training hours × price of an hour ÷ answers; " +
	"a correct one = that ÷ 1000 ÷ score; API, 1,000 answers = (prompt tokens × input price + tokens of the answer × output price) ÷ 1000; " +
	"break-even = price of an hour ÷ (price of an answer at the API − training of an answer)."
