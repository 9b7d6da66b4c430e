package main

import (
	"context"
	"fmt"

	"groundwork/eval"
	"groundwork/eval/compare"
)

// cellAsker asks questions of cells and scores what comes back.
type cellAsker struct {
	texts *texts
	is    compare.Comparison
}

func (a *cellAsker) ask(ctx context.Context, cell compare.Cell, q eval.Question) (eval.Outcome, error) {
	return a.askWith(ctx, cell, q, q.Question)
}

// askWith asks in other words than the question's own, such as with a document in front.
func (a *cellAsker) askWith(ctx context.Context, cell compare.Cell, q eval.Question, message string) (eval.Outcome, error) {
	said, err := a.texts.api.timed(ctx, a.request(cell, message))
	if err != nil {
		return eval.Outcome{}, err
	}
	return a.outcome(ctx, cell, q, said)
}

func (a *cellAsker) request(cell compare.Cell, message string) map[string]any {
	body := userAsks(cell.Model, message)
	body["temperature"], body["seed"], body["max_tokens"] = 0, a.is.Setup.Seed, a.is.Setup.MaxTokens
	if !cell.Store {
		body["messages"] = []map[string]string{{"role": "system", "content": compare.Plain}, {"role": "user", "content": message}}
		body["cache_prompt"] = false
		return body
	}
	own := map[string]any{"isolated": true}
	if cell.Open {
		own["abstain"] = "off"
	}
	if a.is.Budget > 0 {
		own["context_budget"] = a.is.Budget // the same room for every cell, however fast the server is just now
	}
	body["groundwork"] = own
	return body
}

func (a *cellAsker) outcome(ctx context.Context, cell compare.Cell, q eval.Question, said timed) (eval.Outcome, error) {
	o := eval.Outcome{ID: q.ID, Type: q.Type, Question: q.Question, Expected: q.Answer, Known: q.Answerable()}
	if cell.Store {
		o.Refused, o.Fingerprint = said.Groundwork.Abstained, said.Groundwork.Fingerprint
		o.Fingerprint.IndexGeneration = 0 // it counts the changes of all stores; the setup has a hash of this one's documents
		if err := a.passages(ctx, q, said.Groundwork, &o); err != nil {
			return o, err
		}
	} else {
		o.Refused = compare.Refuses(said.Text)
		o.Fingerprint = eval.Fingerprint{Model: a.is.Setup.Model, Prompt: "plain-" + a.is.Setup.Prompt}
		if cell.Tuned {
			o.Fingerprint.Adapter = a.is.Setup.Adapter
		}
	}
	return o, a.texts.score(ctx, q, said, &o)
}

// passages notes what the model was given.
func (a *cellAsker) passages(ctx context.Context, q eval.Question, g details, o *eval.Outcome) error {
	var passages []eval.Passage
	for _, source := range g.Sources {
		text, err := a.texts.of(ctx, source.DocumentID)
		if err != nil {
			return err
		}
		o.Sources = append(o.Sources, fmt.Sprintf("%s:%d-%d", source.Filename, source.Start, source.End))
		passages = append(passages, eval.Passage{Path: source.Filename, Text: between(text, source.Start, source.End)})
	}
	o.Recall = o.Known
	for _, ok := range eval.Found(q, passages) {
		o.Hit, o.Recall = o.Hit || ok, o.Recall && ok
	}
	return nil
}
