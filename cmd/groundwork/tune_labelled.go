package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"groundwork/eval"
	"groundwork/eval/tune"
	"groundwork/rag"
)

// partOut reads what is to be left out and what may be learnt: the labelled questions about documents that are held
// out, and those that nothing answers, become a question set that the training set must not know.
func (d *datasetRun) partOut(sets []tune.Set) (learn []eval.Question, all []tune.Set, held []string, err error) {
	if d.heldOut != "" {
		if held, err = heldOut(d.heldOut); err != nil {
			return nil, nil, nil, err
		}
	}
	labelled, err := questionSets(d.labelled)
	if err != nil {
		return nil, nil, nil, err
	}
	all = slices.Clone(sets)
	for _, s := range labelled {
		some, ask := tune.Learnable(s.Questions, held)
		learn = append(learn, some...)
		if len(ask) > 0 {
			all = append(all, tune.Set{Name: s.Name + ", held out", SHA256: s.SHA256, Questions: ask})
		}
	}
	return learn, all, held, nil
}

// asker asks a store what an answer's prompt would hold.
type asker struct {
	api       *client
	store     string
	docs      []tune.Document
	k, budget int
}

// label asks the store about each question, as if it had none of the documents left out.
func (c *cli) label(ctx context.Context, a asker, learn []eval.Question, left []string) ([]tune.Labelled, error) {
	steps := c.tuneSteps()
	var out []tune.Labelled
	for i, q := range learn {
		given, err := a.given(ctx, q.Question, left)
		if err != nil {
			return nil, fmt.Errorf("question %s: %w", q.ID, err)
		}
		var golds []string
		for _, g := range q.Gold {
			golds = append(golds, g.Path)
		}
		_, answering := tune.HoldOut(a.docs, golds)
		apart, err := a.given(ctx, q.Question, slices.Concat(left, answering))
		if err != nil {
			return nil, fmt.Errorf("question %s: %w", q.ID, err)
		}
		out = append(out, tune.Labelled{Question: q, Given: given, Without: apart})
		steps("asking the store", i+1, len(learn))
	}
	return out, nil
}

// given are the passages that the store's own way gives for a question, in the order of their worth.
func (a asker) given(ctx context.Context, question string, without []string) ([]rag.Source, error) {
	body := map[string]any{"query": question, "store": a.store, "k": a.k, "explain": true, "abstain": "off"}
	if a.budget > 0 {
		body["context_budget"] = a.budget
	}
	if len(without) > 0 {
		body["filters"] = map[string]any{"type": "nin", "key": "groundwork.path", "value": without}
	}
	var reply struct {
		Data        []ranked
		Explanation explanation
	}
	if err := a.api.call(ctx, http.MethodPost, "/v1/search", body, &reply); err != nil {
		return nil, err
	}
	e := reply.Explanation
	if e.PromptError != "" {
		return nil, fmt.Errorf("no prompt can be made: %s", e.PromptError)
	}
	worth := func(chunk string) int {
		return slices.IndexFunc(reply.Data, func(r ranked) bool { return r.ChunkID == chunk })
	}
	var out []rag.Source
	for i, chunk := range e.Given {
		p, ok := a.passage(chunk)
		if !ok || i >= len(e.Spans) {
			return nil, errors.New("the store's documents changed meanwhile: start again")
		}
		text := []rune(p.Text)
		p.Text = between(text, e.Spans[i][0]-p.Start, e.Spans[i][1]-p.Start)
		p.Start, p.End = e.Spans[i][0], e.Spans[i][1]
		out = append(out, rag.Source{Passage: p})
	}
	slices.SortStableFunc(out, func(x, y rag.Source) int { return worth(x.Passage.ChunkID) - worth(y.Passage.ChunkID) })
	for i := range out {
		out[i].Index = i + 1
	}
	return out, nil
}

func (a asker) passage(chunk string) (rag.Passage, bool) {
	for _, d := range a.docs {
		for _, p := range d.Passages {
			if p.ChunkID == chunk {
				return p, true
			}
		}
	}
	return rag.Passage{}, false
}

// own asks the chat model without retrieval, greedily and anew.
func (c *client) own(model string) tune.Own {
	return func(ctx context.Context, messages []tune.Message) (string, error) {
		return patient(ctx, func() (string, error) {
			var reply struct {
				Choices []struct{ Message struct{ Content string } }
			}
			err := c.call(ctx, http.MethodPost, "/v1/chat/completions",
				map[string]any{"model": model, "messages": messages, "max_tokens": ownTokens, "temperature": 0, "seed": 1, "cache_prompt": false}, &reply)
			if err != nil || len(reply.Choices) == 0 {
				return "", err
			}
			return reply.Choices[0].Message.Content, nil
		})
	}
}

// ownTokens is more than an answer of three short sentences has.
const ownTokens = 120
