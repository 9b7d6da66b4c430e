package app

import (
	"context"
	"crypto/subtle"
	"io"
	"log/slog"
	"time"

	"groundwork/api"
	"groundwork/configs"
	"groundwork/internal/telemetry"
	"groundwork/rag"
)

// Logger is the program's log.
func Logger(w io.Writer, cfg configs.Log) *slog.Logger {
	return telemetry.Logger(w, cfg.Level, cfg.Format)
}

// observedAsker counts what the pipeline did.
type observedAsker struct {
	next    *rag.Pipeline
	metrics *telemetry.Metrics
	log     *slog.Logger
}

// Ask implements api.Asker.
func (o observedAsker) Ask(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
	a, err := o.next.Ask(ctx, q, emit)
	switch {
	case err != nil:
		o.metrics.Answer(string(rag.CodeOf(err)))
		return a, err
	case a.Abstained:
		o.metrics.Answer("abstained")
	default:
		o.metrics.Answer("answered")
	}
	for _, t := range a.Timings {
		o.metrics.Stage(t.Stage, time.Duration(t.Ms*float64(time.Millisecond)))
	}
	o.metrics.Tokens(a.Usage.PromptTokens, a.Usage.CachedTokens, a.Usage.CompletionTokens)
	for _, c := range a.Citations {
		o.metrics.Citation(string(c.Verdict))
	}
	o.log.Info("answered", "answer", a.ID, "store", q.Scope.Store, "abstained", a.Abstained,
		"sources", len(a.Sources), "citations", len(a.Citations), "prompt_tokens", a.Usage.PromptTokens, "reply_tokens", a.Usage.CompletionTokens)
	return a, nil
}

// Search implements api.Asker.
func (o observedAsker) Search(ctx context.Context, scope rag.Scope, query string, k int) ([]rag.Ranked, error) {
	return o.next.Search(ctx, scope, query, k)
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
