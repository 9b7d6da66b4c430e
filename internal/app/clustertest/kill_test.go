package clustertest_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWorkersKilledAtRandom kills workers at random moments while documents
// come in and are worked on: each becomes ready once, and no point is missing
// or doubled.
func TestWorkersKilledAtRandom(t *testing.T) {
	t.Parallel()
	documents, kills := scale(60, 2000), scale(6, 50)
	// The long run waits as long as a cluster does that is shipped: 3 minutes.
	c := start(t, 3, settings{Batch: 4, JobTimeout: scale(20*time.Second, 0), RescueAfter: scale(70*time.Second, 0)})
	began := time.Now()
	var known atomic.Int64
	acknowledged := map[string]string{}
	var uploads sync.WaitGroup
	uploads.Go(func() {
		for n := range documents {
			path := fmt.Sprintf("rule-%04d.md", n)
			id := c.uploadUntilTaken(path, rule(n))
			if id == "" {
				return
			}
			acknowledged[path] = id
			known.Add(1)
		}
	})
	running := 0
	for kill := range kills {
		// Spread over taking in and working: halfway through, half of the kills are done.
		require.Eventually(t, func() bool {
			return t.Failed() || known.Load()+int64(c.client.count("ready")) >= int64(2*documents*kill/kills)
		}, 10*time.Minute, 200*time.Millisecond)
		<-time.After(time.Duration(rand.IntN(900)) * time.Millisecond)
		w := c.workers[rand.IntN(len(c.workers))]
		if c.client.count("waiting") > 0 {
			running++
		}
		w.kill()
		w.start()
	}
	uploads.Wait()
	require.Len(t, acknowledged, documents)
	t.Logf("%d kills, %d of them with documents on their way, %d documents taken in within %s", kills, running, documents, time.Since(began).Round(time.Second))
	require.Positive(t, running)
	c.settled(acknowledged, scale(4*time.Minute, 20*time.Minute))
}

// uploadUntilTaken sends a document again while the server asks for it. It
// gives "" when the test has failed.
func (c *cluster) uploadUntilTaken(path, content string) string {
	for {
		id, r := c.client.upload(path, content)
		switch {
		case id != "":
			return id
		case !r.later():
			c.t.Errorf("upload of %s: %s", path, r)
			return ""
		}
		select {
		case <-c.t.Context().Done():
			return ""
		case <-time.After(r.retry):
		}
	}
}
