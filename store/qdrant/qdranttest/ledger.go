package qdranttest

import (
	"context"
	"maps"
	"sync"

	"groundwork/rag"
)

// Ledger is a qdrant.Ledger in memory. The zero value is empty and ready.
type Ledger struct {
	mu         sync.Mutex
	generation int
	stores     map[rag.Scope]map[string]published // by whole scopes
}

// published is a document's searchable version and its part of the statistics.
type published struct {
	version, chunks int
	frequencies     map[uint32]int
}

// Publish makes version the searchable one unless a newer one is.
func (l *Ledger) Publish(ctx context.Context, scope rag.Scope, documentID string, version, chunks int, frequencies map[uint32]int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	scope = scope.Whole()
	before := l.stores[scope][documentID]
	if before.version > version {
		return before.version, nil
	}
	if before.version == version && before.chunks == chunks && maps.Equal(before.frequencies, frequencies) {
		return version, nil
	}
	if l.stores == nil {
		l.stores = map[rag.Scope]map[string]published{}
	}
	if l.stores[scope] == nil {
		l.stores[scope] = map[string]published{}
	}
	l.stores[scope][documentID] = published{version: version, chunks: chunks, frequencies: maps.Clone(frequencies)}
	l.generation++
	return version, nil
}

// Forget takes a document out, or the whole store when documentID is empty.
func (l *Ledger) Forget(ctx context.Context, scope rag.Scope, documentID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generation++
	if documentID == "" {
		delete(l.stores, scope.Whole())
		return nil
	}
	delete(l.stores[scope.Whole()], documentID)
	return nil
}

// Searchable gives the searchable version of each of the documents that has one.
func (l *Ledger) Searchable(ctx context.Context, scope rag.Scope, documentIDs []string) (map[string]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int{}
	for _, id := range documentIDs {
		if p, ok := l.stores[scope.Whole()][id]; ok {
			out[id] = p.version
		}
	}
	return out, nil
}

// Frequencies sums up over the documents of the store.
func (l *Ledger) Frequencies(ctx context.Context, scope rag.Scope, terms []uint32) (chunks int, holding []int, generation int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	holding = make([]int, len(terms))
	for _, p := range l.stores[scope.Whole()] {
		chunks += p.chunks
		for i, term := range terms {
			holding[i] += p.frequencies[term]
		}
	}
	return chunks, holding, l.generation, nil
}
