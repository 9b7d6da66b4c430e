package clustertest_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
)

// traffic is ingest and questions that go on while something is disturbed.
type traffic struct {
	c    *cluster
	stop chan struct{}
	wg   sync.WaitGroup
	once sync.Once
	next atomic.Int64 // number of the next document

	mu           sync.Mutex
	acknowledged map[string]string // path to id
	seen         []sample
}

// sample is one reply.
type sample struct {
	kind  string // question or upload
	began time.Time
	reply
}

// traffic starts one who uploads, with a pause after each document, and one
// who asks; the end of the test stops them.
func (c *cluster) traffic(pause time.Duration) *traffic {
	tr := &traffic{c: c, stop: make(chan struct{}), acknowledged: map[string]string{}}
	c.t.Cleanup(tr.end)
	tr.wg.Go(func() {
		for tr.waits(pause) {
			tr.upload()
		}
	})
	tr.wg.Go(func() {
		for n := 0; tr.waits(100 * time.Millisecond); n++ {
			tr.ask(n)
		}
	})
	return tr
}

// waits is false when the traffic is to end.
func (tr *traffic) waits(d time.Duration) bool {
	select {
	case <-tr.stop:
		return false
	case <-time.After(d):
		return true
	}
}

func (tr *traffic) end() {
	tr.once.Do(func() { close(tr.stop) })
	tr.wg.Wait()
}

// upload sends a new document until it is acknowledged: a client that gave up
// might leave an original that nothing refers to.
func (tr *traffic) upload() {
	n := int(tr.next.Add(1)) - 1
	path, content := fmt.Sprintf("rule-%04d.md", n), rule(n)
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end) && !tr.c.t.Failed(); {
		began := time.Now()
		id, r := tr.c.client.upload(path, content)
		tr.note(sample{"upload", began, r})
		if id != "" {
			tr.mu.Lock()
			tr.acknowledged[path] = id
			tr.mu.Unlock()
			return
		}
		<-time.After(max(r.retry, 100*time.Millisecond))
	}
}

func (tr *traffic) ask(n int) reply {
	began := time.Now()
	r := tr.c.client.ask(fmt.Sprintf("How many days of annual leave do employees of unit %d get?", n%20))
	tr.note(sample{"question", began, r})
	return r
}

func (tr *traffic) note(s sample) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.seen = append(tr.seen, s)
}

// taken is what was acknowledged so far.
func (tr *traffic) taken() map[string]string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return maps.Clone(tr.acknowledged)
}

// since gives the replies that came after a moment.
func (tr *traffic) since(moment time.Time) []sample {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var out []sample
	for _, s := range tr.seen {
		if s.began.Add(s.took).After(moment) {
			out = append(out, s)
		}
	}
	return out
}

// check holds replies to what is promised: done, or told to come again, soon.
// It counts them by kind and status.
func check(seen []sample) (counts map[string]int, slowest map[string]time.Duration, problems []string) {
	counts, slowest = map[string]int{}, map[string]time.Duration{}
	for _, s := range seen {
		counts[fmt.Sprintf("%s %d", s.kind, s.status)]++
		slowest[s.kind] = max(slowest[s.kind], s.took.Round(10*time.Millisecond))
		good, within := s.later(), answerWithin
		switch s.kind {
		case "question":
			good = good || s.status == http.StatusOK && bytes.Contains(s.body, []byte(`"document_id"`))
		case "upload":
			good, within = good || s.status == http.StatusAccepted, takenWithin
		}
		if !good || s.took > within {
			problems = append(problems, s.kind+": "+s.String())
		}
	}
	return counts, slowest, problems
}

// answered tells whether a question is answered from the documents now.
func (tr *traffic) answered() bool {
	r := tr.ask(0)
	return r.status == http.StatusOK && bytes.Contains(r.body, []byte(`"document_id"`))
}

// begin waits until the store answers questions.
func (tr *traffic) begin() {
	tr.c.t.Helper()
	require.Eventually(tr.c.t, func() bool { return tr.c.client.count("ready") >= 3 && tr.answered() }, time.Minute, 100*time.Millisecond)
}
