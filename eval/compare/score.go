package compare

import (
	"math"

	"groundwork/eval"
)

// Good is the headline score of a question: answered right with citations that all resolve and nothing
// unsupported, or rightly refused.
func Good(o eval.Outcome) bool {
	if !o.Known {
		return o.Refused
	}
	return right(o) && o.Cited && o.CitationsResolved == 1 && o.Unsupported == 0
}

func right(o eval.Outcome) bool { return o.Known && o.Right && !o.Refused }

// wrong: an answer to a question that the documents answer, and not the right one.
func wrong(o eval.Outcome) bool { return o.Known && !o.Refused && !o.Right }

// Rate is a share with its 95 % interval.
type Rate struct {
	eval.Share
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Value is the share, 0 to 1.
func (r Rate) Value() float64 { return r.Percent() / 100 }

// z is the normal distribution's 97.5th percentile.
const z = 1.959963984540054

// rate counts; its interval is Wilson's, which is sound for few questions and for shares of 0 and 1.
// Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
func rate(outcomes []eval.Outcome, of, hit func(eval.Outcome) bool) Rate {
	var r Rate
	for _, o := range outcomes {
		if of(o) {
			r.Of++
			if hit(o) {
				r.N++
			}
		}
	}
	if r.Of == 0 {
		return r
	}
	n, p := float64(r.Of), r.Value()
	middle, half := (p+z*z/(2*n))/(1+z*z/n), z/(1+z*z/n)*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	r.Low, r.High = max(middle-half, 0), min(middle+half, 1)
	return r
}

// Figures are what is told of a cell's answers.
type Figures struct {
	Questions      int  `json:"questions"`
	Score          Rate `json:"score"`           // Good, of all
	Right          Rate `json:"right"`           // of the answerable
	Wrong          Rate `json:"wrong"`           // of the answerable: answered, and not right
	WronglyRefused Rate `json:"wrongly_refused"` // of the answerable
	RightlyRefused Rate `json:"rightly_refused"` // of the unanswerable
	FalseAnswers   Rate `json:"false_answers"`   // of the unanswerable: answered all the same
	Cited          Rate `json:"cited"`           // of the answers that are no refusals
	Resolved       Rate `json:"resolved"`        // of the answers with citations: all are the documents' text at their offsets
	Supported      Rate `json:"supported"`       // of the answers over the store that are no refusals: nothing is unsupported

	CitationPrecision float64 `json:"citation_precision"` // means over the answerable
	CitationRecall    float64 `json:"citation_recall"`

	First      eval.Latency `json:"first_token_ms"` // of the answers that the model made
	Total      eval.Latency `json:"total_ms"`
	Seconds    float64      `json:"seconds"`           // mean of a whole answer
	Prompt     float64      `json:"prompt_tokens"`     // mean of an answer, as the model server counted
	Completion float64      `json:"completion_tokens"` // likewise
}

func figures(outcomes []eval.Outcome) Figures {
	all := func(eval.Outcome) bool { return true }
	known := func(o eval.Outcome) bool { return o.Known }
	unknown := func(o eval.Outcome) bool { return !o.Known }
	refused := func(o eval.Outcome) bool { return o.Refused }
	answered := func(o eval.Outcome) bool { return !o.Refused }
	f := Figures{
		Questions: len(outcomes), Score: rate(outcomes, all, Good), Right: rate(outcomes, known, right), Wrong: rate(outcomes, known, wrong),
		WronglyRefused: rate(outcomes, known, refused), RightlyRefused: rate(outcomes, unknown, refused), FalseAnswers: rate(outcomes, unknown, answered),
		Cited:     rate(outcomes, answered, func(o eval.Outcome) bool { return o.Cited }),
		Resolved:  rate(outcomes, func(o eval.Outcome) bool { return o.Cited }, func(o eval.Outcome) bool { return o.CitationsResolved == 1 }),
		Supported: rate(outcomes, func(o eval.Outcome) bool { return !o.Refused && len(o.Sources) > 0 }, func(o eval.Outcome) bool { return o.Unsupported == 0 }),
	}
	s := eval.Summarise(outcomes, eval.Prices{})
	f.CitationPrecision, f.CitationRecall, f.Total = s.CitationPrecision, s.CitationRecall, s.Total
	if n := float64(len(outcomes)); n > 0 {
		f.Seconds, f.Prompt, f.Completion = s.Seconds/n, float64(s.Tokens.Prompt)/n, float64(s.Tokens.Completion)/n
	}
	f.First = eval.LatencyOf(firsts(outcomes))
	return f
}

// firsts are the times to the first token of answers that the model made.
func firsts(outcomes []eval.Outcome) []float64 {
	var out []float64
	for _, o := range outcomes {
		if !Gated(o) || o.Tokens.Completion > 0 {
			out = append(out, o.FirstMs)
		}
	}
	return out
}
