package rag

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Sent is what went to the model for an answer.
type Sent struct {
	Messages []Message
	Sampling Sampling
	Adapter  string `json:",omitempty"`
}

// Kept is an answer with all that made it.
type Kept struct {
	Scope  Scope // of whole: who may read is decided when it is made again
	At     time.Time
	Sent   *Sent // nil: no model was asked
	Answer Answer
}

// Difference is one thing that is not as it was.
type Difference struct{ What, Then, Now string }

// Replayed is a kept answer made again.
type Replayed struct {
	Then, Now   Answer
	Same        bool // the text is the same, bit by bit, and so are citations and verdicts
	Differences []Difference
}

// Replay sends the prompt of a kept answer again, with the sampling it had, and
// checks the text against the same passages. It compares the text, the
// citations, what made them, and whether the passages still stand in the store.
func (p *Pipeline) Replay(ctx context.Context, k Kept) (Replayed, error) {
	out := Replayed{Then: k.Answer}
	a := Answer{ID: k.Answer.ID, Query: k.Answer.Query, Sources: k.Answer.Sources, Abstained: k.Answer.Abstained, Text: k.Answer.Text}
	watch := newStopwatch()
	if k.Sent != nil {
		a.Abstained, a.Text = false, ""
		request := Prompt{Messages: k.Sent.Messages, Sampling: k.Sent.Sampling, Adapter: k.Sent.Adapter, Caller: k.Scope.Tenant}
		if len(k.Answer.Sources) > 0 {
			request.Prefix = k.Answer.Sources[0].Passage.ChunkID
		}
		if err := p.generate(ctx, request, &a, watch, func(Delta) error { return nil }); err != nil {
			return out, err
		}
		p.cite(&a)
	}
	adapter := ""
	if k.Sent != nil {
		adapter = k.Sent.Adapter
	}
	out.Now = p.finish(a, adapter, watch)
	out.Same = out.Then.Text == out.Now.Text && equalJSON(out.Then.Citations, out.Now.Citations) && equalJSON(out.Then.Unsupported, out.Now.Unsupported)
	out.Differences = compared(out.Then, out.Now)
	if k.Sent != nil && k.Sent.Sampling.Temperature != nil && *k.Sent.Sampling.Temperature > 0 && k.Sent.Sampling.Seed == nil {
		out.Differences = append(out.Differences, Difference{"sampling", "temperature above 0 without a seed", "the model chooses anew"})
	}
	passages, err := p.changed(ctx, k)
	out.Differences = append(out.Differences, passages...)
	return out, err
}

func compared(then, now Answer) []Difference {
	f, g := then.Fingerprint, now.Fingerprint
	return slices.DeleteFunc([]Difference{
		{"text", then.Text, now.Text},
		{"citations", asJSON(then.Citations), asJSON(now.Citations)},
		{"unsupported", asJSON(then.Unsupported), asJSON(now.Unsupported)},
		{"prompt tokens", strconv.Itoa(then.Usage.PromptTokens), strconv.Itoa(now.Usage.PromptTokens)},
		{"model", f.Model, g.Model}, {"adapter", f.Adapter, g.Adapter}, {"quantisation", f.Quantisation, g.Quantisation}, {"embedding", f.Embedding, g.Embedding}, {"reranker", f.Reranker, g.Reranker},
		{"index generation", strconv.Itoa(f.IndexGeneration), strconv.Itoa(g.IndexGeneration)}, {"prompt version", f.Prompt, g.Prompt}, {"code", f.Code, g.Code},
	}, func(d Difference) bool { return d.Then == d.Now })
}

// changed names the passages that stand in the store no more, or with another text.
func (p *Pipeline) changed(ctx context.Context, k Kept) ([]Difference, error) {
	var ids []string
	for _, s := range k.Answer.Sources {
		ids = append(ids, s.Passage.ChunkID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	live, err := p.Passages.Passages(ctx, k.Scope, ids)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for _, s := range k.Answer.Sources {
		at := slices.IndexFunc(live, func(l Passage) bool { return l.ChunkID == s.Passage.ChunkID })
		what := "passage " + strconv.Itoa(s.Index) + " of " + s.Passage.Filename
		switch {
		case at < 0:
			out = append(out, Difference{what, s.Passage.Text, ""})
		case !within(s.Passage, live[at]):
			out = append(out, Difference{what, s.Passage.Text, live[at].Text})
		}
	}
	return out, nil
}

// within: part is a stretch of whole, as an excerpt is.
func within(part, whole Passage) bool {
	text := []rune(whole.Text)
	from, to := part.Start-whole.Start, part.End-whole.Start
	return from >= 0 && from <= to && to <= len(text) && string(text[from:to]) == part.Text
}

func equalJSON(a, b any) bool { return asJSON(a) == asJSON(b) }

// asJSON writes what always can be written; nothing is the empty list.
func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil || string(raw) == "null" {
		return "[]"
	}
	return string(raw)
}
