package clienttest_test

import (
	"context"
	"slices"

	"groundwork/rag"
)

func (l *library) CreateBatch(ctx context.Context, scope rag.Scope, fileIDs []string) (rag.Batch, error) {
	l.mu.Lock()
	id := l.id("vsfb_")
	l.batches[id] = fileIDs
	l.mu.Unlock()
	return l.Batch(ctx, scope, id)
}

func (l *library) Batch(_ context.Context, scope rag.Scope, id string) (rag.Batch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	files, ok := l.batches[id]
	if !ok {
		return rag.Batch{}, absent()
	}
	b := rag.Batch{ID: id, StoreID: scope.Store, Cancelled: l.cancelled[id], Counts: map[rag.State]int{}}
	if l.broken == "counts" {
		b.Gone++
	}
	for _, file := range files {
		if slices.Contains(l.docs[scope.Store], file) {
			b.Counts[rag.StateReady]++
		} else {
			b.Gone++
		}
	}
	return b, nil
}

func (l *library) BatchFiles(ctx context.Context, scope rag.Scope, id string, page rag.Page) ([]rag.Document, bool, error) {
	l.mu.Lock()
	files := slices.Clone(l.batches[id])
	l.mu.Unlock()
	docs := []rag.Document{}
	for _, file := range files {
		if doc, err := l.Document(ctx, scope, file); err == nil {
			docs = append(docs, doc)
		}
	}
	return onePage(docs, page), false, nil
}

// CancelBatch has nothing to take out: what is attached is ready.
func (l *library) CancelBatch(_ context.Context, _ rag.Scope, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancelled[id] = true
	return nil
}
