package telemetry

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// w3c is the traceparent and tracestate of the W3C. Baggage is left out: it is
// free text of callers.
var w3c = propagation.TraceContext{}

// Inject writes the span of ctx into the headers of an outgoing request.
func (t *Tracing) Inject(ctx context.Context, h http.Header) {
	if t != nil {
		w3c.Inject(ctx, propagation.HeaderCarrier(h))
	}
}

// Carry gives the span of ctx as it travels with a job; nil when there is none.
func (t *Tracing) Carry(ctx context.Context) map[string]string {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	carried := propagation.MapCarrier{}
	w3c.Inject(ctx, carried)
	return carried
}

// Resume makes the span that Carry gave the parent of what is started with the
// context. What is no trace is passed over.
func (t *Tracing) Resume(ctx context.Context, carried map[string]string) context.Context {
	if t == nil {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier(carried))
}

// Handler makes a span of every request below /v1/, within the client's trace
// when it sends a traceparent. Served says what became of it.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			next.ServeHTTP(w, r)
			return
		}
		ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, "HTTP", trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Served is an HTTP request that was answered.
type Served struct {
	ID     string // req_…
	Method string
	Route  string // the pattern, never the path: that is the caller's text
	Status int
	Code   string // of an error, also of one inside a stream
}

// Served completes the request's span, that of ctx. A request that the client
// has wrong is no failure of the server; a reply that was begun and broke off is.
func (t *Tracing) Served(ctx context.Context, r Served) {
	span := trace.SpanFromContext(ctx)
	if t == nil || !span.IsRecording() {
		return
	}
	name := r.Method
	if r.Route != "" {
		name += " " + r.Route
	}
	span.SetName(name)
	span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("http.route", r.Route),
		attribute.Int("http.response.status_code", r.Status), attribute.String("groundwork.request.id", r.ID))
	if r.Code == "" {
		return
	}
	span.SetAttributes(attribute.String("error.type", r.Code))
	if r.Status >= http.StatusInternalServerError || r.Status < http.StatusBadRequest {
		span.SetStatus(codes.Error, r.Code)
	}
}
