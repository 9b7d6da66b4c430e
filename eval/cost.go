package eval

// Tokens are what a model server counted.
type Tokens struct {
	Prompt     int `json:"prompt"`
	Completion int `json:"completion"`
}

// Add is the sum of both.
func (t Tokens) Add(o Tokens) Tokens {
	return Tokens{t.Prompt + o.Prompt, t.Completion + o.Completion}
}

// Prices are what a model costs, in any currency: by tokens where it is rented
// so, by time on a machine of one's own. What does not apply is 0.
type Prices struct {
	Prompt     float64 `json:"prompt"`     // a million prompt tokens
	Completion float64 `json:"completion"` // a million tokens of replies
	Hour       float64 `json:"hour"`       // of the machine
}

// Cost of tokens that took seconds of the machine.
func Cost(p Prices, t Tokens, seconds float64) float64 {
	return (p.Prompt*float64(t.Prompt)+p.Completion*float64(t.Completion))/1e6 + p.Hour*seconds/3600
}
