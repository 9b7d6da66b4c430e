package telemetry_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"groundwork/internal/telemetry"
)

// everything is Metrics with each metric in use.
func everything() *telemetry.Metrics {
	m := telemetry.NewMetrics("1.2.3")
	m.Request("GET", "/v1/models", 200, time.Millisecond)
	m.Stream()()
	m.Answer("abstained")
	m.Abstention("weak_evidence")
	m.Reranking("done")
	m.Stage("embed", time.Millisecond)
	m.FirstToken(time.Second)
	m.Answered(time.Second)
	m.Tokens(1, 1, 1)
	m.Citation("supported")
	m.Document("ready")
	m.Chunks(3)
	m.IngestStage("parse", time.Second)
	m.Queue(func(context.Context) ([]telemetry.JobCount, time.Duration, error) {
		return []telemetry.JobCount{{Kind: "parse", State: "available", Jobs: 4}}, 90 * time.Second, nil
	})
	m.Breakers(func() []telemetry.Breaker {
		return []telemetry.Breaker{{Dependency: "qdrant", Open: true}, {Dependency: "s3"}}
	})
	m.ModelServers(func() telemetry.ModelLoad {
		return telemetry.ModelLoad{InFlight: map[string]int{"chat 10.0.0.5:8000": 2}, Waiting: 5, Refused: 7}
	})
	m.IndexChunks(func(context.Context) (int, error) { return 12, nil })
	return m
}

func TestMetricsPassTheLinter(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(everything().Gatherer())
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestSnapshotsAreReadAtEachScrape(t *testing.T) {
	t.Parallel()
	require.NoError(t, testutil.GatherAndCompare(everything().Gatherer(), strings.NewReader(`
# HELP groundwork_breaker_open 1 while calls to the dependency are refused because it failed, else 0.
# TYPE groundwork_breaker_open gauge
groundwork_breaker_open{dependency="qdrant"} 1
groundwork_breaker_open{dependency="s3"} 0
# HELP groundwork_index_chunks Chunks of ready documents, which searches can find.
# TYPE groundwork_index_chunks gauge
groundwork_index_chunks 12
# HELP groundwork_model_queue_refused_total Requests refused because the queue before the model servers was full.
# TYPE groundwork_model_queue_refused_total counter
groundwork_model_queue_refused_total 7
# HELP groundwork_model_queue_waiting Requests that wait for a free model server.
# TYPE groundwork_model_queue_waiting gauge
groundwork_model_queue_waiting 5
# HELP groundwork_model_requests_in_flight Requests that a model server is working on, by server.
# TYPE groundwork_model_requests_in_flight gauge
groundwork_model_requests_in_flight{server="chat 10.0.0.5:8000"} 2
# HELP groundwork_queue_jobs Jobs of the ingest queue by kind and state.
# TYPE groundwork_queue_jobs gauge
groundwork_queue_jobs{kind="parse",state="available"} 4
# HELP groundwork_queue_oldest_seconds Age of the job that has waited longest; 0 when none waits.
# TYPE groundwork_queue_oldest_seconds gauge
groundwork_queue_oldest_seconds 90
`), "groundwork_breaker_open", "groundwork_index_chunks", "groundwork_model_queue_refused_total", "groundwork_model_queue_waiting",
		"groundwork_model_requests_in_flight", "groundwork_queue_jobs", "groundwork_queue_oldest_seconds"))
}

func TestAScrapeOutlivesASourceThatFails(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics("1.2.3")
	m.Queue(func(context.Context) ([]telemetry.JobCount, time.Duration, error) {
		return nil, 0, errors.New("no database")
	})
	m.IndexChunks(func(context.Context) (int, error) { return 0, errors.New("no database") })
	families, err := m.Gatherer().Gather()
	require.NoError(t, err)
	for _, f := range families {
		require.NotContains(t, f.GetName(), "queue")
		require.NotEqual(t, "groundwork_index_chunks", f.GetName())
	}
}

// TestDocsListTheMetrics compares docs/observability.md with the code: the same
// names with the same kinds and labels.
func TestDocsListTheMetrics(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(groundwork_[a-z_]+)(?:\\{([a-z_, ]+)\\})?` \\| (\\w+) \\|").FindAllStringSubmatch(string(page), -1) {
		require.NotContains(t, documented, row[1], "documented twice")
		documented[row[1]] = row[3] + " " + row[2]
	}
	families, err := everything().Gatherer().Gather()
	require.NoError(t, err)
	actual := map[string]string{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "groundwork_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		actual[f.GetName()] = strings.ToLower(f.GetType().String()) + " " + strings.Join(labels, ", ")
	}
	require.Equal(t, actual, documented)
}
