package api

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// pulse is the longest that a stream of progress is silent: what lies between
// server and client must not take it for dead.
const pulse = 15 * time.Second

// followBatch streams a batch whenever its counts change, until nothing of it is on its way.
func (s *Server) followBatch(c *gin.Context) error {
	st, err := s.store(c.Request.Context(), caller(c), verbAsk, c.Param("id"))
	if err != nil {
		return err
	}
	release, err := s.watchers.take(caller(c).KeyID)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	out := newStream(c)
	if err := s.tellBatch(ctx, out, scopeOf(caller(c), st), c.Param("batch_id")); err != nil {
		return out.fail(explain(ctx, err), envelope)
	}
	return nil
}

// tellBatch looks again and again: documents are also processed by other servers and workers.
func (s *Server) tellBatch(ctx context.Context, out *stream, scope rag.Scope, id string) error {
	look := time.NewTicker(s.opts.LookEvery)
	defer look.Stop()
	var told openai.Batch
	spoke := time.Now()
	for {
		b, err := s.Batches.Batch(ctx, scope, id)
		if err != nil {
			return noBatch(err, id)
		}
		now := fromBatch(b)
		switch {
		case now.FileCounts.InProgress == 0:
			out.done(openai.Done, now)
			return nil
		case now != told:
			out.send(now)
			told, spoke = now, time.Now()
		case time.Since(spoke) >= min(pulse, s.opts.StreamIdle/2):
			out.write([]byte(openai.Pulse))
			spoke = time.Now()
		}
		switch {
		case out.err != nil:
			return out.err
		case s.draining.Load(): // it may go on for longer than the grace
			return errShutdown
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}
