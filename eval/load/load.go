// Package load is a load generator: it sends questions, searches and uploads
// at a rate or from a number of clients, and tells how long they took, what
// was refused and what failed.
//
// In the open loop requests start at times drawn beforehand, whether or not
// earlier ones are done, and every latency counts from the time a request was
// meant to start. So a server that stalls shows the wait of everybody who came
// meanwhile, not only of the one request that was under way.
package load

import (
	"context"
	"errors"
	"time"
)

// Kind is what a request does.
type Kind string

// The kinds.
const (
	Ask    Kind = "ask"    // a streamed answer over a store
	Search Kind = "search" // passages only
	Upload Kind = "upload" // a small document, until it is acknowledged
)

// Request is one request to be sent.
type Request struct {
	Kind Kind
	N    int // from 0, of all kinds together: chooses question and key
}

// Reply is what came of a request.
type Reply struct {
	Status     int           // HTTP status; 0: no reply came
	First      time.Time     // of the first piece of text of an answer; zero: there was none
	Abstained  bool          // the server said that the documents do not answer
	RetryAfter time.Duration // of a refusal; 0: the server named none
	Err        error         // why the reply is no good, also one that broke off after a status of 200
}

// Send sends a request and waits until its reply is complete. It gives up when
// ctx ends. It is called from many goroutines at once.
type Send func(ctx context.Context, r Request) Reply

// Plan says what to send and for how long. Either Rate or Clients must be set.
type Plan struct {
	Rate     float64       // open loop: requests a second, all kinds together
	Clients  int           // closed loop: each sends its next request when the last one is done
	Duration time.Duration // of what is measured
	Warmup   time.Duration // before it; what begins then is sent and not counted
	Drain    time.Duration // how long requests may go on after the last one was sent; 0: 30 s
	Mix      Mix           // shares of the kinds; zero: questions only
	Seed     uint64        // of times and kinds: the same seed gives the same run
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	Elapsed, Left time.Duration // of warm-up and measurement together
	OK            int           // so far, all kinds
	Refused       int
	Failed        int
	Open          int // requests under way
}

// progressEvery is how often Plan.Progress is called.
const progressEvery = time.Second

func (p Plan) check() error {
	switch {
	case (p.Rate > 0) == (p.Clients > 0):
		return errors.New("give either a rate or a number of clients")
	case p.Duration <= 0:
		return errors.New("the duration must be more than 0")
	case p.Warmup < 0:
		return errors.New("the warm-up must not be negative")
	}
	return nil
}

// Run carries a plan out. When ctx ends early, requests under way are given up
// and not counted, and the result is of what was measured until then.
func Run(ctx context.Context, p Plan, send Send) (Result, error) {
	if err := p.check(); err != nil {
		return Result{}, err
	}
	if p.Drain == 0 {
		p.Drain = 30 * time.Second
	}
	if p.Mix == nil {
		p.Mix = Mix{Ask: 1}
	}
	requests, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	stop := context.AfterFunc(ctx, abandon)
	defer stop()
	r := &run{plan: p, send: send, requests: requests, began: time.Now()}
	r.seen = newRecorder(r.began.Add(p.Warmup), p.Duration)
	drained := time.AfterFunc(r.length()+p.Drain, abandon)
	defer drained.Stop()
	reported := r.report(ctx)
	if p.Rate > 0 {
		r.open(ctx)
	} else {
		r.closed(ctx)
	}
	r.work.Wait()
	reported()
	return r.seen.result(p, time.Now(), ctx.Err() != nil), nil
}
