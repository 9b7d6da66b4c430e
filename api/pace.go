package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"groundwork/rag"
)

// slowest is what a body must make on average, in bytes a second, after the
// idle time it is granted once.
const slowest = 8 << 10

// pacedWriter gives each write its own deadline, so that a long answer may
// take its time and a client that stops reading cannot hold a handler.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	idle    time.Duration
	since   time.Time // the deadline was last moved
}

func newPacedWriter(w http.ResponseWriter, idle time.Duration) *pacedWriter {
	p := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w), idle: idle}
	// A deadline of the connection's last request must not stop a "100 Continue".
	// Writers without deadlines are those of tests.
	_ = p.control.SetWriteDeadline(time.Time{})
	return p
}

// extend moves the deadline, unless that was done just now: an answer is many small writes.
func (p *pacedWriter) extend() {
	now := time.Now()
	if now.Sub(p.since) < p.idle/32 {
		return
	}
	p.since = now
	_ = p.control.SetWriteDeadline(now.Add(p.idle))
}

func (p *pacedWriter) WriteHeader(status int) {
	p.extend()
	p.ResponseWriter.WriteHeader(status)
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	p.extend()
	return p.ResponseWriter.Write(b)
}

// Flush is there for gin, which asserts it; FlushError tells what went wrong.
func (p *pacedWriter) Flush() { _ = p.FlushError() }

func (p *pacedWriter) FlushError() error {
	p.extend()
	return p.control.Flush()
}

// Unwrap is for http.ResponseController.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// pacedBody bounds how long a client may take to send: idle between two
// pieces, and slowest on average. Time spent outside Read does not count.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	idle    time.Duration
	n       int64
	spent   time.Duration
	err     error // sticky
}

// newPacedBody sets the first deadline: net/http reads what a handler left, and
// a client that sends nothing more must not hold it there.
func newPacedBody(body io.ReadCloser, w http.ResponseWriter, idle time.Duration) *pacedBody {
	p := &pacedBody{ReadCloser: body, control: http.NewResponseController(w), idle: idle}
	_ = p.control.SetReadDeadline(time.Now().Add(idle)) // not supported by the writers of tests
	return p
}

func (p *pacedBody) Read(b []byte) (int, error) {
	began := time.Now()
	left := min(p.idle, p.idle+time.Duration(p.n/slowest)*time.Second-p.spent)
	_ = p.control.SetReadDeadline(began.Add(left)) // as above
	n, err := p.ReadCloser.Read(b)
	p.n += int64(n)
	p.spent += time.Since(began)
	p.err = err
	switch {
	case err == io.EOF:
		// After the body net/http waits here for the client to hang up: without a deadline.
		_ = p.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &rag.Error{Code: codeSlow, Err: err, Message: "The request body came too slowly. Send it again over a faster connection."}
	}
	return n, err
}

// most is how much of an unwanted body is read, in bytes.
const most = 8 << 20

// linger reads what the handler left, before the reply leaves the buffer: a
// client that is still sending would else see its connection reset and no
// reply. One that asked first (Expect) sends nothing before it is told to.
func (p *pacedBody) linger(sending bool) {
	if sending && p.err == nil {
		_, _ = io.CopyN(io.Discard, p, most) // whatever comes of it, the reply is the same
	}
}
