package telemetry_test

import (
	"bytes"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/telemetry"
)

func TestMetricsAreServedWithUnits(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics("1.2.3")
	m.Request("GET", "/v1/models", 200, 3*time.Millisecond)
	m.Answer("answered")
	m.Stage("embed", time.Millisecond)
	m.Tokens(100, 40, 7)
	m.Citation("supported")
	m.Gauge("groundwork_ready", "Whether it is.", func() float64 { return 1 }, "part", "chat")

	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`groundwork_http_request_duration_seconds_count{method="GET",route="/v1/models",status="200"} 1`,
		`groundwork_answers_total{outcome="answered"} 1`,
		`groundwork_answer_stage_duration_seconds_count{stage="embed"} 1`,
		`groundwork_model_tokens_total{kind="prompt"} 100`,
		`groundwork_model_tokens_total{kind="cached"} 40`,
		`groundwork_citations_total{verdict="supported"} 1`,
		`groundwork_ready{part="chat"} 1`,
	} {
		require.Contains(t, w.Body.String(), line)
	}
}

func TestLoggerHonoursLevelAndFormat(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.Logger(&out, "warn", "json")
	log.Info("quiet")
	log.Warn("loud", "bytes", 3)
	require.NotContains(t, out.String(), "quiet")
	require.Contains(t, out.String(), `"msg":"loud","bytes":3`)
}
