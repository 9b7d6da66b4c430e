package qdrant

import (
	"context"
	"fmt"
	"maps"

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
// found again one after the other. What is published meanwhile is looked for
// until nothing new is there: its place in the ledger may have gone with the rest.
func (x *Index) Mend(ctx context.Context, scope rag.Scope) error {
	fresh, err := x.newest(ctx, scope)
	if err == nil {
		err = x.ledger.Forget(ctx, scope, "")
	}
	if err != nil {
		return wrap("mend the index", err)
	}
	for mended := map[string]int{}; ; {
		for document, n := range fresh {
			if err := x.mendOne(ctx, publication{x: x, scope: scope, document: document, version: n}); err != nil {
				return wrap("mend the index", err)
			}
			mended[document] = n
		}
		if fresh, err = x.newest(ctx, scope); err != nil {
			return wrap("mend the index", err)
		}
		maps.DeleteFunc(fresh, func(document string, n int) bool { return mended[document] >= n })
		if len(fresh) == 0 {
			return nil
		}
	}
}

// newest gives the newest version of each document that has searchable points.
func (x *Index) newest(ctx context.Context, scope rag.Scope) (map[string]int, error) {
	versions := map[string]int{}
	err := x.scroll(ctx, within(scope, live(true)), nil, func(p *qc.RetrievedPoint) error {
		e := editionOf(p.GetPayload())
		versions[e.document] = max(versions[e.document], e.version)
		return nil
	})
	return versions, err
}

func (x *Index) mendOne(ctx context.Context, p publication) error {
	chunks, frequencies, err := p.terms(ctx)
	if err == nil && chunks > 0 {
		_, err = x.ledger.Publish(ctx, p.scope, p.document, p.version, chunks, frequencies)
	}
	return err
}
