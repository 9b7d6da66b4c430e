package rag

import "context"

// weigh is the evidence for query. Where every question is answered anyway it costs nothing.
func (p *Pipeline) weigh(ctx context.Context, q Question, abstain Abstain, query string, kept []Ranked) (Evidence, error) {
	e, err := p.evidence(ctx, q.Scope, query, kept, abstain != AbstainOff)
	return p.judge(e, abstain, q.Calibration, kept), err
}

func (p *Pipeline) judge(e evidence, abstain Abstain, own *Calibration, kept []Ranked) Evidence {
	out := Evidence{Threshold: abstain.threshold(own, p.About.Embedding), Embedding: p.About.Embedding}
	if len(kept) > 0 {
		out.Strength = e.strength()
	}
	return out
}

// evidence collects what speaks for an answer. What stands before the last sentence
// ("I broke my laptop. Who …") tells the circumstances and lowers the cosine
// with the passage that answers, so the last sentence is looked up on its own too, if the look is to be close.
func (p *Pipeline) evidence(ctx context.Context, scope Scope, query string, kept []Ranked, closely bool) (evidence, error) {
	e := evidence{asksValue: asksValue(query)}
	for _, r := range kept {
		e.cosine = max(e.cosine, r.Dense)
	}
	parts := sentences(query)
	if len(parts) < 2 || len(kept) == 0 || !closely {
		return e, nil
	}
	last := parts[len(parts)-1]
	vector, err := p.Embedder.EmbedQuery(ctx, query[last.start:last.end])
	if err != nil {
		return e, err
	}
	hits, err := p.Searcher.Dense(ctx, scope, vector, 1)
	for _, h := range hits {
		e.cosine = max(e.cosine, h.Score)
	}
	return e, err
}
