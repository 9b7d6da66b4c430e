package clustertest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

// TestWipedQdrantIsRebuiltByOneCommand: Qdrant loses everything while documents
// are taken in; `groundwork reindex` is all that is needed, those that were
// half indexed included.
func TestWipedQdrantIsRebuiltByOneCommand(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{})
	c := startWith(t, 2, settings{Batch: 1, Model: model.BaseURL(), JobTimeout: scale(30*time.Second, 0), RescueAfter: scale(90*time.Second, 0)})
	before := map[string]string{}
	for n := range 5 {
		path := fmt.Sprintf("before-%d.md", n)
		before[path] = c.uploadUntilTaken(path, rule(n))
	}
	require.Eventually(t, func() bool { return c.client.count("ready") == len(before) }, time.Minute, 50*time.Millisecond)
	before["half.md"] = c.halfIndexed(model)
	tr := c.traffic(scale(300*time.Millisecond, 100*time.Millisecond))
	c.qdrant.Wipe()
	c.qdrant.Restart()
	model.Heal()
	lost := time.Now()
	require.Eventually(t, func() bool {
		r := tr.ask(0)
		return r.later() && r.status == http.StatusServiceUnavailable
	}, recovery, 50*time.Millisecond, "a question without an index is told to come again")
	<-time.After(scale(2*time.Second, 20*time.Second))
	began := time.Now()
	c.operator(func(o *app.Operator) {
		n, err := o.Reindex(t.Context())
		require.NoError(t, err)
		t.Logf("%d documents queued anew", n)
	})
	require.Eventually(t, tr.answered, time.Minute, 100*time.Millisecond)
	t.Logf("a question is answered %s after the command", time.Since(began).Round(time.Millisecond))
	tr.end()
	_, _, problems := check(tr.since(lost))
	require.Empty(t, problems)
	acknowledged := tr.taken()
	maps.Copy(acknowledged, before)
	c.settled(acknowledged, scale(3*time.Minute, 20*time.Minute))
	require.True(t, tr.answered())
}

// halfIndexed uploads a long document, and returns when a part of it is indexed
// and the embedding of the rest takes a while.
func (c *cluster) halfIndexed(model *llmtest.Server) (id string) {
	c.t.Helper()
	var done int
	model.Inject(llmtest.Fault{Kind: llmtest.Slow, Path: "/v1/embeddings", Delay: time.Second})
	id = c.uploadUntilTaken("half.md", rule(9))
	require.Eventually(c.t, func() bool {
		var d struct {
			Chunks int
			Done   int `json:"chunks_done"`
		}
		r := c.client.do(http.MethodGet, "/v1/documents/"+id+"?store=h", "", http.NoBody)
		if json.Unmarshal(r.body, &d) != nil {
			return false
		}
		done = d.Done
		return d.Done > 0 && d.Done < d.Chunks
	}, time.Minute, 10*time.Millisecond)
	c.t.Logf("%d chunks of one document are indexed", done)
	return id
}
