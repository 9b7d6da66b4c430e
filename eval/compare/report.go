package compare

import (
	"errors"
	"fmt"
	"time"

	"groundwork/eval"
)

// Setup is what was compared and with what. Two comparisons of one setup are repetitions of each other.
type Setup struct {
	Server        string `json:"server,omitempty"`
	Store         string `json:"store"`
	Corpus        string `json:"corpus"` // hash of the documents: names and contents
	QuestionsFile string `json:"questions_file"`
	Questions     string `json:"questions"` // hash
	Model         string `json:"model"`
	Adapter       string `json:"adapter,omitempty"`
	Prompt        string `json:"prompt"` // hash of Plain
	Seed          int    `json:"seed"`
	MaxTokens     int    `json:"max_tokens"`
	Safety        bool   `json:"safety,omitempty"`
	Budget        int    `json:"context_budget,omitempty"` // that was asked for; 0: what the server's speed allowed
	Client        string `json:"client,omitempty"`
}

// Comparison is a setup under way or done.
type Comparison struct {
	ID       string         `json:"id"`
	Setup    Setup          `json:"setup"`
	Budget   int            `json:"context_budget,omitempty"` // prompt tokens for passages, the same for every question
	AtOnce   int            `json:"at_once"`
	Hardware string         `json:"hardware"`
	Facts    map[string]any `json:"model_facts,omitempty"` // what the server knows of its chat model
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished,omitzero"`
}

// Input is everything that a report is made of.
type Input struct {
	Comparison Comparison
	Questions  []eval.Question
	Results    []Result // each with the outcome of every question
	Safety     []Result // likewise, of Attacks; empty: not tried
	HeldOut    []string // paths of documents that the adapter was not trained on
	Terms      Terms
	Thresholds Thresholds
}

// Report is what a comparison showed.
type Report struct {
	Comparison  Comparison   `json:"comparison"`
	Prompt      string       `json:"plain_prompt"`
	Questions   int          `json:"questions"`
	Missing     []string     `json:"missing"` // what was not compared, and how it can be
	Errors      []string     `json:"errors"`  // why the figures must not be used
	Cells       []CellReport `json:"cells"`
	Groups      []GroupShare `json:"groups"`
	Differences []Difference `json:"differences"`
	Conclusions []string     `json:"conclusions"` // what tuning and retrieval brought, in words
	Verdicts    []Verdict    `json:"verdicts"`
	Terms       Terms        `json:"cost_terms"`
	Formula     string       `json:"cost_formula"`
	Thresholds  Thresholds   `json:"thresholds"`
	Side        []Side       `json:"side_by_side"`
}

// CellReport is what one cell showed.
type CellReport struct {
	Cell
	Run         string           `json:"run"`
	Fingerprint eval.Fingerprint `json:"fingerprint"`
	All         Figures          `json:"figures"`
	Cost        Cost             `json:"cost"`
	Safety      *SafetyFigures   `json:"safety,omitempty"`
	Curves      Curves           `json:"curves"`
}

// Curves are distributions by percentile, for plots.
type Curves struct {
	First  [][2]float64 `json:"first_token_ms"`
	Total  [][2]float64 `json:"total_ms"`
	Prompt [][2]float64 `json:"prompt_tokens"`
	Answer [][2]float64 `json:"completion_tokens"`
}

// GroupShare is a group's scores by cell.
type GroupShare struct {
	Name      string          `json:"name"`
	Questions int             `json:"questions"`
	Score     map[string]Rate `json:"score"` // by cell
	Right     map[string]Rate `json:"right"`
	Best      []string        `json:"best"` // the cells with the highest score
}

// Side is one question with what every cell answered.
type Side struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"`
	Question string      `json:"question"`
	Expected string      `json:"expected"`
	Known    bool        `json:"answerable"`
	Cells    []SideReply `json:"cells"`
}

// SideReply is one cell's answer.
type SideReply struct {
	Cell    string      `json:"cell"`
	Answer  string      `json:"answer"`
	Verdict string      `json:"verdict"` // in words
	Good    bool        `json:"good"`
	Cites   []eval.Cite `json:"cites"`
	TotalMs float64     `json:"total_ms"`
}

// New makes the report.
func New(in Input) (Report, error) {
	if err := in.Terms.Check(); err != nil {
		return Report{}, fmt.Errorf("prices: %w", err)
	}
	if len(in.Results) == 0 || len(in.Questions) == 0 {
		return Report{}, errors.New("there is nothing to compare")
	}
	results, err := aligned(in.Results, in.Questions)
	if err != nil {
		return Report{}, err
	}
	r := Report{Comparison: in.Comparison, Prompt: Plain, Questions: len(in.Questions), Missing: missing(in), Errors: SourcesDiffer(results),
		Terms: in.Terms, Formula: Formula, Thresholds: in.Thresholds}
	if r.Errors == nil {
		r.Errors = []string{}
	}
	safety := map[string]Result{}
	for _, s := range in.Safety {
		safety[s.Cell.Name] = s
	}
	for _, result := range results {
		c := CellReport{Cell: result.Cell, Run: result.Run, Fingerprint: result.print(), All: figures(result.Outcomes), Curves: curves(result.Outcomes)}
		c.Cost = costs(c.Cell, c.All, in.Comparison.AtOnce, in.Terms)
		if s, ok := safety[c.Name]; ok {
			c.Safety = safetyFigures(s.Outcomes)
		}
		r.Cells = append(r.Cells, c)
		r.Verdicts = append(r.Verdicts, in.Thresholds.judge(c))
	}
	parts := groups(in.Questions, in.HeldOut)
	r.Groups, r.Differences, r.Side = shares(results, parts), differences(results, parts), sides(results, in.Questions)
	r.Conclusions = conclusions(r.Differences)
	return r, nil
}

// aligned puts every cell's outcomes into the order of the questions.
func aligned(results []Result, set []eval.Question) ([]Result, error) {
	out := make([]Result, len(results))
	for i, r := range results {
		byID := map[string]eval.Outcome{}
		for _, o := range r.Outcomes {
			byID[o.ID] = o
		}
		out[i] = r
		out[i].Outcomes = make([]eval.Outcome, len(set))
		for j, q := range set {
			o, ok := byID[q.ID]
			if !ok {
				return nil, fmt.Errorf("%s has no answer to question %s", r.Cell.Name, q.ID)
			}
			out[i].Outcomes[j] = o
		}
	}
	return out, nil
}

// missing says what a comparison could have shown beside.
func missing(in Input) []string {
	out := []string{}
	if in.Comparison.Setup.Adapter == "" {
		out = append(out, "The tuned model: no adapter was named (--tuned ADAPTER), so only the base model is compared, with retrieval and without.")
	} else if len(in.HeldOut) == 0 {
		out = append(out, "What the tuned model does on documents that it was not trained on: no list of them was given (--heldout FILE).")
	}
	if len(in.Safety) == 0 {
		out = append(out, "Documents with hidden instructions: they were not tried (--safety).")
	}
	if !in.Thresholds.Asked() {
		out = append(out, "A decision: no threshold was set (--min-score, --max-false …, or --thresholds FILE).")
	}
	return out
}

func shares(results []Result, parts []Group) []GroupShare {
	var out []GroupShare
	for _, g := range parts {
		s := GroupShare{Name: g.Name, Questions: len(g.IDs), Score: map[string]Rate{}, Right: map[string]Rate{}}
		best := 0
		for _, r := range results {
			f := figures(g.of(r.Outcomes))
			s.Score[r.Cell.Name], s.Right[r.Cell.Name] = f.Score, f.Right
			best = max(best, f.Score.N)
		}
		for _, r := range results {
			if best > 0 && s.Score[r.Cell.Name].N == best {
				s.Best = append(s.Best, r.Cell.Name)
			}
		}
		out = append(out, s)
	}
	return out
}
