package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"groundwork/api/openai"
)

// stream writes server-sent events; each is flushed, and has the client's idle
// time to be taken. The first write error sticks in err.
type stream struct {
	c     *gin.Context
	flush *http.ResponseController
	begun bool
	err   error
}

func newStream(c *gin.Context) *stream {
	return &stream{c: c, flush: http.NewResponseController(c.Writer)}
}

// begin sends status and headers.
func (s *stream) begin() {
	h := s.c.Writer.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // for proxies that would collect the events
	s.c.Status(http.StatusOK)
	s.begun = true
}

// send writes events in one go.
func (s *stream) send(events ...any) { s.write(s.encode(events)) }

func (s *stream) encode(events []any) []byte {
	var out []byte
	for _, v := range events {
		data, err := openai.Event(v)
		if err != nil && s.err == nil {
			s.err = err
		}
		out = append(out, data...)
	}
	return out
}

func (s *stream) write(data []byte) {
	if s.err != nil {
		return
	}
	if !s.begun {
		s.begin()
	}
	if _, s.err = s.c.Writer.Write(data); s.err == nil {
		s.err = s.flush.Flush()
	}
}

// done ends a stream that is complete, with its last events and the tail in one write.
func (s *stream) done(tail string, last ...any) {
	s.write(append(s.encode(last), tail...))
	if s.err != nil {
		note(s.c, errGone)
	}
}

// fail ends the stream with the events that tell of err, and not as one that
// is complete. Before the first event it returns the error, to become a status.
func (s *stream) fail(err error, tell func(openai.ErrorBody) []any) error {
	if !s.begun {
		return err
	}
	if s.err != nil {
		err = errGone // nobody reads
	}
	note(s.c, err)
	if p := toProblem(err); p.code != codeGone {
		s.send(tell(p.body)...)
	}
	return nil
}

// envelope tells of an error as chat completions do.
func envelope(body openai.ErrorBody) []any { return []any{body} }
