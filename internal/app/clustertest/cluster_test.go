package clustertest_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/blob/s3test"
	"groundwork/store/qdrant/qdranttest"
)

// cluster is one server and some workers on stores of their own.
type cluster struct {
	t      *testing.T
	pg     *pgtest.Server
	qdrant *qdranttest.Server
	// between the processes and both
	pgWay, qdrantWay *proxy

	common  settings
	serve   *process
	workers []*process
	client  *client
}

// start starts everything, with a model server of its own.
func start(t *testing.T, workers int, s settings) *cluster {
	t.Helper()
	s.Model = llmtest.Start(t, llmtest.Options{KeepNothing: true}).BaseURL()
	return startWith(t, workers, s)
}

// startWith starts everything but the model server, and waits until all say that they are ready.
func startWith(t *testing.T, workers int, s settings) *cluster {
	t.Helper()
	c := prepare(t, s)
	c.serve = newProcess(t, c.settings("serve", false))
	for i := range workers {
		c.workers = append(c.workers, newProcess(t, c.settings(fmt.Sprintf("worker-%d", i+1), true)))
	}
	c.client = newClient(t, c.serve)
	for _, p := range c.all() {
		c.client.ready(p, time.Minute)
	}
	return c
}

// prepare starts the stores alone.
func prepare(t *testing.T, s settings) *cluster {
	t.Helper()
	c := &cluster{t: t, pg: pgtest.New(t), qdrant: qdranttest.StartOwn(t)}
	direct, err := url.Parse(c.pg.URL)
	require.NoError(t, err)
	c.pgWay = newProxy(t, "unix", filepath.Join(direct.Query().Get("host"), ".s.PGSQL.5432"))
	there, err := url.Parse(c.qdrant.URL)
	require.NoError(t, err)
	c.qdrantWay = newProxy(t, "tcp", there.Host)
	s.SQL, s.Qdrant = "postgres://postgres@"+c.pgWay.addr+"/postgres", "http://"+c.qdrantWay.addr
	s.Files = s3test.Start(t).URL("")
	c.common = s
	return c
}

func (c *cluster) settings(name string, worker bool) settings {
	s := c.common
	s.Dir, s.Worker = filepath.Join(c.t.TempDir(), name), worker
	require.NoError(c.t, os.MkdirAll(s.Dir, 0o700))
	return s
}

func (c *cluster) all() []*process { return append([]*process{c.serve}, c.workers...) }

// operator runs do with what `groundwork verify` and `groundwork reindex` run on.
func (c *cluster) operator(do func(o *app.Operator)) {
	c.t.Helper()
	s := c.common
	s.Dir = c.t.TempDir()
	cfg, err := s.config()
	require.NoError(c.t, err)
	o, err := app.NewOperator(cfg, slog.New(slog.DiscardHandler))
	require.NoError(c.t, err)
	do(o)
	require.NoError(c.t, o.Close())
}

// settled waits until every acknowledged document is ready, and holds the
// cluster to what must be true then: each is there once under the id that was
// acknowledged, became ready once, and verify finds nothing wrong.
func (c *cluster) settled(acknowledged map[string]string, limit time.Duration) {
	c.t.Helper()
	began := time.Now()
	require.Eventually(c.t, func() bool { return c.client.count("ready") >= len(acknowledged) || c.client.count("failed") > 0 }, limit, time.Second,
		"%d documents are to become ready", len(acknowledged))
	c.t.Logf("all are ready after %s", time.Since(began).Round(time.Second))
	documents := c.client.documents("")
	require.Len(c.t, documents, len(acknowledged))
	for _, d := range documents {
		require.Equal(c.t, "ready", d.Status, "%s: %+v", d.Filename, d.Error)
		require.Equal(c.t, acknowledged[d.Filename], d.ID, "%s is there under the id that was acknowledged", d.Filename)
	}
	for id, times := range c.readied() {
		require.LessOrEqual(c.t, times, 1, "%s became ready once", id)
	}
	c.verified(len(acknowledged))
}

// readied counts how often the processes logged that a document's first version became ready.
func (c *cluster) readied() map[string]int {
	times := map[string]int{}
	for _, p := range c.all() {
		for line := range strings.Lines(p.log()) {
			if _, rest, is := strings.Cut(line, `msg="document ready" document=`); is && strings.Contains(rest, "version=1\n") {
				times[strings.Fields(rest)[0]]++
			}
		}
	}
	return times
}

// verified checks that `groundwork verify` finds n documents and nothing wrong.
func (c *cluster) verified(n int) {
	c.t.Helper()
	c.operator(func(o *app.Operator) {
		audit, err := o.Verify(c.t.Context(), nil)
		require.NoError(c.t, err)
		require.Empty(c.t, audit.Faults)
		require.Equal(c.t, n, audit.Documents)
		require.Zero(c.t, audit.Waiting+audit.Failed)
		require.Positive(c.t, audit.Chunks)
		require.Equal(c.t, audit.Chunks, audit.Entries, "points for chunks")
		c.t.Logf("verify: %d documents, %d chunks, %d entries, %d originals, nothing wrong", audit.Documents, audit.Chunks, audit.Entries, audit.Originals)
	})
}
