package llm

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sony/gobreaker/v2"

	"groundwork/rag"
)

// breakAfter failures in a row take a server out until it answers a probe.
const breakAfter = 5

// probeWait bounds one look at a server that is out.
const probeWait = 5 * time.Second

// errNotCounted ends a request that says nothing about its server.
var errNotCounted = errors.New("the request was given up for a reason of its own")

// server is one model server of a pool.
type server struct {
	*client
	seed    uint64
	tokens  *tokenizer
	breaker *gobreaker.TwoStepCircuitBreaker[any]

	// Guarded by the pool's lock.
	slots       int
	outstanding int
	absent      bool // did not answer when it was asked what it is
	watched     bool
	life        int // counts its returns
	busyUntil   time.Time
	requests    uint64
	failures    uint64
	lastErr     error
	facts       *facts    // of a chat server; nil: not known yet
	sample      []float32 // of an embedding server: its vector of sampleText
	sampledIn   int       // the life in which it gave it
}

func newServer(c *client, opts PoolOptions) *server {
	return &server{client: c, seed: hash(c.base), slots: opts.Parallel,
		breaker: gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
			Name:        c.base,
			Timeout:     opts.ProbeEvery,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= breakAfter },
			IsExcluded:  func(err error) bool { return errors.Is(err, errNotCounted) },
		})}
}

// up: requests may go there. Only a probe closes a breaker that was open.
func (s *server) up() bool { return !s.absent && s.breaker.State() == gobreaker.StateClosed }

func (p *pool) anyUp() bool { return slices.ContainsFunc(p.servers, (*server).up) }

func (p *pool) anyFree() bool {
	return slices.ContainsFunc(p.servers, func(s *server) bool { return s.outstanding < s.slots && s.up() })
}

// attempt sends req to s, whose slot was taken, and gives the slot back on an error.
func (p *pool) attempt(s *server, req *http.Request, d demand) (*http.Response, error) {
	l := &lease{pool: p, server: s, began: time.Now()}
	var err error
	if l.done, err = s.breaker.Allow(); err != nil { // it has just opened
		l.done = func(error) {}
		err = s.fail(rag.CodeUnavailable, err, "The %s model server is out of order; try again in a moment.", s.kind)
		l.end(err)
		return nil, err
	}
	resp, err := s.reply(req, d)
	if err != nil || d.whole {
		l.end(err)
		return resp, err
	}
	resp.Body = &leased{ReadCloser: resp.Body, ctx: req.Context(), lease: l}
	return resp, nil
}

// reply sends req to s and waits for the beginning of the answer.
func (s *server) reply(req *http.Request, d demand) (*http.Response, error) {
	req, err := s.at(req)
	if err != nil {
		return nil, err
	}
	if d.patience != nil {
		d.patience.renew()
		defer d.patience.start()()
	}
	resp, err := s.send(req)
	if err != nil {
		return nil, err
	}
	if d.whole {
		err = s.readWhole(req.Context(), resp, d.accept)
	} else {
		err = s.awaitAnswer(req.Context(), resp)
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// watch looks at a server that is out until it is back. The lock is held.
func (p *pool) watch(s *server) {
	if s.watched {
		return
	}
	s.watched = true
	p.background(func(ctx context.Context) {
		for pause(ctx, p.opts.ProbeEvery+p.opts.ProbeEvery/16) {
			if p.probe(ctx, s) {
				return
			}
		}
	})
}

// probe asks a server that is out whether it is back.
func (p *pool) probe(ctx context.Context, s *server) bool {
	done, err := s.breaker.Allow()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeoutCause(ctx, probeWait, errTotal)
	defer cancel()
	err = p.check(ctx, s)
	done(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		s.lastErr = err
		return false
	}
	s.absent, s.watched, s.busyUntil = false, false, time.Time{}
	s.life++
	if !s.up() { // it failed again at once
		p.watch(s)
	}
	p.dispatch()
	return true
}

// noticed counts a failure outside a lease.
func (p *pool) noticed(s *server, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.failures++
	s.lastErr = err
	if !s.up() {
		p.watch(s)
	}
}

// found ends what lose began.
func (p *pool) found(s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.absent = false
	p.dispatch()
}

// lose takes a server out that did not answer what it is.
func (p *pool) lose(s *server, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.absent, s.lastErr = true, err
	p.watch(s)
}
