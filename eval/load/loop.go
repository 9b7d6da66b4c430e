package load

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// backOff is the longest pause of a client in the closed loop whose request was
// refused; a server may ask for less. Without it refused clients would only spin.
const backOff = time.Second

// run is a plan that is being carried out.
type run struct {
	plan     Plan
	send     Send
	requests context.Context // ends requests that are under way
	began    time.Time
	seen     *recorder
	count    atomic.Int64 // requests so far
	work     sync.WaitGroup
}

func (r *run) length() time.Duration { return r.plan.Warmup + r.plan.Duration }

// arrivals are the times at which requests come in independently of each other
// (a Poisson process), counted from the beginning, without end.
func arrivals(rate float64, random *rand.Rand) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for at := 0.0; ; {
			at += random.ExpFloat64() / rate
			if !yield(time.Duration(at * float64(time.Second))) {
				return
			}
		}
	}
}

func source(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// open starts requests when their time has come. When the generator itself is
// late, the delay counts as latency and is kept as lag.
func (r *run) open(ctx context.Context) {
	kinds := source(r.plan.Seed, 1)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for at := range arrivals(r.plan.Rate, source(r.plan.Seed, 0)) {
		if at >= r.length() {
			return
		}
		due := r.began.Add(at)
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		} else if ctx.Err() != nil {
			return
		}
		request := r.next(kinds)
		r.seen.started(due, time.Since(due))
		r.work.Go(func() { r.one(request, due) })
	}
}

// closed runs the clients, each in turn with itself.
func (r *run) closed(ctx context.Context) {
	var clients sync.WaitGroup
	for i := range r.plan.Clients {
		clients.Go(func() {
			kinds := source(r.plan.Seed, uint64(i)+1)
			for ctx.Err() == nil && time.Since(r.began) < r.length() {
				begin := time.Now()
				request := r.next(kinds)
				r.seen.started(begin, 0)
				if reply := r.one(request, begin); refused(reply.Status) {
					r.pause(ctx, reply.RetryAfter)
				}
			}
		})
	}
	clients.Wait()
}

func (r *run) pause(ctx context.Context, asked time.Duration) {
	if asked <= 0 || asked > backOff {
		asked = backOff
	}
	timer := time.NewTimer(asked)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (r *run) next(random *rand.Rand) Request {
	return Request{Kind: r.plan.Mix.pick(random), N: int(r.count.Add(1)) - 1}
}

func (r *run) one(request Request, due time.Time) Reply {
	reply := r.send(r.requests, request)
	if r.requests.Err() != nil {
		r.seen.abandoned(due)
		return reply
	}
	r.seen.done(request.Kind, due, time.Now(), reply)
	return reply
}

// report calls Plan.Progress until the returned function is called.
func (r *run) report(ctx context.Context) (stop func()) {
	if r.plan.Progress == nil {
		return func() {}
	}
	over := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				p := r.seen.progress()
				p.Elapsed = time.Since(r.began)
				p.Left = max(r.length()-p.Elapsed, 0)
				r.plan.Progress(p)
			}
		}
	})
	return func() { close(over); work.Wait() }
}
