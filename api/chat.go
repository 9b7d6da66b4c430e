package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
	"groundwork/rag"
)

// asked is a request to the chat model that was let in.
type asked struct {
	fields  openai.Fields
	body    []byte // as it came
	target  target
	release func() // frees its slot
}

// admit reads a request to the chat model, finds out whom it asks and takes a slot for it.
func (s *Server) admit(c *gin.Context) (in asked, err error) {
	if err := s.answers.full(caller(c).KeyID); err != nil {
		return in, err // before the body is read; a slot is taken once it was, so that a slow sender holds none
	}
	if in.fields, in.body, err = s.body(c); err != nil {
		return in, err
	}
	name, bad := in.fields.Model()
	if bad != nil {
		return in, refuse(bad)
	}
	if in.target, err = s.resolve(c.Request.Context(), caller(c), name); err != nil {
		return in, err
	}
	in.release, err = s.answers.take(caller(c).KeyID)
	return in, err
}

// chat answers POST /v1/chat/completions: MODEL goes to the model server as it
// is, MODEL@STORE is answered from the store; both may name an adapter of the model.
func (s *Server) chat(c *gin.Context) error {
	in, err := s.admit(c)
	if err != nil {
		return err
	}
	defer in.release()
	if in.target.store == nil {
		return s.forwardChat(c, in)
	}
	q, bad := openai.ToQuestion(in.fields, s.limits)
	if bad != nil {
		return refuse(bad)
	}
	question := toQuestion(s.NewID("ans_"), caller(c), *in.target.store, q)
	question.Adapter = in.target.adapter
	head := openai.Head{ID: question.ID, Model: in.target.name, Created: s.Now().Unix()}
	return s.answer(c, question, q.Stream, chatVoice{head, q.IncludeUsage})
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
