package llm

import (
	"context"
	"net/http"
)

// meet asks every server at once. Those that do not answer are out until they
// do; only when all of them are is it an error, the first one's.
func (p *pool) meet(ctx context.Context, ask func(context.Context, *server) error) error {
	errs := p.ask(ctx, func(ctx context.Context, s *server) error {
		if len(p.servers) > 1 { // one that is silent must not hold up the others
			limited, cancel := context.WithTimeoutCause(ctx, probeWait, errTotal)
			defer cancel()
			ctx = limited
		}
		return ask(ctx, s)
	})
	answered := false
	for i, s := range p.servers {
		if errs[i] == nil {
			answered = true
			p.found(s)
		} else if ctx.Err() == nil {
			p.lose(s, errs[i])
		}
	}
	if answered {
		return nil
	}
	return errs[0]
}

// learn keeps what a server said of itself.
func (p *pool) learn(s *server, f facts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.facts = &f
	s.slots = p.opts.Parallel
	if f.slots > 0 {
		s.slots = f.slots
	}
	p.dispatch()
}

// forget drops it again.
func (p *pool) forget(s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.facts = nil
}

// known are the servers that said what they are.
func (p *pool) known() []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*server
	for _, s := range p.servers {
		if s.facts != nil {
			out = append(out, s)
		}
	}
	return out
}

// factsOf is what a server said; empty while nothing is known.
func (p *pool) factsOf(s *server) facts {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.facts == nil {
		return facts{}
	}
	return *s.facts
}

// spawn runs f in the background until it returns or the pool is closed.
func (p *pool) spawn(f func(context.Context)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.background(f)
}

// direct sends a request to this server, past the line: to measure it.
func (s *server) direct(req *http.Request, patience *patience) (*http.Response, *server, error) {
	resp, err := s.reply(req, demand{patience: patience})
	return resp, s, err
}
