package api

import (
	"io"
	"net/http"
	"time"
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
}

func newPacedWriter(w http.ResponseWriter, idle time.Duration) *pacedWriter {
	p := &pacedWriter{w, http.NewResponseController(w), idle}
	// A deadline of the connection's last request must not stop a "100 Continue".
	// Writers without deadlines are those of tests.
	_ = p.control.SetWriteDeadline(time.Time{})
	return p
}

func (p *pacedWriter) extend() { _ = p.control.SetWriteDeadline(time.Now().Add(p.idle)) }

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
}

func newPacedBody(body io.ReadCloser, w http.ResponseWriter, idle time.Duration) *pacedBody {
	return &pacedBody{ReadCloser: body, control: http.NewResponseController(w), idle: idle}
}

func (p *pacedBody) Read(b []byte) (int, error) {
	began := time.Now()
	left := min(p.idle, p.idle+time.Duration(p.n/slowest)*time.Second-p.spent)
	_ = p.control.SetReadDeadline(began.Add(left)) // not supported by the writers of tests
	n, err := p.ReadCloser.Read(b)
	p.n += int64(n)
	p.spent += time.Since(began)
	if err != nil {
		// After the body net/http waits here for the client to hang up: without a deadline.
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
