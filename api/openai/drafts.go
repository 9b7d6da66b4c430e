package openai

import (
	"encoding/json"
	"slices"
)

// DraftEdit is the body of POST /v1/drafts/{id}/{draft_id}: what a person says of a
// drafted question. Nil members stay as they are.
type DraftEdit struct {
	Status      *string   `json:"status"`
	Question    *string   `json:"question"`
	Answer      *string   `json:"answer"`
	MustContain *[]string `json:"must_contain"`
}

// ToDraftEdit reads it.
func ToDraftEdit(f Fields) (e DraftEdit, bad *Invalid) {
	texts := as[[]string]("an array of strings")
	if bad = check(f, "", map[string]rule{"status": draftStatus, "question": text, "answer": text, "must_contain": texts}); bad != nil {
		return e, bad
	}
	for name, to := range map[string]any{"status": &e.Status, "question": &e.Question, "answer": &e.Answer, "must_contain": &e.MustContain} {
		if raw, there := f[name]; there {
			_ = json.Unmarshal(raw, to) // the rules have read it
		}
	}
	return e, nil
}

func draftStatus(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil || !slices.Contains([]string{"draft", "accepted", "dropped"}, s) {
		return "must be draft, accepted or dropped"
	}
	return ""
}
