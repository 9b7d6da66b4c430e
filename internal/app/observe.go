package app

import (
	"context"
	"crypto/subtle"
	"io"
	"log/slog"
	"net/http"
	"time"

	"groundwork/api"
	"groundwork/configs"
	"groundwork/internal/telemetry"
	"groundwork/llm"
	"groundwork/rag"
)

// Logger is the program's log.
func Logger(w io.Writer, cfg configs.Log) *slog.Logger {
	return telemetry.Logger(w, cfg.Level, cfg.Format)
}

// traceGrace is how long a stop waits for the collector to take the last spans.
const traceGrace = 3 * time.Second

// startTracing comes first, so that it stops last.
func (a *App) startTracing(ctx context.Context) (err error) {
	c := a.cfg.Telemetry
	a.tracing, err = telemetry.NewTracing(ctx, telemetry.TraceOptions{
		Endpoint: c.OTLPEndpoint, Ratio: c.SampleRatio, Service: c.ServiceName, Version: a.opts.Version, Log: a.opts.Log,
	})
	if a.tracing != nil {
		a.onStop(func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, traceGrace)
			defer cancel()
			return a.tracing.Shutdown(ctx)
		})
	}
	return err
}

// propagate writes the trace into requests to model servers; nil without tracing.
func (a *App) propagate() llm.Propagate {
	if a.tracing == nil {
		return nil
	}
	return a.tracing.Inject
}

// watchQueue registers the figures that the library keeps.
func (a *App) watchQueue() {
	a.metrics.Queue(func(ctx context.Context) ([]telemetry.JobCount, time.Duration, error) {
		stats, err := a.library.QueueStats(ctx)
		counts := make([]telemetry.JobCount, len(stats.Jobs))
		for i, j := range stats.Jobs {
			counts[i] = telemetry.JobCount(j)
		}
		return counts, stats.Oldest, err
	})
	a.metrics.IndexChunks(a.library.SearchableChunks)
}

// observedHandler counts open answers and makes a span of each request of the interface.
func (a *App) observedHandler(next http.Handler) http.Handler {
	next = a.tracing.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/chat/completions", "/v1/completions", "/v1/responses":
			defer a.metrics.Stream()()
		}
		next.ServeHTTP(w, r)
	})
}

// observeRequest is told of every request that was answered.
func (a *App) observeRequest(ctx context.Context, o api.Observation) {
	a.metrics.Request(o.Method, o.Route, o.Status, o.Took)
	a.tracing.Served(ctx, telemetry.Served{ID: o.ID, Method: o.Method, Route: o.Route, Status: o.Status, Code: string(o.Code)})
}

// observedAsker counts and logs what the pipeline did.
type observedAsker struct {
	next    api.Asker
	metrics *telemetry.Metrics
	log     *slog.Logger
}

// observed wraps the pipeline; with tracing, also what it calls.
func (a *App) observed(p *rag.Pipeline) api.Asker {
	if a.tracing == nil {
		return observedAsker{p, a.metrics, a.opts.Log}
	}
	p.Embedder = tracedQueries{p.Embedder, a.tracing, a.models.embed.Name(), a.models.dimensions}
	p.Generator = tracedGenerator{p.Generator, a.tracing}
	return observedAsker{tracedAsker{p, a.tracing}, a.metrics, a.opts.Log}
}

// Ask implements api.Asker.
func (o observedAsker) Ask(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
	began := time.Now()
	answer, err := o.next.Ask(ctx, q, emit)
	if err != nil {
		o.metrics.Answer(string(rag.CodeOf(err)))
		return answer, err
	}
	o.metrics.Answered(time.Since(began))
	o.count(answer)
	if answer.Context.Cut {
		o.log.WarnContext(ctx, "the model server read less of the prompt than was sent, so the answer may miss what a passage says",
			"request", api.RequestID(ctx), "answer", answer.ID, "read", answer.Usage.PromptTokens)
	}
	o.log.InfoContext(ctx, "answered", "request", api.RequestID(ctx), "answer", answer.ID, "store", q.Scope.Store, "abstained", answer.Abstained,
		"sources", len(answer.Sources), "citations", len(answer.Citations),
		"prompt_tokens", answer.Usage.PromptTokens, "reply_tokens", answer.Usage.CompletionTokens)
	return answer, nil
}

func (o observedAsker) count(a rag.Answer) {
	if a.Abstained {
		o.metrics.Answer("abstained")
		o.metrics.Abstention(reason(a))
	} else {
		o.metrics.Answer("answered")
	}
	if r := a.Context.Reranking; r != nil && r.Failed != "" {
		o.metrics.Reranking("failed")
	} else if r != nil {
		o.metrics.Reranking("done")
	}
	var first time.Duration
	for _, t := range a.Timings {
		took := milliseconds(t.Ms)
		o.metrics.Stage(t.Stage, took)
		if first += took; t.Stage == "first_token" {
			o.metrics.FirstToken(first)
		}
	}
	o.metrics.Tokens(a.Usage.PromptTokens, a.Usage.CachedTokens, a.Usage.CompletionTokens)
	for _, c := range a.Citations {
		o.metrics.Citation(string(c.Verdict))
	}
}

// reason is why an answer abstained.
func reason(a rag.Answer) string {
	switch {
	case len(a.Sources) > 0:
		return "model_declined"
	case len(a.Nearest) > 0:
		return "weak_evidence"
	}
	return "nothing_found"
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// Search implements api.Asker.
func (o observedAsker) Search(ctx context.Context, scope rag.Scope, query string, k int) ([]rag.Ranked, error) {
	return o.next.Search(ctx, scope, query, k)
}

// Explain implements api.Asker.
func (o observedAsker) Explain(ctx context.Context, q rag.Question) (rag.Explanation, error) {
	return o.next.Explain(ctx, q)
}

// localKeys also admits the token of the data directory's own lock, so that
// the command line of the same user works when keys exist.
type localKeys struct {
	api.Keys
	token string
}

// Authenticate implements api.Keys.
func (k localKeys) Authenticate(ctx context.Context, token string) (rag.Principal, error) {
	if subtle.ConstantTimeCompare([]byte(token), []byte(k.token)) == 1 {
		return rag.Principal{Tenant: rag.DefaultTenant, KeyID: "local", Verbs: []string{"admin"}}, nil
	}
	return k.Keys.Authenticate(ctx, token)
}
