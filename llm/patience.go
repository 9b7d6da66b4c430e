package llm

import (
	"context"
	"sync"
	"time"
)

// patience gives a request up when the server stays silent for too long. Only
// time spent waiting for the server counts, so a slow reader never trips it,
// and only a sign of progress renews it, so keep-alive lines do not help.
type patience struct {
	mu     sync.Mutex
	cancel context.CancelCauseFunc
	timer  *time.Timer
	first  time.Duration
	left   time.Duration
	idle   time.Duration
	reason error
	since  time.Time
}

// newPatience allows first until the first sign of progress and idle between two.
func newPatience(cancel context.CancelCauseFunc, first, idle time.Duration) *patience {
	return &patience{cancel: cancel, first: first, left: first, idle: idle, reason: errFirstToken}
}

// renew starts over, for a request that goes to another server.
func (p *patience) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.reason = p.first, errFirstToken
}

// start is called when the wait for the server begins; the caller calls the
// returned function when it is over.
func (p *patience) start() (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reason := p.reason
	p.since = time.Now()
	p.timer = time.AfterFunc(p.left, func() { p.cancel(reason) })
	return p.stop
}

func (p *patience) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
	p.left = max(p.left-time.Since(p.since), 0)
}

// heard renews the patience.
func (p *patience) heard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.reason = p.idle, errIdle
}
