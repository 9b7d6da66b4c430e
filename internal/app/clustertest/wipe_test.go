package clustertest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
)

// TestWipedQdrantIsRebuiltByOneCommand: Qdrant loses everything while documents
// are taken in; `groundwork reindex` is all that is needed, those that were
// half indexed included.
func TestWipedQdrantIsRebuiltByOneCommand(t *testing.T) {
	t.Parallel()
	c := start(t, 2, settings{Batch: 1, JobTimeout: scale(30*time.Second, 0), RescueAfter: scale(90*time.Second, 0)})
	tr := c.traffic(scale(300*time.Millisecond, 100*time.Millisecond))
	tr.begin()
	require.Eventually(t, func() bool { return len(c.client.documents("embedding")) > 0 }, time.Minute, 20*time.Millisecond)
	c.qdrant.Wipe()
	c.qdrant.Restart()
	lost := time.Now()
	require.Eventually(t, func() bool {
		r := tr.ask(0)
		return r.later() && r.status == http.StatusServiceUnavailable
	}, recovery, 50*time.Millisecond, "a question without an index is told to come again")
	<-time.After(scale(2*time.Second, 20*time.Second))
	_, _, problems := check(tr.since(lost))
	require.Empty(t, problems)
	began := time.Now()
	c.operator(func(o *app.Operator) {
		n, err := o.Reindex(t.Context())
		require.NoError(t, err)
		t.Logf("%d documents queued anew", n)
	})
	require.Eventually(t, tr.answered, time.Minute, 100*time.Millisecond)
	t.Logf("a question is answered %s after the command", time.Since(began).Round(time.Millisecond))
	tr.end()
	c.settled(tr.taken(), scale(3*time.Minute, 20*time.Minute))
	require.True(t, tr.answered())
}
