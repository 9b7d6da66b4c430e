package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"groundwork/api"
	"groundwork/internal/telemetry"
	"groundwork/llm"
	"groundwork/rag"
)

// These wrappers make spans of what is called; they are in place only when
// tracing is on, so that the packages they wrap know nothing of it.

// tracedAsker makes a span of a question, with its stages in it.
type tracedAsker struct {
	next    api.Asker
	tracing *telemetry.Tracing
}

// Ask implements api.Asker.
func (t tracedAsker) Ask(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
	ctx, span := t.tracing.Start(ctx, "ask", telemetry.String("groundwork.answer.id", q.ID), telemetry.String("groundwork.store.id", q.Scope.Store))
	began := time.Now()
	var laps []rag.Timing // of an answer that fails later
	answer, err := t.next.Ask(ctx, q, func(d rag.Delta) error {
		if d.Timings != nil {
			laps = d.Timings
		}
		return emit(d)
	})
	if answer.Timings != nil {
		laps = answer.Timings
	}
	t.stages(ctx, q.Scope.Store, began, laps)
	span.Set(telemetry.Bool("groundwork.abstained", answer.Abstained), telemetry.Int("groundwork.sources", len(answer.Sources)),
		telemetry.Int("groundwork.citations", len(answer.Citations)))
	span.End(string(rag.CodeOf(err)))
	return answer, err
}

// stages are spans made of the times taken, which follow each other. The call
// of the chat model has a span of its own.
func (t tracedAsker) stages(ctx context.Context, store string, began time.Time, laps []rag.Timing) {
	within := ctx
	for _, lap := range laps {
		took := milliseconds(lap.Ms)
		switch lap.Stage {
		case "embed":
			within = t.tracing.Past(ctx, "retrieval", began, untilFused(laps), telemetry.Retrieval(store)...)
			t.tracing.Past(within, "stage embed", began, took)
		case "search", "fuse":
			t.tracing.Past(within, "stage "+lap.Stage, began, took)
		case "first_token", "generate":
		default:
			t.tracing.Past(ctx, "stage "+lap.Stage, began, took)
		}
		began = began.Add(took)
	}
}

func untilFused(laps []rag.Timing) (sum time.Duration) {
	for _, lap := range laps {
		sum += milliseconds(lap.Ms)
		if lap.Stage == "fuse" {
			break
		}
	}
	return sum
}

// Search implements api.Asker.
func (t tracedAsker) Search(ctx context.Context, scope rag.Scope, query string, k int) ([]rag.Ranked, error) {
	ctx, span := t.tracing.Start(ctx, "retrieval", telemetry.Retrieval(scope.Store)...)
	ranked, err := t.next.Search(ctx, scope, query, k)
	span.Set(telemetry.Int("groundwork.passages", len(ranked)))
	span.End(string(rag.CodeOf(err)))
	return ranked, err
}

// Explain implements api.Asker.
func (t tracedAsker) Explain(ctx context.Context, q rag.Question) (rag.Explanation, error) {
	ctx, span := t.tracing.Start(ctx, "explain", telemetry.Retrieval(q.Scope.Store)...)
	explained, err := t.next.Explain(ctx, q)
	span.End(string(rag.CodeOf(err)))
	return explained, err
}

// tracedQueries makes spans of what a question lets embed.
type tracedQueries struct {
	rag.Embedder
	tracing    *telemetry.Tracing
	model      string
	dimensions int
}

// EmbedQuery implements rag.Embedder.
func (t tracedQueries) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	ctx, span := t.tracing.Embedding(ctx, t.model, 1, t.dimensions)
	vector, err := t.Embedder.EmbedQuery(ctx, text)
	span.End(string(rag.CodeOf(err)))
	return vector, err
}

// EmbedSentences implements rag.Embedder.
func (t tracedQueries) EmbedSentences(ctx context.Context, texts []string) ([][]float32, error) {
	ctx, span := t.tracing.Embedding(ctx, t.model, len(texts), t.dimensions)
	vectors, err := t.Embedder.EmbedSentences(ctx, texts)
	span.End(string(rag.CodeOf(err)))
	return vectors, err
}

// tracedGenerator makes spans of generations.
type tracedGenerator struct {
	rag.Generator
	tracing *telemetry.Tracing
}

// Generate implements rag.Generator.
func (t tracedGenerator) Generate(ctx context.Context, p rag.Prompt, emit func(delta string) error) (rag.Usage, error) {
	s := p.Sampling
	ctx, span := t.tracing.Generation(ctx, telemetry.Generation{
		Model: t.Limits().Model, MaxTokens: s.MaxTokens, Temperature: s.Temperature, TopP: s.TopP, Seed: s.Seed, Stream: true,
	})
	began, first := time.Now(), true
	usage, err := t.Generator.Generate(ctx, p, func(delta string) error {
		if first {
			first = false
			span.FirstChunk(time.Since(began))
		}
		return emit(delta)
	})
	if err == nil {
		span.Generated(telemetry.Usage{Input: usage.PromptTokens, Cached: usage.CachedTokens, Output: usage.CompletionTokens, Finish: usage.FinishReason})
	}
	span.End(string(rag.CodeOf(err)))
	return usage, err
}

// tracedModels makes spans of requests that are passed on as they came. What
// they cost is in the reply, which nobody reads here.
type tracedModels struct {
	api.Models
	tracing *telemetry.Tracing
}

func (a *App) observedModels(m api.Models) api.Models {
	if a.tracing == nil {
		return m
	}
	return tracedModels{m, a.tracing}
}

// Forward implements api.Models.
func (t tracedModels) Forward(ctx context.Context, caller, server, path string, body []byte) (*http.Response, error) {
	var span *telemetry.Span
	if server == llm.ServerChat {
		ctx, span = t.tracing.Generation(ctx, telemetry.Generation{Model: t.Chat()})
	} else {
		ctx, span = t.tracing.Embedding(ctx, t.Embedding(), 0, 0)
	}
	resp, err := t.Models.Forward(ctx, caller, server, path, body)
	if err != nil {
		span.End(string(rag.CodeOf(err)))
		return nil, err
	}
	resp.Body = &tracedBody{ReadCloser: resp.Body, span: span}
	return resp, nil
}

// tracedBody ends a span with the reply.
type tracedBody struct {
	io.ReadCloser
	span *telemetry.Span
	code rag.Code
}

// Read implements io.Reader.
func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.code = rag.CodeOf(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *tracedBody) Close() error {
	if b.span != nil {
		b.span.End(string(b.code))
		b.span = nil
	}
	return b.ReadCloser.Close()
}
