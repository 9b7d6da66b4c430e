package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/configs"
	"groundwork/internal/telemetry"
	"groundwork/llm"
	"groundwork/rag"
	"groundwork/rag/analyze"
)

// BenchmarkObservedQuestion asks a pipeline whose neighbours cost nothing: bare,
// with metrics and logs, and with traces too, which go to a collector that discards them.
func BenchmarkObservedQuestion(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // nobody else to tell
	}))
	defer collector.Close()
	embed, err := llm.NewEmbedder(llm.EmbedOptions{BaseURLs: []string{"http://127.0.0.1:9/v1"}, Model: "test-embed"})
	require.NoError(b, err)
	defer embed.Close()
	for _, c := range []struct{ name, endpoint string }{{"bare", ""}, {"off", ""}, {"on", collector.URL}} {
		b.Run(c.name, func(b *testing.B) {
			a := &App{opts: Options{Log: telemetry.Logger(io.Discard, "info", "text")}, metrics: telemetry.NewMetrics("test"), models: &models{embed: embed, dimensions: 2}}
			a.cfg.Telemetry = configs.Telemetry{OTLPEndpoint: c.endpoint, SampleRatio: 1, ServiceName: "groundwork"}
			require.NoError(b, a.startTracing(b.Context()))
			var asker api.Asker = instantPipeline()
			if c.name != "bare" {
				asker = a.observed(instantPipeline())
			}
			question := rag.Question{ID: "ans_1", Messages: []rag.Message{{Role: "user", Content: "How many days of annual leave do employees get?"}}}
			serve := http.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, err := asker.Ask(r.Context(), question, func(rag.Delta) error { return nil })
				require.NoError(b, err)
			}))
			if c.name != "bare" {
				serve = a.observedHandler(serve)
			}
			r, w := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/chat/completions", http.NoBody), httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				serve.ServeHTTP(w, r)
			}
			b.StopTimer()
			require.NoError(b, a.Stop(context.WithoutCancel(b.Context())))
		})
	}
}

// instant is everything around a pipeline, at once and the same each time.
type instant struct{}

const benchText = "Employees get 12 days of annual leave."

func (instant) EmbedQuery(context.Context, string) ([]float32, error) { return []float32{1, 0}, nil }

func (instant) EmbedSentences(_ context.Context, texts []string) ([][]float32, error) {
	return make([][]float32, len(texts)), nil
}

func (instant) Dense(context.Context, rag.Scope, []float32, int) ([]rag.Hit, error) {
	return []rag.Hit{{ChunkID: "c", Score: 0.9}}, nil
}

func (instant) Text(context.Context, rag.Scope, []string, int) ([]rag.Hit, error) {
	return []rag.Hit{{ChunkID: "c", Score: 3}}, nil
}

func (instant) IDF(_ context.Context, _ rag.Scope, terms []string) ([]float64, error) {
	return make([]float64, len(terms)), nil
}

func (instant) Passages(context.Context, rag.Scope, []string) ([]rag.Passage, error) {
	return []rag.Passage{{ChunkID: "c", DocumentID: "d", Filename: "leave.md", End: len(benchText), Text: benchText}}, nil
}

func (instant) Generate(_ context.Context, _ rag.Prompt, emit func(string) error) (rag.Usage, error) {
	for word := range strings.SplitAfterSeq(benchText, " ") {
		if err := emit(word); err != nil {
			return rag.Usage{}, err
		}
	}
	return rag.Usage{PromptTokens: 100, CompletionTokens: 8, FinishReason: "stop"}, nil
}

func (instant) CountTokens(_ context.Context, texts []string) ([]int, error) {
	return make([]int, len(texts)), nil
}

func (instant) Limits() rag.Limits {
	return rag.Limits{Model: "test-chat", ContextTokens: 8192, ContextBudget: 2000}
}

func instantPipeline() *rag.Pipeline {
	return &rag.Pipeline{
		Embedder: instant{}, Searcher: instant{}, Passages: instant{}, Generator: instant{}, Analyze: analyze.Terms,
		Options: rag.Options{Candidates: 10, DenseWeight: 0.7, K: 5, Abstain: rag.AbstainOff, MaxTokens: 100},
		About:   rag.About{Generation: func() int { return 1 }},
	}
}
