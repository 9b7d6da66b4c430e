package ingest

import (
	"context"
	"time"

	"groundwork/rag"
)

const (
	// paceEvery is how often a document that is held back looks whether it may be read.
	paceEvery = 100 * time.Millisecond
	// heldBack is the longest that it is held at a time; then its job waits in the queue again.
	heldBack = 20 * time.Second
)

// keepPace holds a document back while enough others wait to be embedded.
func (s *Service) keepPace(ctx context.Context) error {
	if s.Backlog == nil || s.Limits.Ahead <= 0 {
		return nil
	}
	hold := heldBack
	if deadline, ok := ctx.Deadline(); ok {
		hold = min(hold, time.Until(deadline)/3) // the rest is for reading
	}
	over := time.After(hold)
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	for {
		n, err := s.Backlog.Ahead(ctx)
		if err != nil || n < s.Limits.Ahead {
			return err
		}
		select {
		case <-tick.C:
		case <-over:
			return &rag.Error{Code: rag.CodeBusy, RetryAfter: time.Second, Message: "other documents are embedded first"}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
