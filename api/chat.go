package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// chat answers POST /v1/chat/completions: MODEL goes to the model server as it
// is, MODEL@STORE is answered from the store.
func (s *Server) chat(c *gin.Context) error {
	if err := s.answers.full(caller(c).KeyID); err != nil {
		return err // before the body is read; a slot is taken once it was, so that a slow sender holds none
	}
	fields, body, err := s.body(c)
	if err != nil {
		return err
	}
	name, bad := fields.Model()
	if bad != nil {
		return refuse(bad)
	}
	t, err := s.resolve(c.Request.Context(), caller(c), name)
	if err != nil {
		return err
	}
	release, err := s.answers.take(caller(c).KeyID)
	if err != nil {
		return err
	}
	defer release()
	if t.store == nil {
		return s.forwardChat(c, fields, body)
	}
	q, bad := openai.ToQuestion(fields, s.limits)
	if bad != nil {
		return refuse(bad)
	}
	return s.answer(c, t, q)
}

// reply is one answer on its way to the client.
type reply struct {
	head  openai.Head
	base  string
	usage bool // the client wants a usage chunk
}

func (s *Server) answer(c *gin.Context, t target, q openai.Question) error {
	ctx, cancel := s.bounded(c.Request.Context())
	defer cancel()
	ctx, alive, stop := watch(ctx, s.opts.StreamIdle)
	defer stop()
	question := toQuestion(s.NewID("ans_"), scopeOf(*t.store), q)
	question.Caller = lineOf(caller(c))
	r := reply{openai.Head{ID: question.ID, Model: t.name, Created: s.Now().Unix()}, s.base(c.Request), q.IncludeUsage}
	if q.Stream {
		return s.streamAnswer(c, ctx, question, r, alive)
	}
	a, err := s.Asker.Ask(ctx, question, func(d rag.Delta) error {
		if d.Text != "" {
			alive()
		}
		return ctx.Err()
	})
	if err != nil {
		return explain(ctx, err)
	}
	c.Header("Server-Timing", serverTiming(a.Timings))
	s.reply(c, http.StatusOK, openai.FromAnswer(r.head, fromAnswer(a, r.base)))
	return nil
}

// streamAnswer sends the sources as soon as they are known, then the text.
// Until the first event an error is a status; after it, the last event.
func (s *Server) streamAnswer(c *gin.Context, ctx context.Context, q rag.Question, r reply, alive func()) error {
	out := newStream(c)
	a, err := s.Asker.Ask(ctx, q, func(d rag.Delta) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !out.begun {
			c.Header("Server-Timing", serverTiming(d.Timings))
			out.send(openai.FirstChunk(r.head, fromSources(d.Sources)))
		}
		if d.Text != "" {
			alive()
			out.send(openai.TextChunk(r.head, d.Text))
		}
		return out.err
	})
	if err != nil {
		return out.fail(explain(ctx, err))
	}
	if !out.begun {
		out.send(openai.FirstChunk(r.head, fromSources(a.Sources)))
	}
	done := fromAnswer(a, r.base)
	last := []any{openai.LastChunk(r.head, done)}
	if r.usage {
		last = append(last, openai.UsageChunk(r.head, done.Usage))
	}
	out.done(last...)
	return nil
}

// base is where links to documents start: the configured address, else the
// one this request came to.
func (s *Server) base(r *http.Request) string {
	if s.opts.PublicURL != "" {
		return s.opts.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// serverTiming is the header of the same name, in milliseconds.
func serverTiming(timings []rag.Timing) string {
	parts := make([]string, 0, len(timings))
	for _, t := range timings {
		parts = append(parts, fmt.Sprintf("%s;dur=%.1f", t.Stage, t.Ms))
	}
	return strings.Join(parts, ", ")
}
