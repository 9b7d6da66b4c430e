package load

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Sweep looks for the knee: the highest rate that a server carries.
type Sweep struct {
	Start  float64       // first rate, a second
	Factor float64       // from step to step; 0: 1.5
	Refine int           // steps between the last rate that was carried and the first that was not; 0: 3
	Steps  int           // at most; 0: 24
	Bound  time.Duration // of the 99th percentile, of every kind
	Share  float64       // of what is offered that must be achieved; 0: 0.95
}

func (s Sweep) withDefaults() Sweep {
	if s.Factor <= 1 {
		s.Factor = 1.5
	}
	if s.Refine == 0 {
		s.Refine = 3
	}
	if s.Steps == 0 {
		s.Steps = 24
	}
	if s.Share == 0 {
		s.Share = 0.95
	}
	return s
}

// carried tells whether a server carried a rate, and else why not.
func (s Sweep) carried(r Result) (ok bool, why string) {
	switch {
	case r.Failed > 0:
		return false, fmt.Sprintf("%d requests failed", r.Failed)
	case r.Achieved < s.Share*r.Offered:
		return false, fmt.Sprintf("%.1f of %.1f requests a second were done", r.Achieved, r.Offered)
	case r.P99() > float64(s.Bound)/float64(time.Millisecond):
		return false, fmt.Sprintf("the 99th percentile was %.0f ms", r.P99())
	}
	return true, ""
}

// next is the rate of the step after those that were made; 0 when it is over.
// Rates rise until one is not carried, then the gap is halved (by ratio).
func (s Sweep) next(made []Result) float64 {
	if len(made) == 0 {
		return s.Start
	}
	if len(made) >= s.Steps {
		return 0
	}
	low, high, within := 0.0, math.Inf(1), 0
	for _, r := range made {
		if !math.IsInf(high, 1) {
			within++
		}
		if ok, _ := s.carried(r); ok {
			low = max(low, r.Rate)
		} else {
			high = min(high, r.Rate)
		}
	}
	switch {
	case math.IsInf(high, 1):
		return made[len(made)-1].Rate * s.Factor
	case low == 0 || within >= s.Refine:
		return 0
	}
	return math.Sqrt(low * high)
}

// Knee is where a server stops carrying more.
type Knee struct {
	Rate    float64 `json:"rate"`     // the highest that was carried; 0: not even the first
	Limit   float64 `json:"limit"`    // the lowest that was not; 0: all were
	Why     string  `json:"why"`      // what was wrong at Limit
	BoundMs float64 `json:"bound_ms"` // of the 99th percentile
}

func (s Sweep) knee(made []Result) Knee {
	k := Knee{BoundMs: float64(s.Bound) / float64(time.Millisecond)}
	for _, r := range made {
		ok, why := s.carried(r)
		switch {
		case ok:
			k.Rate = max(k.Rate, r.Rate)
		case k.Limit == 0 || r.Rate < k.Limit:
			k.Limit, k.Why = r.Rate, why
		}
	}
	return k
}

// Run makes steps of p's length until the knee is known; step hears of each
// before it begins. When ctx ends, the steps made until then are returned.
func (s Sweep) Run(ctx context.Context, p Plan, send Send, step func(n int, rate float64)) (Knee, []Result, error) {
	s = s.withDefaults()
	var made []Result
	for rate := s.next(made); rate > 0 && ctx.Err() == nil; rate = s.next(made) {
		step(len(made)+1, rate)
		p.Rate, p.Clients = rate, 0
		r, err := Run(ctx, p, send)
		if err != nil {
			return Knee{}, made, err
		}
		if r.Interrupted {
			break // half a step says nothing
		}
		made = append(made, r)
		p.Seed++
	}
	return s.knee(made), made, nil
}
