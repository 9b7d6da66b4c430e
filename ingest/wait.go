package ingest

import (
	"context"
	"time"

	"groundwork/rag"
)

// waitPoll is how often Wait looks by itself, for the sake of workers in other processes.
const waitPoll = 250 * time.Millisecond

// Wait blocks until every document is ready or failed, or until timeout, and
// returns the newest state of each, in order. A document that is deleted
// meanwhile is left out; one that was never there gives rag.CodeNotFound.
func (s *Service) Wait(ctx context.Context, scope rag.Scope, ids []string, timeout time.Duration) ([]rag.Document, error) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := time.NewTicker(waitPoll)
	defer poll.Stop()
	seen := make(map[string]rag.Document, len(ids))
	for first := true; ; first = false {
		changed := s.changes.next()
		done, err := s.refresh(ctx, scope, ids, seen, first)
		if err != nil {
			return nil, err
		}
		if done {
			return inOrder(ids, seen), nil
		}
		select {
		case <-changed:
		case <-poll.C:
		case <-deadline.C:
			return inOrder(ids, seen), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// refresh loads the documents that are not done and tells whether all are.
func (s *Service) refresh(ctx context.Context, scope rag.Scope, ids []string, seen map[string]rag.Document, first bool) (bool, error) {
	done := true
	for _, id := range ids {
		if doc, ok := seen[id]; ok == first || doc.State.Done() {
			continue // done, or deleted since the first look
		}
		doc, err := s.Catalog.Document(ctx, scope, id)
		if rag.CodeOf(err) == rag.CodeNotFound && !first {
			delete(seen, id)
			continue
		}
		if err != nil {
			return false, err
		}
		seen[id] = doc
		done = done && doc.State.Done()
	}
	return done, nil
}

func inOrder(ids []string, seen map[string]rag.Document) []rag.Document {
	docs := make([]rag.Document, 0, len(ids))
	for _, id := range ids {
		if doc, ok := seen[id]; ok {
			docs = append(docs, doc)
		}
	}
	return docs
}
