package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceOptions say where spans go and how many of them.
type TraceOptions struct {
	Endpoint string  // of an OTLP/HTTP collector, such as http://127.0.0.1:4318; without a path, /v1/traces is added; empty: no tracing
	Ratio    float64 // of the traces that begin here, 0 to 1; where a caller sends a trace, its decision counts
	Service  string
	Version  string
	Log      *slog.Logger
}

// Tracing makes spans. A nil *Tracing is tracing switched off: its methods do
// nothing and cost nothing. Spans carry ids, counts, sizes and codes, never content.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// exportTimeout bounds one delivery to the collector.
const exportTimeout = 10 * time.Second

// NewTracing gives nil for an empty endpoint. It talks to nobody before the
// first span ends; a collector that is away costs spans and nothing else.
func NewTracing(ctx context.Context, opt TraceOptions) (*Tracing, error) {
	if opt.Endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(opt.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("telemetry.otlp_endpoint is no address such as http://127.0.0.1:4318")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithTimeout(exportTimeout))
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	return newTracing(sdktrace.NewBatchSpanProcessor(&reported{SpanExporter: exporter, log: opt.Log}), opt), nil
}

func newTracing(to sdktrace.SpanProcessor, opt TraceOptions) *Tracing {
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(to),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(opt.Ratio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", opt.Service), attribute.String("service.version", opt.Version))),
	)
	return &Tracing{provider: provider, tracer: provider.Tracer("groundwork", trace.WithInstrumentationVersion(opt.Version))}
}

// Shutdown delivers what is left; ctx bounds it.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("deliver the last traces: %w", err)
	}
	return nil
}

// reported logs when the collector stops taking spans, and when it takes them
// again. Spans that it does not take are lost: there is nothing better to do.
type reported struct {
	sdktrace.SpanExporter
	log  *slog.Logger
	down atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter.
func (r *reported) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !r.down.Swap(true):
		r.log.Warn("the trace collector does not take spans; they are lost until it does", "spans", len(spans), "error", err)
	case err == nil && r.down.Swap(false):
		r.log.Info("the trace collector takes spans again")
	}
	return nil
}

// Attr is one attribute of a span.
type Attr = attribute.KeyValue

// String is an attribute. The value is an id, a code or a name from the configuration.
func String(key, value string) Attr { return attribute.String(key, value) }

// Int is an attribute.
func Int(key string, value int) Attr { return attribute.Int(key, value) }

// Bool is an attribute.
func Bool(key string, value bool) Attr { return attribute.Bool(key, value) }

// Span is one piece of work; nil does nothing. End it once.
type Span struct{ span trace.Span }

// Start begins a span of work inside the program, within the span of ctx.
func (t *Tracing) Start(ctx context.Context, name string, attrs ...Attr) (context.Context, *Span) {
	return t.start(ctx, name, trace.SpanKindInternal, attrs)
}

// Job begins the span of a queued job, which another process may have queued.
func (t *Tracing) Job(ctx context.Context, kind string, attrs ...Attr) (context.Context, *Span) {
	return t.start(ctx, kind, trace.SpanKindConsumer, attrs)
}

func (t *Tracing) start(ctx context.Context, name string, kind trace.SpanKind, attrs []Attr) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
	return ctx, &Span{span}
}

// Past records a span that is over, such as a stage whose time was taken. The
// context is for spans within it.
func (t *Tracing) Past(ctx context.Context, name string, began time.Time, took time.Duration, attrs ...Attr) context.Context {
	if t == nil {
		return ctx
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithAttributes(attrs...))
	span.End(trace.WithTimestamp(began.Add(took)))
	return ctx
}

// Set adds attributes.
func (s *Span) Set(attrs ...Attr) {
	if s != nil {
		s.span.SetAttributes(attrs...)
	}
}

// End ends the span; a code that is not empty says that the work failed.
func (s *Span) End(code string) {
	if s == nil {
		return
	}
	if code != "" {
		s.span.SetAttributes(attribute.String("error.type", code))
		s.span.SetStatus(codes.Error, code)
	}
	s.span.End()
}
