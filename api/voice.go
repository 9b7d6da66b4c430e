package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// voice is the protocol in which an answer over a store is given: whole, or as
// the events of a stream.
type voice interface {
	whole(a openai.Answer) any
	// first opens the stream with what was found.
	first(d rag.Delta) []any
	text(delta string) []any
	// last are the events of a complete answer; tail follows them as it is.
	last(a openai.Answer) (events []any, tail string)
	// failed ends a stream that was begun.
	failed(body openai.ErrorBody) []any
}

// chatVoice is that of chat completions.
type chatVoice struct {
	head  openai.Head
	usage bool // the client wants a usage chunk
}

func (v chatVoice) whole(a openai.Answer) any { return openai.FromAnswer(v.head, a) }

func (v chatVoice) first(d rag.Delta) []any {
	return []any{openai.FirstChunk(v.head, fromSources(d.Sources))}
}

func (v chatVoice) text(delta string) []any { return []any{openai.TextChunk(v.head, delta)} }

func (v chatVoice) last(a openai.Answer) (events []any, tail string) {
	events = []any{openai.LastChunk(v.head, a)}
	if v.usage {
		events = append(events, openai.UsageChunk(v.head, a.Usage))
	}
	return events, openai.Done
}

func (v chatVoice) failed(body openai.ErrorBody) []any { return envelope(body) }

// responseVoice is that of responses.
type responseVoice struct {
	head   openai.ResponseHead
	stream *openai.ResponseStream
	now    func() time.Time
}

func (v responseVoice) whole(a openai.Answer) any {
	return openai.NewResponse(v.head, a, v.now().Unix())
}

func (v responseVoice) first(d rag.Delta) []any {
	found := openai.Found{Query: d.Query, Sources: fromSources(d.Sources)}
	if len(d.Sources) == 0 {
		found.Sources = fromSources(d.Nearest)
	}
	return v.stream.Begin(found)
}

func (v responseVoice) text(delta string) []any { return v.stream.Text(delta) }

func (v responseVoice) last(a openai.Answer) (events []any, tail string) {
	return v.stream.End(a, v.now().Unix()), ""
}

func (v responseVoice) failed(body openai.ErrorBody) []any { return v.stream.Fail(body.Error) }

// answer asks and lets the voice tell.
func (s *Server) answer(c *gin.Context, q rag.Question, stream bool, v voice) error {
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	ctx, alive, stop := watch(ctx, s.opts.StreamIdle)
	defer stop()
	q.Caller = lineOf(caller(c))
	if stream {
		return s.streamAnswer(c, ctx, q, v, alive)
	}
	a, err := s.Asker.Ask(ctx, q, func(d rag.Delta) error {
		if d.Text != "" {
			alive()
		}
		return ctx.Err()
	})
	if err != nil {
		return explain(ctx, err)
	}
	c.Header("Server-Timing", serverTiming(a.Timings))
	s.reply(c, http.StatusOK, v.whole(fromAnswer(a, s.base(c.Request))))
	return nil
}

// streamAnswer sends what was found as soon as it is known, then the text.
// Until the first event an error is a status; after it, the last event.
func (s *Server) streamAnswer(c *gin.Context, ctx context.Context, q rag.Question, v voice, alive func()) error {
	out := newStream(c)
	a, err := s.Asker.Ask(ctx, q, func(d rag.Delta) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !out.begun {
			c.Header("Server-Timing", serverTiming(d.Timings))
			out.send(v.first(d)...)
		}
		if d.Text != "" {
			alive()
			out.send(v.text(d.Text)...)
		}
		return out.err
	})
	if err != nil {
		return out.fail(explain(ctx, err), v.failed)
	}
	if !out.begun {
		out.send(v.first(rag.Delta{Query: a.Query, Sources: a.Sources, Nearest: a.Nearest})...)
	}
	events, tail := v.last(fromAnswer(a, s.base(c.Request)))
	out.done(tail, events...)
	return nil
}
