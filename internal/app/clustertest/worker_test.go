package clustertest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// TestWorkerTellsHowItDoes: what a worker answers at its address, and that it
// takes what the server queued.
func TestWorkerTellsHowItDoes(t *testing.T) {
	t.Parallel()
	c := start(t, 1, settings{Batch: 4})
	w := c.workers[0]
	r := c.client.probe(w, "/healthz")
	require.Equal(t, http.StatusOK, r.status)
	require.JSONEq(t, `{"status":"ok","version":"test"}`, string(r.body))

	var ready struct {
		Ready  bool
		Checks []struct {
			Name string
			OK   bool
		}
	}
	r = c.client.probe(w, "/readyz")
	require.Equal(t, http.StatusOK, r.status)
	require.NoError(t, json.Unmarshal(r.body, &ready))
	require.True(t, ready.Ready)
	names := map[string]bool{}
	for _, check := range ready.Checks {
		names[check.Name] = check.OK
	}
	require.Equal(t, map[string]bool{"library": true, "files": true, "embedding": true, "index": true}, names)
	require.Equal(t, http.StatusNotFound, c.client.probe(w, "/v1/models").status)

	id := c.uploadUntilTaken("rule.md", rule(9))
	c.settled(map[string]string{"rule.md": id}, time.Minute)
	r = c.client.probe(w, "/metrics")
	require.Equal(t, http.StatusOK, r.status)
	require.Contains(t, string(r.body), `groundwork_ingest_documents_total{outcome="ready"} 1`)

	c.pgWay.refuse()
	r = c.client.probe(w, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, r.status, "%s", r)
	require.Equal(t, http.StatusOK, c.client.probe(w, "/healthz").status)
	c.pgWay.listen()
	c.client.ready(w, recovery)
}

// TestWorkerDrains: a worker that is told to end lets a job finish, and gives
// back at once one that takes longer; another worker goes on with it, long
// before the queue would take a dead worker's job over.
func TestWorkerDrains(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{})
	c := startWith(t, 1, settings{Batch: 4, Model: model.BaseURL()})
	done := 0
	for name, takes := range map[string]time.Duration{"short": 300 * time.Millisecond, "long": time.Minute} {
		model.Inject(llmtest.Fault{Kind: llmtest.Slow, Path: "/v1/embeddings", Delay: takes})
		calls := len(model.Requests("/v1/embeddings"))
		c.uploadUntilTaken(name+".md", rule(len(name)))
		require.Eventually(t, func() bool { return len(model.Requests("/v1/embeddings")) > calls }, time.Minute, 20*time.Millisecond, "the job runs")
		began := time.Now()
		w := c.workers[0]
		require.Zero(t, w.stop(), "the worker ends well")
		took := time.Since(began)
		require.Less(t, took, 15*time.Second)
		calls = len(model.Requests("/v1/embeddings"))
		model.Heal()
		began = time.Now()
		w.start()
		done++
		require.Eventually(t, func() bool { return c.client.count("ready") == done }, time.Minute, 50*time.Millisecond)
		t.Logf("%s job: the worker ended in %s, the document was ready %s after the next started", name, took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if name == "short" {
			require.Len(t, model.Requests("/v1/embeddings"), calls, "the job had finished: nothing is embedded again")
		}
	}
	c.verified(done)
}

// TestAStartWaits: a process that is started while a service is away waits for
// it, so that it works seconds after the service does.
func TestAStartWaits(t *testing.T) {
	t.Parallel()
	c := prepare(t, settings{Batch: 4, Model: llmtest.Start(t, llmtest.Options{}).BaseURL()})
	for name, way := range map[string]*proxy{"database": c.pgWay, "index": c.qdrantWay} {
		way.refuse()
		s := c.settings(name, true)
		started, end := context.WithCancel(t.Context())
		back := make(chan time.Time, 1)
		go func() { back <- waits(started, s); way.listen() }()
		p := newProcess(t, s)
		end()
		since := <-back
		require.False(t, since.IsZero(), "it listens when it can work")
		t.Logf("works %s after the %s is back", time.Since(since).Round(time.Millisecond), name)
		require.Zero(t, p.stop())
	}
}

// waits gives the moment when a process says that it waits for a service, zero when it never did.
func waits(ctx context.Context, s settings) time.Time {
	for ctx.Err() == nil {
		log, err := os.ReadFile(filepath.Join(s.Dir, logFile))
		if err == nil && strings.Contains(string(log), "the start waits for a service that is away") {
			return time.Now()
		}
		<-time.After(20 * time.Millisecond)
	}
	return time.Time{}
}

// TestWorkBeginsWhenTheDatabaseIsBack: a server whose database is away at the
// moment when it would begin to work jobs begins when it is back.
func TestWorkBeginsWhenTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	model := llmtest.Start(t, llmtest.Options{})
	there, err := url.Parse(model.URL)
	require.NoError(t, err)
	modelWay := newProxy(t, "tcp", there.Host)
	modelWay.hold() // jobs wait for the chat model to be measured
	c := prepare(t, settings{Batch: 4, Model: "http://" + modelWay.addr + "/v1", Works: 2})
	c.serve = newProcess(t, c.settings("serve", false))
	c.client = newClient(t, c.serve)
	c.pgWay.refuse()
	modelWay.flow()
	require.Eventually(t, func() bool { return strings.Contains(c.serve.log(), "documents wait for the database") }, time.Minute, 20*time.Millisecond)
	c.pgWay.listen()
	id := c.uploadUntilTaken("rule.md", rule(0))
	c.settled(map[string]string{"rule.md": id}, time.Minute)
}
