package rag

import (
	"cmp"
	"context"
)

// Explanation is everything that an answer would be made of, up to the model.
type Explanation struct {
	Evidence    Evidence
	Abstains    bool       // the evidence is too weak, or nothing was found: no model would be asked
	Context     ContextUse // what the model's window would be used for, and what would be dropped and why
	Prompt      []Message  // as it would be sent; empty when it would not
	NoPrompt    error      // why the prompt could not be made, as when the model server is down
	Given       []Source   // the passages in it
	Timings     []Timing
	Fingerprint Fingerprint
}

// Explain goes the way of Ask without asking the model. The evidence is looked
// at closely even where Ask always answers. Nothing is remembered of it.
func (p *Pipeline) Explain(ctx context.Context, q Question) (Explanation, error) {
	watch := newStopwatch()
	a := Answer{Query: selfContained(q.Messages, p.Analyze)}
	var out Explanation
	found, err := p.retrieve(ctx, q.Scope, a.Query, watch)
	if err != nil {
		return out, err
	}
	kept, dropped := p.wanted(q, found)
	a.Context.Dropped = drops(dropped)
	e, err := p.evidence(ctx, q.Scope, a.Query, kept, true)
	if err != nil {
		return out, err
	}
	abstain := cmp.Or(q.Abstain, p.Options.Abstain)
	out.Evidence = p.judge(e, abstain, q.Calibration, kept)
	out.Abstains = len(kept) == 0 || out.Evidence.weak()
	if out.Abstains {
		limits := p.Generator.Limits()
		a.Context.Limit, a.Context.Budget = limits.ContextTokens, limits.ContextBudget
		for _, r := range kept {
			a.Context.Dropped = append(a.Context.Dropped, Dropped{ChunkID: r.Passage.ChunkID, Reason: "weak"})
		}
	} else if kept = p.reranked(ctx, q, found, kept, &a, watch); ctx.Err() != nil {
		return out, ctx.Err()
	} else if out.NoPrompt = p.choose(ctx, q, kept, &a, p.orders.arranged); out.NoPrompt == nil {
		out.Prompt, out.Given = p.request(q, a.Sources).Messages, a.Sources
	}
	watch.lap("select")
	a = p.finish(a, q.Adapter, watch)
	out.Context, out.Timings, out.Fingerprint = a.Context, a.Timings, a.Fingerprint
	return out, nil
}
