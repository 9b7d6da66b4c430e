package llm

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"groundwork/rag"
)

// lease is the use of one slot.
type lease struct {
	pool   *pool
	server *server
	began  time.Time
	done   func(error) // tells the breaker
	once   sync.Once
}

// end gives the slot back and tells the breaker how it went.
func (l *lease) end(err error) {
	l.once.Do(func() {
		ill := sick(err)
		switch {
		case ill:
			l.done(err)
		case ours(err):
			l.done(errNotCounted)
		default:
			l.done(nil)
		}
		l.pool.giveBack(l, err, ill)
	})
}

func (p *pool) giveBack(l *lease, err error, ill bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := l.server
	s.outstanding--
	var busy *rag.Error
	switch {
	case ill:
		s.failures++
		s.lastErr = err
		if !s.up() {
			p.watch(s)
		}
	case errors.As(err, &busy) && busy.Code == rag.CodeBusy:
		s.busyUntil = time.Now().Add(busy.RetryAfter)
	case err == nil:
		took := time.Since(l.began)
		if p.mean == 0 {
			p.mean = took
		}
		p.mean += (took - p.mean) / 8
	}
	p.dispatch()
}

// leased is a body that gives its slot back when it is closed, which may be
// while another goroutine still reads.
type leased struct {
	io.ReadCloser
	ctx   context.Context
	lease *lease
	mu    sync.Mutex
	err   error // of reading; guarded by mu
}

// Read implements io.Reader.
func (b *leased) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil || errors.Is(err, io.EOF):
	case errors.Is(context.Cause(b.ctx), errIdle), errors.Is(context.Cause(b.ctx), errFirstToken):
		b.err = context.Cause(b.ctx)
	case b.ctx.Err() != nil:
		b.err = errNotCounted
	default:
		b.err = b.lease.server.broken(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *leased) Close() error {
	err := b.ReadCloser.Close()
	b.mu.Lock()
	cause := b.err
	b.mu.Unlock()
	b.lease.end(cause)
	return err
}

// status is that of a reply that was not 200, else 0.
func status(err error) int {
	var cause *statusCause
	if errors.As(err, &cause) {
		return cause.Status
	}
	return 0
}

// ours are ends that say nothing about the server.
func ours(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, errClosed) || errors.Is(err, errNotCounted) ||
		// of a context; the network's own are CodeUnavailable
		rag.CodeOf(err) == rag.CodeTimeout && errors.Is(err, context.DeadlineExceeded)
}

// sick tells whether an error speaks against the server: no connection, a reply
// that broke off, silence, a status from 500 on. What it refuses is no sign of illness.
func sick(err error) bool {
	switch code := status(err); {
	case err == nil, ours(err), errors.Is(err, errTooBig):
		return false
	case code != 0:
		return code >= 500 && code != http.StatusNotImplemented
	}
	return true
}

// elsewhere tells whether another server may do better. A request that the
// server finds wrong stays wrong; one that ran out of time has none left.
func elsewhere(err error) bool {
	switch code := status(err); {
	case ours(err), errors.Is(err, errTooBig), errors.Is(err, errFirstToken), errors.Is(err, errTotal):
		return false
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusTooManyRequests:
		return true
	case code >= 400 && code < 500:
		return false
	}
	return true
}
