package telemetry

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the server's Prometheus metrics, in a registry of their own.
// Labels are from small fixed sets or from the configuration: no label ever
// names a document, a question, a caller or a tenant.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.HistogramVec
	streams  prometheus.Gauge

	answers     *prometheus.CounterVec
	abstentions *prometheus.CounterVec
	rerankings  *prometheus.CounterVec
	stages      *prometheus.HistogramVec
	firstToken  prometheus.Histogram
	whole       prometheus.Histogram
	tokens      *prometheus.CounterVec
	citations   *prometheus.CounterVec

	documents *prometheus.CounterVec
	chunks    prometheus.Counter
	steps     *prometheus.HistogramVec
}

// NewMetrics registers all metrics but those that are read from elsewhere at
// each scrape (Queue, Breakers, ModelServers, IndexChunks). Version is the program's.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Gauge("groundwork_build_info", "Always 1; the labels tell what runs.", func() float64 { return 1 },
		"version", version, "go_version", runtime.Version())
	m.ofRequests()
	m.ofAnswers()
	m.ofDocuments()
	return m
}

func (m *Metrics) ofRequests() {
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "groundwork_http_request_duration_seconds", Help: "Time to serve a request, by route and status.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
	}, []string{"method", "route", "status"})
	m.streams = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "groundwork_open_streams", Help: "Chat requests that are being answered, streamed or not.",
	})
	m.registry.MustRegister(m.requests, m.streams)
}

func (m *Metrics) ofAnswers() {
	m.answers = counters("groundwork_answers_total", "Questions over a store by outcome: answered, abstained or an error code.", "outcome")
	m.abstentions = counters("groundwork_abstentions_total",
		"Abstentions by reason: nothing_found, weak_evidence (both before anything was generated) or model_declined.", "reason")
	m.stages = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "groundwork_answer_stage_duration_seconds", Help: "Time of each stage of an answer.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 4, 11),
	}, []string{"stage"})
	m.firstToken = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "groundwork_first_token_seconds", Help: "Time from a question over a store to the first token of its answer; abstentions before generation are left out.",
		Buckets: prometheus.ExponentialBuckets(0.025, 2, 13),
	})
	m.whole = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "groundwork_answer_duration_seconds", Help: "Time from a question over a store to the end of its answer, abstentions included, failures not.",
		Buckets: prometheus.ExponentialBuckets(0.025, 2, 15),
	})
	m.tokens = counters("groundwork_model_tokens_total", "Tokens of answers over a store: prompt, cached (those of the prompt that the model server had) or completion.", "kind")
	m.citations = counters("groundwork_citations_total", "Citations by verdict.", "verdict")
	m.rerankings = counters("groundwork_rerankings_total", "Answers whose passages a reranker was to put into order, by outcome: done or failed (they stayed in the order of the search).", "outcome")
	m.registry.MustRegister(m.rerankings, m.answers, m.abstentions, m.stages, m.firstToken, m.whole, m.tokens, m.citations)
}

func (m *Metrics) ofDocuments() {
	m.documents = counters("groundwork_ingest_documents_total", "Versions of documents that came to their end in this process: ready or an error code.", "outcome")
	m.chunks = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "groundwork_ingest_chunks_total", Help: "Chunks embedded by this process; a batch that is tried again counts again.",
	})
	m.steps = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "groundwork_ingest_stage_duration_seconds", Help: "Time of parse and chunk (a document), embed and index (a batch of chunks) and publish (a version).",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
	}, []string{"stage"})
	m.registry.MustRegister(m.documents, m.chunks, m.steps)
}

func counters(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
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

// Stream counts a chat request in; call done when it ended.
func (m *Metrics) Stream() (done func()) {
	m.streams.Inc()
	return m.streams.Dec
}

// Answer counts one question over a store; outcome is answered, abstained or an error code.
func (m *Metrics) Answer(outcome string) { m.answers.WithLabelValues(outcome).Inc() }

// Abstention counts one answer that says that there is none.
func (m *Metrics) Abstention(reason string) { m.abstentions.WithLabelValues(reason).Inc() }

// Reranking counts one answer for which a reranker was asked; outcome is done or failed.
func (m *Metrics) Reranking(outcome string) { m.rerankings.WithLabelValues(outcome).Inc() }

// Stage observes the time of one stage of an answer.
func (m *Metrics) Stage(stage string, took time.Duration) {
	m.stages.WithLabelValues(stage).Observe(took.Seconds())
}

// FirstToken observes the time from a question to its first token.
func (m *Metrics) FirstToken(took time.Duration) { m.firstToken.Observe(took.Seconds()) }

// Answered observes the time from a question to the end of its answer.
func (m *Metrics) Answered(took time.Duration) { m.whole.Observe(took.Seconds()) }

// Tokens counts tokens of one answer.
func (m *Metrics) Tokens(prompt, cached, completion int) {
	m.tokens.WithLabelValues("prompt").Add(float64(prompt))
	m.tokens.WithLabelValues("cached").Add(float64(cached))
	m.tokens.WithLabelValues("completion").Add(float64(completion))
}

// Citation counts one citation.
func (m *Metrics) Citation(verdict string) { m.citations.WithLabelValues(verdict).Inc() }

// Document counts one version that came to its end; outcome is ready or an error code.
func (m *Metrics) Document(outcome string) { m.documents.WithLabelValues(outcome).Inc() }

// Chunks counts embedded chunks.
func (m *Metrics) Chunks(n int) { m.chunks.Add(float64(n)) }

// IngestStage observes the time of one step of a document: parse, chunk, embed, index or publish.
func (m *Metrics) IngestStage(stage string, took time.Duration) {
	m.steps.WithLabelValues(stage).Observe(took.Seconds())
}
