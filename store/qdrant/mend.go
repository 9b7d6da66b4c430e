package qdrant

import (
	"context"
	"fmt"

	qc "github.com/qdrant/go-client/qdrant"

	"groundwork/rag"
)

// Unsound says how a store's searchable points differ in number from what the
// ledger counts. Nothing belongs to no store.
func (x *Index) Unsound(ctx context.Context, scope rag.Scope) (string, error) {
	if scope == (rag.Scope{}) {
		return "", nil
	}
	s, err := x.statistics(ctx, scope, nil)
	if err != nil {
		return "", err
	}
	n, err := x.count(ctx, within(scope, live(true)))
	if err != nil || n == s.chunks {
		return "", err
	}
	again, err := x.statistics(ctx, scope, nil)
	if err != nil || again.generation != s.generation { // it changed meanwhile
		return "", err
	}
	return fmt.Sprintf("%d points are searchable and the ledger counts %d", n, s.chunks), nil
}

// Mend makes a store's part of the ledger anew from its points. Documents are
// found again one after the other.
func (x *Index) Mend(ctx context.Context, scope rag.Scope) error {
	newest := map[string]int{}
	err := x.scroll(ctx, within(scope, live(true)), nil, func(p *qc.RetrievedPoint) error {
		e := editionOf(p.GetPayload())
		newest[e.document] = max(newest[e.document], e.version)
		return nil
	})
	if err != nil {
		return wrap("mend the index", err)
	}
	if err := x.ledger.Forget(ctx, scope, ""); err != nil {
		return wrap("mend the index", err)
	}
	for document, n := range newest {
		p := publication{x: x, scope: scope, document: document, version: n}
		chunks, frequencies, err := p.terms(ctx)
		if err == nil && chunks > 0 {
			_, err = x.ledger.Publish(ctx, scope, document, n, chunks, frequencies)
		}
		if err != nil {
			return wrap("mend the index", err)
		}
	}
	return nil
}
