package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a run showed. Rates are per second, latencies in milliseconds
// from the time a request was meant to start.
type Result struct {
	Mode        string         `json:"mode"` // open or closed
	Rate        float64        `json:"rate,omitempty"`
	Clients     int            `json:"clients,omitempty"`
	Seed        uint64         `json:"seed"`
	Seconds     float64        `json:"seconds"` // measured
	Interrupted bool           `json:"interrupted"`
	Offered     float64        `json:"offered_per_second"`
	Achieved    float64        `json:"achieved_per_second"` // complete replies that ended within the measured time
	OK          int            `json:"ok"`
	Refused     int            `json:"refused"` // 429 and 503
	Failed      int            `json:"failed"`
	Unfinished  int            `json:"unfinished"` // given up when the run ended
	Statuses    map[string]int `json:"statuses"`
	Reasons     map[string]int `json:"reasons"` // of failures
	Kinds       []KindResult   `json:"kinds"`
	LagMs       Latency        `json:"generator_lag_ms"` // how late this program itself was
	Timeline    []Second       `json:"timeline"`
}

// KindResult is what was seen of one kind of request.
type KindResult struct {
	Kind      Kind    `json:"kind"`
	OK        int     `json:"ok"`
	Abstained int     `json:"abstained"`
	Refused   int     `json:"refused"`
	Failed    int     `json:"failed"`
	TotalMs   Latency `json:"total_ms"`       // of complete replies
	FirstMs   Latency `json:"first_token_ms"` // of answers
	RefusalMs Latency `json:"refusal_ms"`
}

// Latency is a distribution in milliseconds.
type Latency struct {
	Count int          `json:"count"`
	Mean  float64      `json:"mean"`
	P50   float64      `json:"p50"`
	P90   float64      `json:"p90"`
	P99   float64      `json:"p99"`
	P999  float64      `json:"p99_9"`
	Max   float64      `json:"max"`
	Curve [][2]float64 `json:"curve,omitempty"` // percentile, milliseconds
}

// Second is one second of the measured time.
type Second struct {
	Offered int `json:"offered"`
	OK      int `json:"ok"`
	Refused int `json:"refused"`
	Failed  int `json:"failed"`
}

// curve are the percentiles of a plot; those that too few values back are left out.
var curve = []float64{0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.75, 99.9, 99.95, 99.99}

func latency(h *hdrhistogram.Histogram, plot bool) Latency {
	n := h.TotalCount()
	if n == 0 {
		return Latency{}
	}
	at := func(p float64) float64 { return float64(h.ValueAtPercentile(p)) / 1000 }
	l := Latency{Count: int(n), Mean: h.Mean() / 1000, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000}
	for _, p := range curve {
		if plot && float64(n)*(100-p)/100 >= 1 {
			l.Curve = append(l.Curve, [2]float64{p, at(p)})
		}
	}
	return l
}

func (r *recorder) result(p Plan, now time.Time, interrupted bool) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	span := min(r.span, max(now.Sub(r.from), 0))
	if !interrupted {
		span = r.span
	}
	out := Result{Mode: "open", Rate: p.Rate, Clients: p.Clients, Seed: p.Seed, Seconds: span.Seconds(), Interrupted: interrupted,
		Unfinished: r.cut, Statuses: r.statuses, Reasons: r.reasons, LagMs: latency(r.lag, false), Kinds: []KindResult{}}
	if p.Clients > 0 {
		out.Mode = "closed"
	}
	for _, k := range kinds {
		t := r.tallies[k]
		if t == nil {
			continue
		}
		out.OK, out.Refused, out.Failed = out.OK+t.ok, out.Refused+t.refused, out.Failed+t.failed
		out.Kinds = append(out.Kinds, KindResult{Kind: k, OK: t.ok, Abstained: t.abstained, Refused: t.refused, Failed: t.failed,
			TotalMs: latency(t.total, true), FirstMs: latency(t.first, true), RefusalMs: latency(t.refusal, false)})
	}
	out.Timeline = r.seconds[:min(len(r.seconds), int((span+time.Second-1)/time.Second))]
	if s := span.Seconds(); s > 0 {
		offered := 0
		for _, second := range r.seconds {
			offered += second.Offered
		}
		out.Offered, out.Achieved = float64(offered)/s, float64(r.within)/s
	}
	return out
}

// P99 is the highest 99th percentile of the kinds that were sent, in milliseconds.
func (r Result) P99() float64 {
	worst := 0.0
	for _, k := range r.Kinds {
		worst = max(worst, k.TotalMs.P99)
	}
	return worst
}
