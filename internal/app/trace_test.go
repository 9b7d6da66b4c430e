package app_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collected "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"groundwork/llm/llmtest"
)

// collector is an OTLP/HTTP collector that keeps what it gets.
type collector struct {
	url string

	mu    sync.Mutex
	raw   [][]byte
	spans []*tracepb.Span
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var batch collected.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(raw, &batch) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw = append(c.raw, raw)
		for _, resource := range batch.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

// tree are the spans of one trace, each as "parent > name", in alphabetical order.
func (c *collector) tree(trace string) (edges []string, byName map[string]*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names, byName := map[string]string{}, map[string]*tracepb.Span{}
	for _, s := range c.spans {
		names[string(s.SpanId)] = s.Name
	}
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) != trace {
			continue
		}
		byName[s.Name] = s
		parent, ours := names[string(s.ParentSpanId)]
		if !ours {
			parent = hex.EncodeToString(s.ParentSpanId)
		}
		edges = append(edges, parent+" > "+s.Name)
	}
	slices.Sort(edges)
	return edges, byName
}

func attributes(s *tracepb.Span) map[string]string {
	out := map[string]string{}
	for _, kv := range s.GetAttributes() {
		switch v := kv.Value; {
		case v.GetArrayValue() != nil:
			out[kv.Key] = v.GetArrayValue().Values[0].GetStringValue()
		case v.GetStringValue() != "":
			out[kv.Key] = v.GetStringValue()
		default:
			out[kv.Key] = fmt.Sprint(v.GetIntValue())
		}
	}
	return out
}

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan  = "00f067aa0ba902b7"
)

// traced sends a request that belongs to a client's trace.
func (s *server) traced(method, path, contentType string, body io.Reader) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, "%s", raw)
	return string(raw)
}

func TestOneTraceFromQuestionToLastToken(t *testing.T) {
	t.Parallel()
	model, spans := llmtest.Start(t, llmtest.Options{}), startCollector(t)
	cfg := config(t, t.TempDir(), model)
	cfg.Telemetry.OTLPEndpoint = spans.url
	cfg.Telemetry.SampleRatio = 0 // the client's decision counts
	s := start(t, cfg)
	s.upload("h", "leave.md", handbook(12))
	s.traced(http.MethodPost, "/v1/chat/completions", "application/json",
		strings.NewReader(`{"model":"test-chat@h","messages":[{"role":"user","content":"How many days of annual leave?"}]}`))
	asked := model.Requests("/v1/chat/completions")
	require.NoError(t, s.stop())

	edges, byName := spans.tree(clientTrace)
	require.Equal(t, []string{
		clientSpan + " > POST /v1/chat/completions",
		"POST /v1/chat/completions > ask",
		"ask > chat test-chat",
		"ask > embeddings test-embed",
		"ask > retrieval",
		"ask > stage cite",
		"ask > stage prompt",
		"ask > stage select",
		"retrieval > stage embed",
		"retrieval > stage fuse",
		"retrieval > stage search",
	}, edges)
	chat := byName["chat test-chat"]
	require.Equal(t, tracepb.Span_SPAN_KIND_CLIENT, chat.Kind)
	got := attributes(chat)
	require.Equal(t, "chat", got["gen_ai.operation.name"])
	require.Equal(t, "test-chat", got["gen_ai.request.model"])
	require.Equal(t, "stop", got["gen_ai.response.finish_reasons"])
	require.NotEqual(t, "0", got["gen_ai.usage.input_tokens"])
	require.NotEqual(t, "0", got["gen_ai.usage.output_tokens"])
	require.Contains(t, got, "gen_ai.response.time_to_first_chunk")
	require.Contains(t, attributes(byName["ask"])["groundwork.answer.id"], "ans_")
	require.Contains(t, attributes(byName["POST /v1/chat/completions"])["groundwork.request.id"], "req_")
	require.Equal(t, "200", attributes(byName["POST /v1/chat/completions"])["http.response.status_code"])

	sent := asked[len(asked)-1].Header.Get("traceparent")
	require.Equal(t, "00-"+clientTrace+"-"+hex.EncodeToString(chat.SpanId)+"-01", sent, "the model server gets the trace")
	for _, span := range spans.spans {
		require.Equal(t, clientTrace, hex.EncodeToString(span.TraceId), "%s was not to be sampled", span.Name)
	}
}

func TestOneTraceFromUploadToReady(t *testing.T) {
	t.Parallel()
	spans := startCollector(t)
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.Telemetry.OTLPEndpoint = spans.url
	cfg.Telemetry.SampleRatio = 0
	s := start(t, cfg)
	body, contentType := form(t, "h", "leave.md", handbook(12))
	s.traced(http.MethodPost, "/v1/documents?wait=ready&timeout=600s", contentType, body)
	require.NoError(t, s.stop())

	edges, byName := spans.tree(clientTrace)
	require.Equal(t, []string{
		clientSpan + " > POST /v1/documents",
		"POST /v1/documents > upload",
		"embed > embeddings test-embed",
		"embed > publish",
		"embed > stage index",
		"parse > embed",
		"parse > stage parse",
		"publish > stage publish",
		"upload > parse",
	}, edges)
	parse := attributes(byName["parse"])
	require.Equal(t, tracepb.Span_SPAN_KIND_CONSUMER, byName["parse"].Kind)
	require.Equal(t, "done", parse["groundwork.job.outcome"])
	require.Equal(t, attributes(byName["upload"])["groundwork.document.id"], parse["groundwork.document.id"])
}

func TestFailuresShowInTheTrace(t *testing.T) {
	t.Parallel()
	model, spans := llmtest.Start(t, llmtest.Options{}), startCollector(t)
	cfg := config(t, t.TempDir(), model)
	cfg.Telemetry.OTLPEndpoint = spans.url
	s := start(t, cfg)
	s.upload("h", "leave.md", handbook(3), "bad.bin", "\x00\x01\x02\x03\xff\xfe\x00\x80binary\x00\x00")
	model.Inject(llmtest.Fault{Kind: llmtest.Broken, Path: "/v1/chat/completions"})
	s.json(http.MethodPost, "/v1/chat/completions", map[string]any{"model": "test-chat@h", "messages": []map[string]string{{"role": "user", "content": "annual leave?"}}},
		http.StatusServiceUnavailable, nil)
	require.NoError(t, s.stop())

	failed := map[string]string{}
	for _, span := range spans.spans {
		if span.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			failed[span.Name] = attributes(span)["error.type"]
		}
	}
	require.Equal(t, map[string]string{
		"POST /v1/chat/completions": "unavailable", "ask": "unavailable", "chat test-chat": "unavailable",
		"parse": "unsupported_file", "stage parse": "unsupported_file",
	}, failed)
}
