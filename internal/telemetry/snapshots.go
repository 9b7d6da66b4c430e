package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeWait bounds each look at something that keeps its own figures.
const scrapeWait = 2 * time.Second

// JobCount is how many jobs of one kind are in one state of the queue.
type JobCount struct {
	Kind  string // parse, embed, publish, sweep
	State string // available, pending, scheduled, retryable, running; cancelled and discarded: given up
	Jobs  int
}

// Queue registers the queue's figures. oldest is the age of the job that has
// waited longest, 0 when none waits. While read fails, the figures are absent.
func (m *Metrics) Queue(read func(ctx context.Context) (jobs []JobCount, oldest time.Duration, err error)) {
	count := prometheus.NewDesc("groundwork_queue_jobs", "Jobs of the ingest queue by kind and state.", []string{"kind", "state"}, nil)
	age := prometheus.NewDesc("groundwork_queue_oldest_seconds", "Age of the job that has waited longest; 0 when none waits.", nil, nil)
	m.registry.MustRegister(snapshot{[]*prometheus.Desc{count, age}, func(ctx context.Context, send sender) {
		jobs, oldest, err := read(ctx)
		if err != nil {
			return
		}
		for _, j := range jobs {
			send(count, prometheus.GaugeValue, float64(j.Jobs), j.Kind, j.State)
		}
		send(age, prometheus.GaugeValue, oldest.Seconds())
	}})
}

// Breaker is the state of the circuit breaker before one dependency.
type Breaker struct {
	Dependency string // qdrant, postgres, s3, or a model server: chat 10.0.0.5:8000
	Open       bool   // calls are refused, or only a trial is let through
}

// Breakers registers the breakers' states.
func (m *Metrics) Breakers(read func() []Breaker) {
	open := prometheus.NewDesc("groundwork_breaker_open", "1 while calls to the dependency are refused because it failed, else 0.", []string{"dependency"}, nil)
	m.registry.MustRegister(snapshot{[]*prometheus.Desc{open}, func(_ context.Context, send sender) {
		for _, b := range read() {
			value := 0.0
			if b.Open {
				value = 1
			}
			send(open, prometheus.GaugeValue, value, b.Dependency)
		}
	}})
}

// ModelLoad is what is asked of the model servers at this moment.
type ModelLoad struct {
	InFlight map[string]int // requests by server, such as chat 10.0.0.5:8000
	Waiting  int            // requests in the queue before the servers
	Refused  uint64         // requests since the start for which the queue had no room
}

// ModelServers registers the load of the model servers.
func (m *Metrics) ModelServers(read func() ModelLoad) {
	flight := prometheus.NewDesc("groundwork_model_requests_in_flight", "Requests that a model server is working on, by server.", []string{"server"}, nil)
	waiting := prometheus.NewDesc("groundwork_model_queue_waiting", "Requests that wait for a free model server.", nil, nil)
	refused := prometheus.NewDesc("groundwork_model_queue_refused_total", "Requests refused because the queue before the model servers was full.", nil, nil)
	m.registry.MustRegister(snapshot{[]*prometheus.Desc{flight, waiting, refused}, func(_ context.Context, send sender) {
		load := read()
		for server, n := range load.InFlight {
			send(flight, prometheus.GaugeValue, float64(n), server)
		}
		send(waiting, prometheus.GaugeValue, float64(load.Waiting))
		send(refused, prometheus.CounterValue, float64(load.Refused))
	}})
}

// IndexChunks registers the number of searchable chunks. While read fails, it is absent.
func (m *Metrics) IndexChunks(read func(ctx context.Context) (int, error)) {
	chunks := prometheus.NewDesc("groundwork_index_chunks", "Chunks of ready documents, which searches can find.", nil, nil)
	m.registry.MustRegister(snapshot{[]*prometheus.Desc{chunks}, func(ctx context.Context, send sender) {
		if n, err := read(ctx); err == nil {
			send(chunks, prometheus.GaugeValue, float64(n))
		}
	}})
}

// sender takes one value, with its labels in the order of its Desc.
type sender func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string)

// snapshot is a collector that reads several values at once.
type snapshot struct {
	descs []*prometheus.Desc
	read  func(ctx context.Context, send sender)
}

// Describe implements prometheus.Collector.
func (s snapshot) Describe(out chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s snapshot) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWait)
	defer cancel()
	s.read(ctx, func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	})
}
