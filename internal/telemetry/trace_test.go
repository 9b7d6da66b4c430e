package telemetry_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"groundwork/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clientTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientParent = "00-" + clientTrace + "-00f067aa0ba902b7-01"
)

func inMemory(t *testing.T, ratio float64) (*telemetry.Tracing, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tracing := telemetry.TraceTo(spans, telemetry.TraceOptions{Ratio: ratio, Service: "groundwork"})
	t.Cleanup(func() { require.NoError(t, tracing.Shutdown(context.Background())) })
	return tracing, spans
}

func TestAnEmptyEndpointIsOff(t *testing.T) {
	t.Parallel()
	off, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{})
	require.NoError(t, err)
	require.Nil(t, off)
	ctx, span := off.Start(t.Context(), "ask")
	span.Set(telemetry.Int("n", 1))
	span.End("timeout")
	header := http.Header{}
	off.Inject(ctx, header)
	off.Served(ctx, telemetry.Served{})
	require.Empty(t, header)
	require.Nil(t, off.Carry(ctx))
	require.NoError(t, off.Shutdown(t.Context()))

	_, err = telemetry.NewTracing(t.Context(), telemetry.TraceOptions{Endpoint: "localhost:4318"})
	require.ErrorContains(t, err, "telemetry.otlp_endpoint")
}

func TestARequestJoinsTheClientsTrace(t *testing.T) {
	t.Parallel()
	tracing, spans := inMemory(t, 0) // the client's decision counts, not ours
	var outgoing http.Header
	h := tracing.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outgoing = http.Header{}
		tracing.Inject(r.Context(), outgoing)
		tracing.Served(r.Context(), telemetry.Served{ID: "req_1", Method: "GET", Route: "/v1/files/:id", Status: 503, Code: "unavailable"})
	}))
	r := httptest.NewRequest(http.MethodGet, "/v1/files/secret", nil)
	r.Header.Set("traceparent", clientParent)
	h.ServeHTTP(httptest.NewRecorder(), r)
	got := spans.GetSpans()
	require.Len(t, got, 1)
	require.Equal(t, "GET /v1/files/:id", got[0].Name)
	require.Equal(t, clientTrace, got[0].SpanContext.TraceID().String())
	require.Equal(t, "00f067aa0ba902b7", got[0].Parent.SpanID().String())
	require.Equal(t, codes.Error, got[0].Status.Code)
	require.Equal(t, "00-"+clientTrace+"-"+got[0].SpanContext.SpanID().String()+"-01", outgoing.Get("traceparent"))

	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/models", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/healthz", nil))
	require.Len(t, spans.GetSpans(), 1, "a ratio of 0 samples nothing of our own")
}

func TestATraceTravelsWithAJob(t *testing.T) {
	t.Parallel()
	tracing, spans := inMemory(t, 1)
	ctx, upload := tracing.Start(t.Context(), "upload")
	carried := tracing.Carry(ctx)
	upload.End("")
	_, job := tracing.Job(tracing.Resume(context.Background(), carried), "parse")
	job.End("invalid_file")
	tracing.Past(tracing.Resume(t.Context(), map[string]string{"traceparent": "nonsense"}), "stage embed", time.Unix(100, 0), time.Second)
	got := spans.GetSpans()
	require.Equal(t, got[0].SpanContext.SpanID(), got[1].Parent.SpanID())
	require.Equal(t, got[0].SpanContext.TraceID(), got[1].SpanContext.TraceID())
	require.Equal(t, codes.Error, got[1].Status.Code)
	require.NotEqual(t, got[0].SpanContext.TraceID(), got[2].SpanContext.TraceID())
	require.Equal(t, time.Second, got[2].EndTime.Sub(got[2].StartTime))
}

func TestACollectorThatIsAwayIsToldOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" {
			asked.Add(1)
		}
		w.WriteHeader(http.StatusBadRequest) // not tried again
	}))
	defer collector.Close()
	var log bytes.Buffer
	tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{
		Endpoint: collector.URL, Ratio: 1, Service: "groundwork", Log: telemetry.Logger(&log, "info", "json"),
	})
	require.NoError(t, err)
	_, span := tracing.Start(t.Context(), "ask")
	span.End("")
	require.NoError(t, tracing.Shutdown(t.Context()))
	require.EqualValues(t, 1, asked.Load())
	require.Contains(t, log.String(), "does not take spans")
}

func TestLinesNameTheirTrace(t *testing.T) {
	t.Parallel()
	tracing, spans := inMemory(t, 1)
	var out bytes.Buffer
	log := telemetry.Logger(&out, "info", "json").With("part", "x")
	ctx, span := tracing.Start(t.Context(), "ask")
	log.InfoContext(ctx, "answered")
	span.End("")
	require.Contains(t, out.String(), `"part":"x","trace":"`+spans.GetSpans()[0].SpanContext.TraceID().String()+`"`)
	out.Reset()
	log.InfoContext(t.Context(), "answered")
	require.NotContains(t, out.String(), "trace")
}
