package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// The names of OpenTelemetry's semantic conventions for generative AI
// (open-telemetry/semantic-conventions-genai, in development). Its attributes
// for messages, queries, documents and stop sequences hold content and are never set.
const (
	keyOperation    = "gen_ai.operation.name"
	keyProvider     = "gen_ai.provider.name"
	keyModel        = "gen_ai.request.model"
	keyMaxTokens    = "gen_ai.request.max_tokens"
	keyTemperature  = "gen_ai.request.temperature"
	keyTopP         = "gen_ai.request.top_p"
	keySeed         = "gen_ai.request.seed"
	keyStream       = "gen_ai.request.stream"
	keyFirstChunk   = "gen_ai.response.time_to_first_chunk" // seconds
	keyFinish       = "gen_ai.response.finish_reasons"
	keyInputTokens  = "gen_ai.usage.input_tokens"
	keyCachedTokens = "gen_ai.usage.cache_read.input_tokens"
	keyOutputTokens = "gen_ai.usage.output_tokens"
	keyDimensions   = "gen_ai.embeddings.dimension.count"
	keyDataSource   = "gen_ai.data_source.id"
)

// provider is a value of our own: the conventions name vendors, and what is
// behind an address that speaks OpenAI's protocol is not known.
const provider = "openai_compatible"

// Generation is what a chat model is asked for. Zero fields are left out.
type Generation struct {
	Model       string
	MaxTokens   int
	Temperature *float64
	TopP        *float64
	Seed        *int
	Stream      bool
}

// Usage is what the model server counted.
type Usage struct {
	Input, Cached, Output int    // tokens
	Finish                string // stop or length
}

// Generation begins the span of a call of a chat model.
func (t *Tracing) Generation(ctx context.Context, g Generation) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	attrs := []Attr{attribute.Bool(keyStream, g.Stream)}
	if g.MaxTokens > 0 {
		attrs = append(attrs, attribute.Int(keyMaxTokens, g.MaxTokens))
	}
	if g.Temperature != nil {
		attrs = append(attrs, attribute.Float64(keyTemperature, *g.Temperature))
	}
	if g.TopP != nil {
		attrs = append(attrs, attribute.Float64(keyTopP, *g.TopP))
	}
	if g.Seed != nil {
		attrs = append(attrs, attribute.Int(keySeed, *g.Seed))
	}
	return t.call(ctx, "chat", g.Model, attrs...)
}

// Embedding begins the span of a call of an embedding model. Dimensions 0: not known.
func (t *Tracing) Embedding(ctx context.Context, model string, texts, dimensions int) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	attrs := []Attr{attribute.Int("groundwork.embeddings.texts", texts)}
	if dimensions > 0 {
		attrs = append(attrs, attribute.Int(keyDimensions, dimensions))
	}
	return t.call(ctx, "embeddings", model, attrs...)
}

func (t *Tracing) call(ctx context.Context, operation, model string, attrs ...Attr) (context.Context, *Span) {
	attrs = append(attrs, attribute.String(keyOperation, operation), attribute.String(keyProvider, provider), attribute.String(keyModel, model))
	return t.start(ctx, operation+" "+model, trace.SpanKindClient, attrs)
}

// Retrieval are the attributes of a search in a store.
func Retrieval(store string) []Attr {
	return []Attr{attribute.String(keyOperation, "retrieval"), attribute.String(keyProvider, "groundwork"), attribute.String(keyDataSource, store)}
}

// FirstChunk says how long the first piece of a reply took.
func (s *Span) FirstChunk(after time.Duration) {
	s.Set(attribute.Float64(keyFirstChunk, after.Seconds()))
}

// Generated says what a generation came to.
func (s *Span) Generated(u Usage) {
	s.Set(attribute.Int(keyInputTokens, u.Input), attribute.Int(keyCachedTokens, u.Cached),
		attribute.Int(keyOutputTokens, u.Output), attribute.StringSlice(keyFinish, []string{u.Finish}))
}
