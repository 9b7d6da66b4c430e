package llm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"groundwork/rag"
)

// PoolOptions say how requests are spread over the servers of one model. Zero
// fields take the default.
type PoolOptions struct {
	Parallel   int           // requests at once on a server that does not tell its slots; default 8
	Waiting    int           // requests that may wait for a free slot; default 256
	MaxWait    time.Duration // how long one may wait; default 30 s
	ProbeEvery time.Duration // between two looks at a server that failed; default 1 s
}

func (o PoolOptions) withDefaults() PoolOptions {
	o.Parallel, o.Waiting = cmp.Or(o.Parallel, 8), cmp.Or(o.Waiting, 256)
	o.MaxWait, o.ProbeEvery = cmp.Or(o.MaxWait, 30*time.Second), cmp.Or(o.ProbeEvery, time.Second)
	return o
}

// errOverflow and errWait are why a request was turned away by the line.
var (
	errOverflow = errors.New("too many requests are waiting")
	errWait     = errors.New("no server was free within the limit")
	errOut      = errors.New("no server of the model answers")
)

// pool spreads requests over the servers of one model. A server gets at most
// as many at once as it has slots; the others wait in line. A request that
// failed before anything of its answer was seen goes to another server.
type pool struct {
	speaker
	opts    PoolOptions
	servers []*server
	check   func(context.Context, *server) error // what a server that was out must pass

	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	mu      sync.Mutex // guards what follows and the state of the servers
	closed  bool
	line    line
	refused uint64
	turn    int           // breaks ties
	mean    time.Duration // of recent requests
}

// demand is what a request asks of the pool.
type demand struct {
	caller   string
	prefix   string // of the prompt; requests of one prefix go to one server while its load allows
	urgent   bool
	whole    bool               // read the whole reply, else until the answer begins
	patience *patience          // nil: only the context bounds the wait
	accept   func([]byte) error // nil, or what a whole reply must pass; an error speaks against the server
	taken    func()             // nil or called when a server is found, once
}

func newPool(kind string, urls []string, apiKey string, patience time.Duration, opts PoolOptions) (*pool, error) {
	p := &pool{speaker: newSpeaker(kind), opts: opts.withDefaults()}
	if len(urls) == 0 {
		urls = []string{""} // gets the message about addresses
	}
	seen := map[string]bool{}
	for _, address := range urls {
		c, err := newClient(p.speaker, address, apiKey, patience)
		if err != nil {
			return nil, err
		}
		if seen[c.base] {
			return nil, fmt.Errorf("%s.base_url: %s is there twice", p.key, c.base)
		}
		seen[c.base] = true
		p.servers = append(p.servers, newServer(c, p.opts))
	}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	return p, nil
}

// close turns away what waits, ends background work and closes connections.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel(errClosed)
	p.work.Wait()
	for _, s := range p.servers {
		s.close()
	}
}

// background runs f until it returns or the pool is closed. The lock is held.
func (p *pool) background(f func(context.Context)) {
	if !p.closed {
		p.work.Go(func() { f(p.ctx) })
	}
}

// do sends req, whose path starts with /v1, to one of the servers. Anything but
// 200 is an error, and so is a reply that breaks off before its answer begins:
// both only once no other server is left to try. The slot is free again when
// the reply's body is closed.
func (p *pool) do(req *http.Request, d demand) (*http.Response, *server, error) {
	ctx := req.Context()
	t := &ticket{caller: d.caller, urgent: d.urgent, prefix: hash(d.prefix), tried: map[*server]int{}, ready: make(chan grant, 1)}
	var failed error
	for rounds := 1; ; {
		s, err := p.acquire(ctx, t)
		if err != nil && failed != nil && ctx.Err() == nil {
			return nil, nil, failed
		}
		if err != nil {
			return nil, nil, err
		}
		if d.taken != nil {
			d.taken()
			d.taken = nil
		}
		resp, err := p.attempt(s, req, d)
		if err == nil {
			return resp, s, nil
		}
		if failed == nil || rag.CodeOf(failed) != rag.CodeBusy {
			failed = err
		}
		if ctx.Err() != nil || !elsewhere(err) {
			return nil, nil, err
		}
		if p.another(t, s) {
			continue
		}
		if rounds == 2 || !closedDoor(err) || !pause(ctx, retryPause) {
			return nil, nil, failed
		}
		rounds = 2 // all once more
		clear(t.tried)
	}
}

// sender sends generations that ask for d.
func (p *pool) sender(d demand) sender {
	return func(req *http.Request, patience *patience) (*http.Response, *server, error) {
		d := d
		d.patience = patience
		return p.do(req, d)
	}
}

// another notes that t failed at failed, and tells whether a server is left that it may try.
func (p *pool) another(t *ticket, failed *server) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.again, t.tried[failed] = true, failed.life
	for _, s := range p.servers {
		if s.open(t) {
			return true
		}
	}
	return false
}

// acquire takes a slot of a server, and waits for one as long as the options allow.
func (p *pool) acquire(ctx context.Context, t *ticket) (*server, error) {
	p.mu.Lock()
	if p.line.n == 0 {
		if s := p.pick(t); s != nil {
			p.take(s)
			p.mu.Unlock()
			return s, nil
		}
	}
	if err := p.admit(t); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	p.line.push(t)
	p.dispatch()
	limit := p.opts.MaxWait
	if !p.anyUp() { // a restart may take longer than anybody should wait
		limit = min(limit, 2*p.opts.ProbeEvery)
	}
	p.mu.Unlock()

	timer := time.NewTimer(limit)
	defer timer.Stop()
	var why error
	select {
	case g := <-t.ready:
		return g.server, g.err
	case <-timer.C:
		why = errWait
	case <-ctx.Done():
		why = context.Cause(ctx)
	case <-p.ctx.Done():
		why = errClosed
	}
	return p.leave(t, why)
}

// leave takes t out of the line. Its turn may have come at the same moment.
func (p *pool) leave(t *ticket, why error) (*server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := errors.Is(why, errWait)
	if !p.line.remove(t) {
		g := <-t.ready
		if late || g.err != nil {
			return g.server, g.err
		}
		g.server.outstanding--
		p.dispatch()
	}
	if late {
		return nil, p.turnAway(why)
	}
	return nil, p.gaveUp(why)
}

// admit makes room in the line, or refuses.
func (p *pool) admit(t *ticket) error {
	if t.again {
		if !p.anyUp() {
			return p.turnAway(errOut)
		}
		return nil // it has a place already
	}
	if p.line.n < p.opts.Waiting && p.wait() <= p.opts.MaxWait {
		return nil
	}
	if other := p.line.yield(t); other != nil {
		other.ready <- grant{err: p.turnAway(errOverflow)}
		return nil
	}
	return p.turnAway(errOverflow)
}

// turnAway is the error of a request that got no server.
func (p *pool) turnAway(why error) error {
	if !p.anyUp() {
		for _, s := range p.servers {
			if s.lastErr != nil {
				return s.lastErr
			}
		}
		return p.fail(rag.CodeUnavailable, why, "No %s model server answers; try again in a moment.", p.kind)
	}
	p.refused++
	e := p.fail(rag.CodeBusy, why, "The %s model has more requests than it can answer soon; try again in a moment.", p.kind)
	e.RetryAfter = p.soon()
	return e
}

// soon is when those that wait now should have been served.
func (p *pool) soon() time.Duration {
	wait := p.wait()
	if wait == 0 {
		return retryAfter
	}
	return min(max(wait, time.Second), time.Minute)
}

// wait is how long a request that comes now should have to wait, with the
// running ones half done on average; 0 when nothing is known.
func (p *pool) wait() time.Duration {
	slots := 0
	for _, s := range p.servers {
		if s.up() {
			slots += s.slots
		}
	}
	if slots == 0 {
		return 0
	}
	return p.mean * time.Duration(1+2*p.line.n) / time.Duration(2*slots)
}

// dispatch serves the line as far as slots are free.
func (p *pool) dispatch() {
	for p.line.n > 0 && p.anyFree() {
		t, s := p.line.next(p.pick)
		if t == nil {
			return
		}
		p.take(s)
		t.ready <- grant{server: s}
	}
}

// out is why no request needs to be tried; nil while a server is up.
func (p *pool) out() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.anyUp() {
		return nil
	}
	return p.turnAway(errOut)
}

func (p *pool) take(s *server) {
	p.turn++
	s.outstanding++
	s.requests++
}
