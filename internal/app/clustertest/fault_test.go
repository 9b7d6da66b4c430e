package clustertest_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// recovery is how soon everything works again after a service is back.
	recovery = 10 * time.Second
	// answerWithin bounds every reply to a question, whatever is away: a read of a
	// database that says nothing ends after 5 s, a search in Qdrant after 3 s.
	answerWithin = 20 * time.Second
	// takenWithin bounds every reply to an upload. One that was being written when
	// the database fell silent has 30 s for that, and some for cleaning up.
	takenWithin = 50 * time.Second
)

// fault is something that is wrong for a while.
type fault struct {
	name       string
	begin, end func()
	lasts      time.Duration
	blocks     bool // questions cannot be answered meanwhile
}

// suffer lets a fault happen under traffic, and measures how everything comes back.
func (tr *traffic) suffer(t *testing.T, f fault) {
	t.Helper()
	c := tr.c
	began := time.Now()
	f.begin()
	<-time.After(f.lasts)
	over := time.Now()
	f.end()
	back, before := time.Now(), len(c.readied())
	taken := len(tr.taken())
	took := c.await(back, f.name, map[string]func() bool{
		"question": tr.answered,
		"upload":   func() bool { return len(tr.taken()) > taken },
		"readyz": func() bool {
			return !slices.ContainsFunc(c.all(), func(p *process) bool { return c.client.probe(p, "/readyz").status != http.StatusOK })
		},
		"document": func() bool { return len(c.readied()) > before },
	})

	counts, slowest, problems := check(tr.since(began))
	t.Logf("%-19s %.1f s: %v, slowest question %s, upload %s; works again after: question %s, upload %s, readyz %s, document %s", f.name,
		over.Sub(began).Seconds(), counts, slowest["question"], slowest["upload"], took["question"], took["upload"], took["readyz"], took["document"])
	require.Empty(t, problems, f.name)
	if f.blocks {
		require.Positive(t, counts["question 503"], "%s: questions asked meanwhile were refused", f.name)
	}
	for _, p := range c.all() {
		require.True(t, p.running(), "%s ended during %s", p.settings.Dir, f.name)
	}
}

// await waits until everything works that has to within recovery of a moment,
// and gives how long each took.
func (c *cluster) await(back time.Time, after string, works map[string]func() bool) map[string]time.Duration {
	c.t.Helper()
	var mu sync.Mutex
	took := map[string]time.Duration{}
	var all sync.WaitGroup
	for what, is := range works { // beside each other: one that takes long does not hold up the others
		all.Go(func() {
			for time.Since(back) <= recovery {
				if is() {
					mu.Lock()
					defer mu.Unlock()
					took[what] = time.Since(back).Round(10 * time.Millisecond)
					return
				}
				<-time.After(50 * time.Millisecond)
			}
		})
	}
	if all.Wait(); len(took) < len(works) {
		for _, p := range c.all() {
			c.t.Logf("readyz of %s: %s", filepath.Base(p.settings.Dir), c.client.probe(p, "/readyz"))
		}
		require.Len(c.t, took, len(works), "not everything works within %s after %s", recovery, after)
	}
	return took
}

func nothing() {}

// TestPostgresDisturbed: whatever happens to the database, no acknowledged
// document is lost, questions and uploads are answered or told to come again,
// and everything works again by itself.
func TestPostgresDisturbed(t *testing.T) {
	t.Parallel()
	c := start(t, 2, settings{Batch: 4, JobTimeout: scale(30*time.Second, 0), RescueAfter: scale(90*time.Second, 0)})
	tr := c.traffic(scale(time.Second, 200*time.Millisecond))
	tr.begin()
	must := func(f func() error) func() { return func() { require.NoError(t, f()) } }
	short, long := scale(time.Second, 10*time.Second), scale(7*time.Second, 40*time.Second)
	for _, f := range []fault{
		{"killed", must(c.pg.Stop), must(c.pg.Start), short, true},
		{"shut down", must(c.pg.Shutdown), must(c.pg.Start), short, true},
		{"restarted", must(c.pg.Restart), nothing, 0, false},
		{"paused", must(c.pg.Pause), must(c.pg.Resume), long, true},
		{"connections refused", c.pgWay.refuse, c.pgWay.listen, short, true},
		{"network silent", c.pgWay.hold, c.pgWay.flow, long, true},
		{"network slow", func() { c.pgWay.slow(60 * time.Millisecond) }, c.pgWay.flow, long, false},
	} {
		tr.suffer(t, f)
	}
	tr.end()
	c.settled(tr.taken(), scale(3*time.Minute, 10*time.Minute))
}

// TestQdrantDisturbed is the same for the index.
func TestQdrantDisturbed(t *testing.T) {
	t.Parallel()
	c := start(t, 2, settings{Batch: 4, JobTimeout: scale(30*time.Second, 0), RescueAfter: scale(90*time.Second, 0)})
	tr := c.traffic(scale(time.Second, 200*time.Millisecond))
	tr.begin()
	short, long := scale(time.Second, 10*time.Second), scale(4*time.Second, 40*time.Second)
	for _, f := range []fault{
		{"killed", c.qdrant.Kill, c.qdrant.Restart, short, true},
		{"shut down", c.qdrant.Stop, c.qdrant.Restart, short, true},
		{"restarted", func() { c.qdrant.Stop(); c.qdrant.Restart() }, nothing, 0, false},
		{"paused", c.qdrant.Pause, c.qdrant.Resume, long, true},
		{"connections refused", c.qdrantWay.refuse, c.qdrantWay.listen, short, true},
		{"network silent", c.qdrantWay.hold, c.qdrantWay.flow, long, true},
		{"network slow", func() { c.qdrantWay.slow(60 * time.Millisecond) }, c.qdrantWay.flow, long, false},
	} {
		tr.suffer(t, f)
	}
	tr.end()
	c.settled(tr.taken(), scale(3*time.Minute, 10*time.Minute))
}
