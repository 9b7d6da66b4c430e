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

func (s *stream) send(v any) {
	if s.err != nil {
		return
	}
	data, err := openai.Event(v)
	if err != nil {
		s.err = err
		return
	}
	s.write(data)
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

// done ends a stream that is complete, with its last events in one write.
func (s *stream) done(last ...any) {
	var out []byte
	for _, v := range last {
		data, err := openai.Event(v)
		if err != nil && s.err == nil {
			s.err = err
		}
		out = append(out, data...)
	}
	s.write(append(out, openai.Done...))
	if s.err != nil {
		note(s.c, errGone)
	}
}

// fail ends the stream with an error event and without [DONE]. Before the
// first event it returns the error, to become a status.
func (s *stream) fail(err error) error {
	if !s.begun {
		return err
	}
	if s.err != nil {
		err = errGone // nobody reads
	}
	note(s.c, err)
	if p := toProblem(err); p.code != codeGone {
		s.send(p.body)
	}
	return nil
}
