package main

import (
	"context"
	"net/http"

	"groundwork/eval"
)

// evaluator asks one question after the other, or several at once, and scores what comes back.
type evaluator struct {
	texts *texts
	store string
	k     int
	model string // empty: only retrieval is scored
}

// found is the reply of a search with explain.
type foundPassages struct {
	Data     []ranked
	Evidence evidence
}

func (e *evaluator) question(ctx context.Context, q eval.Question) (eval.Outcome, error) {
	o := eval.Outcome{ID: q.ID, Type: q.Type, Question: q.Question, Expected: q.Answer, Known: q.Answerable()}
	found, err := patient(ctx, func() (foundPassages, error) { return e.find(ctx, q.Question) })
	if err != nil {
		return o, err
	}
	var passages []eval.Passage
	for _, r := range found.Data {
		if r.Dropped == nil {
			passages = append(passages, eval.Passage{Path: r.Filename, Text: r.Text})
		}
	}
	o.Evidence = found.Evidence.Strength
	o.Recall = o.Known
	for _, ok := range eval.Found(q, passages) {
		o.Hit, o.Recall = o.Hit || ok, o.Recall && ok
	}
	if e.model == "" {
		return o, nil
	}
	return o, e.answer(ctx, q, &o)
}

func (e *evaluator) find(ctx context.Context, query string) (found foundPassages, err error) {
	err = e.texts.api.call(ctx, http.MethodPost, "/v1/search", map[string]any{"query": query, "store": e.store, "k": e.k, "explain": true}, &found)
	return found, err
}

// answer asks the model and scores its answer.
func (e *evaluator) answer(ctx context.Context, q eval.Question, o *eval.Outcome) error {
	a, err := e.texts.api.timed(ctx, userAsks(e.model, q.Question))
	if err != nil {
		return err
	}
	o.Refused, o.Fingerprint = a.Groundwork.Abstained, a.Groundwork.Fingerprint
	return e.texts.score(ctx, q, a, o)
}
