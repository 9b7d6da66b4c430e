package app_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"groundwork/llm/llmtest"
)

// TestMetricsAfterARun does everything once and reads what /metrics says of it.
func TestMetricsAfterARun(t *testing.T) {
	t.Parallel()
	s := start(t, config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{})))
	s.upload("h", "leave.md", handbook(12), "bad.bin", "\x00\x01\x02\x03\xff\xfe\x00\x80binary\x00\x00")
	s.ask("test-chat@h", "How many days of annual leave do employees of unit 12 get?")
	s.json("POST", "/v1/vector_stores", map[string]any{"name": "empty"}, 200, nil)
	require.True(t, s.ask("test-chat@empty", "Is there anything?").Groundwork.Abstained)

	var text string
	require.Eventually(t, func() bool { // the queue writes a job's end after the document's
		text = s.get("/metrics")
		return strings.Contains(text, `groundwork_queue_jobs{kind="parse",state="cancelled"} 1`) &&
			strings.Contains(text, `groundwork_ingest_documents_total{outcome="ready"} 1`)
	}, 20*time.Second, 20*time.Millisecond)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, line := range []string{
		`groundwork_build_info{go_version="go[^"]+",version="test"} 1`,
		`groundwork_open_streams 0`,
		`groundwork_answers_total\{outcome="answered"\} 1`,
		`groundwork_answers_total\{outcome="abstained"\} 1`,
		`groundwork_abstentions_total\{reason="nothing_found"\} 1`,
		`groundwork_answer_duration_seconds_count 2`,
		`groundwork_first_token_seconds_count 1`,
		`groundwork_answer_stage_duration_seconds_count\{stage="generate"\} 1`,
		`groundwork_model_tokens_total\{kind="completion"\} [1-9]`,
		`groundwork_citations_total\{verdict="supported"\} [1-9]`,
		`groundwork_ingest_documents_total\{outcome="ready"\} 1`,
		`groundwork_ingest_documents_total\{outcome="unsupported_file"\} 1`,
		`groundwork_ingest_chunks_total [1-9]`,
		`groundwork_ingest_stage_duration_seconds_count\{stage="parse"\} 2`,
		`groundwork_ingest_stage_duration_seconds_count\{stage="chunk"\} 1`,
		`groundwork_ingest_stage_duration_seconds_count\{stage="embed"\} 1`,
		`groundwork_ingest_stage_duration_seconds_count\{stage="index"\} 1`,
		`groundwork_ingest_stage_duration_seconds_count\{stage="publish"\} 1`,
		`groundwork_index_chunks [1-9]`,
		`groundwork_queue_jobs\{kind="parse",state="cancelled"\} 1`,
		`groundwork_queue_oldest_seconds 0`,
		`groundwork_http_request_duration_seconds_count\{method="POST",route="/v1/chat/completions",status="200"\} 2`,
	} {
		require.Regexp(t, `(?m)^`+strings.Replace(line, "build_info{", `build_info\{`, 1), text)
	}
	page, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`(?m)^# TYPE (groundwork_\w+)`).FindAllStringSubmatch(text, -1) {
		require.Regexp(t, "(?m)^\\| `"+name[1]+"[`{]", string(page))
	}
}
