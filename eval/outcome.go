package eval

// Outcome is one question's result.
type Outcome struct {
	ID       string  `json:"id"`
	Type     string  `json:"type"`
	Question string  `json:"question"`
	Expected string  `json:"expected"`
	Answer   string  `json:"answer,omitempty"`
	Known    bool    `json:"answerable"`
	Hit      bool    `json:"hit"`      // any gold quote was retrieved
	Recall   bool    `json:"recall"`   // all of them
	Evidence float64 `json:"evidence"` // what the decision to answer or to abstain was made by

	Answered bool     `json:"answered"` // the model was asked; without it nothing below says anything
	Right    bool     `json:"right"`
	Refused  bool     `json:"refused"`
	Facts    float64  `json:"key_facts"`         // share of the key facts
	F1       float64  `json:"token_f1"`          // with the expected answer
	Numbers  *float64 `json:"numbers,omitempty"` // share of the expected numbers; nil when none is expected

	Cited             bool    `json:"cited"`
	Verbatim          bool    `json:"verbatim"` // every citation is the document's text at its offsets
	CitationPrecision float64 `json:"citation_precision"`
	CitationRecall    float64 `json:"citation_recall"`
	CitationsResolved float64 `json:"citations_resolved"`

	Unsupported int      `json:"unsupported,omitempty"` // sentences, or citations, of the answer that no passage supports
	Sources     []string `json:"sources,omitempty"`     // passages that the model was given: path:start-end
	Cites       []Cite   `json:"cites,omitempty"`

	FirstMs     float64     `json:"first_token_ms,omitempty"`
	TotalMs     float64     `json:"total_ms,omitempty"`
	Tokens      Tokens      `json:"tokens"`
	Fingerprint Fingerprint `json:"fingerprint"`
}

// Cite is a citation to be shown.
type Cite struct {
	Path  string `json:"path"`
	Quote string `json:"quote"`
}

// Fingerprint is what made an answer, as the server tells.
type Fingerprint struct {
	Model           string `json:"model,omitempty"`
	Adapter         string `json:"adapter,omitempty"`
	Quantisation    string `json:"quantisation,omitempty"`
	Embedding       string `json:"embedding,omitempty"`
	Reranker        string `json:"reranker,omitempty"`
	IndexGeneration int    `json:"index_generation,omitempty"`
	Prompt          string `json:"prompt,omitempty"`
	Code            string `json:"code,omitempty"`
}

// Summary adds outcomes up.
type Summary struct {
	Hit            Share `json:"hit"`             // of the answerable
	Recall         Share `json:"recall"`          // of the answerable
	Right          Share `json:"right"`           // of the answerable
	WronglyRefused Share `json:"wrongly_refused"` // of the answerable
	RightlyRefused Share `json:"rightly_refused"` // of the unanswerable
	Cited          Share `json:"cited"`           // of the answers that are no refusals
	Verbatim       Share `json:"verbatim"`        // likewise

	Facts             float64  `json:"key_facts"` // means over the answerable, refusals counting 0
	F1                float64  `json:"token_f1"`
	Numbers           float64  `json:"numbers"`            // mean over those with a number in the expected answer
	CitationPrecision float64  `json:"citation_precision"` // mean over the answerable that have citations
	CitationRecall    float64  `json:"citation_recall"`    // mean over the answerable
	CitationsResolved float64  `json:"citations_resolved"` // mean over the answers with citations
	BalancedAccuracy  *float64 `json:"balanced_accuracy"`  // of the decision to answer; null unless there are both kinds
	AUROC             *float64 `json:"auroc"`              // of the evidence; likewise
	First             Latency  `json:"first_token_ms"`     // of the answers that are no refusals
	Total             Latency  `json:"total_ms"`
	Tokens            Tokens   `json:"tokens"`
	Seconds           float64  `json:"seconds"` // of all answers together
	Cost              float64  `json:"cost"`
}

// Summarise counts. Prices of zero make no costs.
func Summarise(outcomes []Outcome, prices Prices) Summary {
	s := count(outcomes)
	var facts, f1, numbers, precision, recall, resolved, first, total []float64
	for _, o := range outcomes {
		if !o.Answered {
			continue
		}
		s.Tokens = s.Tokens.Add(o.Tokens)
		s.Seconds += o.TotalMs / 1000
		total = append(total, o.TotalMs)
		if o.Known {
			facts, f1, recall = append(facts, o.Facts), append(f1, o.F1), append(recall, o.CitationRecall)
			if o.Numbers != nil {
				numbers = append(numbers, *o.Numbers)
			}
			if o.Cited {
				precision = append(precision, o.CitationPrecision)
			}
		}
		if o.Cited {
			resolved = append(resolved, o.CitationsResolved)
		}
		if !o.Refused {
			first = append(first, o.FirstMs)
		}
	}
	s.Facts, s.F1, s.Numbers = mean(facts), mean(f1), mean(numbers)
	s.CitationPrecision, s.CitationRecall, s.CitationsResolved = mean(precision), mean(recall), mean(resolved)
	s.First, s.Total = LatencyOf(first), LatencyOf(total)
	s.Cost = Cost(prices, s.Tokens, s.Seconds)
	if area, ok := AUROC(Evidence(outcomes)); ok {
		s.AUROC = &area
	}
	if accuracy, ok := BalancedAccuracy(Decisions(outcomes)); ok {
		s.BalancedAccuracy = &accuracy
	}
	return s
}

func count(outcomes []Outcome) (s Summary) {
	for _, o := range outcomes {
		if o.Known {
			s.Hit.add(o.Hit)
			s.Recall.add(o.Recall)
		}
		switch {
		case !o.Answered:
			continue
		case o.Known:
			s.Right.add(o.Right && !o.Refused)
			s.WronglyRefused.add(o.Refused)
		default:
			s.RightlyRefused.add(o.Refused)
		}
		if !o.Refused {
			s.Cited.add(o.Cited)
			s.Verbatim.add(o.Verbatim)
		}
	}
	return s
}

// Evidence is what the decisions of a run hang on.
func Evidence(outcomes []Outcome) []Scored {
	out := make([]Scored, len(outcomes))
	for i, o := range outcomes {
		out[i] = Scored{o.Evidence, o.Known}
	}
	return out
}

// Decisions are those of the outcomes with an answer.
func Decisions(outcomes []Outcome) []Decision {
	var out []Decision
	for _, o := range outcomes {
		if o.Answered {
			out = append(out, Decision{o.Known, o.Refused})
		}
	}
	return out
}
