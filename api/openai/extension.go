package openai

import "encoding/json"

// Extension is the request's member groundwork: what OpenAI's API has no word for.
type Extension struct {
	Abstain       string `json:"abstain"`        // off, balanced or strict, for this question; empty: as configured
	ContextBudget int    `json:"context_budget"` // prompt tokens for passages, instead of what the measured speed allows; 0: that

	Isolated bool `json:"isolated"` // nothing of earlier questions has a part in the answer

	Filter *Filter `json:"-"` // documents that are searched; nil: all
}

// maxBudget is more than any model's window; the window bounds a budget anyway.
const maxBudget = 1 << 20

var abstain = exactly(`"off"`, `"balanced"`, `"strict"`)

func toExtension(raw json.RawMessage) (Extension, *Invalid) {
	var f Fields
	decode(raw, &f)
	bad := check(f, "groundwork.", map[string]rule{
		"abstain": abstain, "context_budget": integer(1, maxBudget), "isolated": boolean, "filters": object,
	})
	if bad != nil {
		return Extension{}, bad
	}
	var e Extension
	decode(raw, &e)
	e.Filter, bad = ToFilter(f["filters"], "groundwork.filters")
	return e, bad
}
