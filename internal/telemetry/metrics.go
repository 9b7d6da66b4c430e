package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the server's Prometheus metrics, in a registry of their own.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	answers   *prometheus.CounterVec
	stages    *prometheus.HistogramVec
	tokens    *prometheus.CounterVec
	citations *prometheus.CounterVec
}

// NewMetrics registers all metrics.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "groundwork_http_request_duration_seconds", Help: "Time to serve a request, by route and status.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"method", "route", "status"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "groundwork_answers_total", Help: "Questions over a store by outcome: answered, abstained or an error code.",
		}, []string{"outcome"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "groundwork_answer_stage_duration_seconds", Help: "Time of each stage of an answer.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 11),
		}, []string{"stage"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "groundwork_model_tokens_total", Help: "Tokens of answers over a store: prompt, cached or completion.",
		}, []string{"kind"}),
		citations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "groundwork_citations_total", Help: "Citations by verdict.",
		}, []string{"verdict"}),
	}
	m.registry.MustRegister(m.requests, m.answers, m.stages, m.tokens, m.citations,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Gauge registers a value that is read at each scrape. Labels come in pairs: name, value.
func (m *Metrics) Gauge(name, help string, read func() float64, labels ...string) {
	fixed := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		fixed[labels[i]] = labels[i+1]
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: fixed}, read))
}

// Request counts one HTTP request. Route is the pattern, never the path.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// Answer counts one question over a store; outcome is answered, abstained or an error code.
func (m *Metrics) Answer(outcome string) { m.answers.WithLabelValues(outcome).Inc() }

// Stage observes the time of one stage of an answer.
func (m *Metrics) Stage(stage string, took time.Duration) {
	m.stages.WithLabelValues(stage).Observe(took.Seconds())
}

// Tokens counts tokens of one answer.
func (m *Metrics) Tokens(prompt, cached, completion int) {
	m.tokens.WithLabelValues("prompt").Add(float64(prompt))
	m.tokens.WithLabelValues("cached").Add(float64(cached))
	m.tokens.WithLabelValues("completion").Add(float64(completion))
}

// Citation counts one citation.
func (m *Metrics) Citation(verdict string) { m.citations.WithLabelValues(verdict).Inc() }
