package load

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are kept in microseconds, from 1 µs to longest, to three digits.
const (
	longest = time.Hour
	digits  = 3
)

// maxReasons bounds how many different errors a result names.
const maxReasons = 10

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d, time.Microsecond), longest).Microseconds()) // within its range
}

// tally is what was seen of one kind.
type tally struct {
	ok, abstained, refused, failed int
	total, first, refusal          *hdrhistogram.Histogram
}

// recorder collects what happens from the end of the warm-up on. Requests
// count when they were meant to start within the measured time.
type recorder struct {
	from time.Time
	span time.Duration

	mu        sync.Mutex
	tallies   map[Kind]*tally
	statuses  map[string]int // "200", "429", … or "none" without a reply
	reasons   map[string]int // of failures
	lag       *hdrhistogram.Histogram
	seconds   []Second
	within    int // complete answers of any kind whose end came within the measured time
	underWay  int
	cut       int // given up at the end
	okAll     int // with the warm-up, for the progress
	refAll    int
	failedAll int
}

func newRecorder(from time.Time, span time.Duration) *recorder {
	return &recorder{from: from, span: span, tallies: map[Kind]*tally{}, statuses: map[string]int{}, reasons: map[string]int{},
		lag: newHistogram(), seconds: make([]Second, int((span+time.Second-1)/time.Second))}
}

// second is the one that t lies in; nil outside the measured time.
func (r *recorder) second(t time.Time) *Second {
	if i := t.Sub(r.from); i >= 0 && i < r.span {
		return &r.seconds[int(i/time.Second)]
	}
	return nil
}

func (r *recorder) counts(due time.Time) bool {
	return !due.Before(r.from) && due.Before(r.from.Add(r.span))
}

func (r *recorder) started(due time.Time, lag time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay++
	if !r.counts(due) {
		return
	}
	record(r.lag, lag)
	if s := r.second(due); s != nil {
		s.Offered++
	}
}

func (r *recorder) abandoned(due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay--
	if r.counts(due) {
		r.cut++
	}
}

func (r *recorder) done(kind Kind, due, end time.Time, reply Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay--
	ok, no := reply.Err == nil && reply.Status/100 == 2, refused(reply.Status)
	s := r.second(end)
	if s == nil {
		s = &Second{} // after the end, or while warming up
	}
	switch {
	case ok:
		r.okAll++
		s.OK++
	case no:
		r.refAll++
		s.Refused++
	default:
		r.failedAll++
		s.Failed++
	}
	if ok && r.counts(end) {
		r.within++
	}
	if r.counts(due) {
		r.tallies[kind] = r.tallies[kind].add(due, end, reply)
		r.explain(reply, ok || no)
	}
}

func (t *tally) add(due, end time.Time, reply Reply) *tally {
	if t == nil {
		t = &tally{total: newHistogram(), first: newHistogram(), refusal: newHistogram()}
	}
	switch {
	case refused(reply.Status):
		t.refused++
		record(t.refusal, end.Sub(due))
	case reply.Err != nil || reply.Status/100 != 2:
		t.failed++
	default:
		t.ok++
		if reply.Abstained {
			t.abstained++
		}
		record(t.total, end.Sub(due))
		if !reply.First.IsZero() {
			record(t.first, reply.First.Sub(due))
		}
	}
	return t
}

func (r *recorder) explain(reply Reply, fine bool) {
	status := "none"
	if reply.Status > 0 {
		status = strconv.Itoa(reply.Status)
	}
	r.statuses[status]++
	if fine {
		return
	}
	reason := "status " + status
	if reply.Err != nil {
		reason = reply.Err.Error()
	}
	if _, known := r.reasons[reason]; !known && len(r.reasons) >= maxReasons {
		reason = "others"
	}
	r.reasons[reason]++
}

// refused are the answers of a server that has enough to do: not an error.
func refused(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

func (r *recorder) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Progress{OK: r.okAll, Refused: r.refAll, Failed: r.failedAll, Open: r.underWay}
}
