package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/llm/llmtest"
)

// explained is what POST /v1/search tells with explain.
type explained struct {
	Data []struct {
		Filename   string
		Score      float64
		DenseRank  *int     `json:"dense_rank"`
		RerankRank *int     `json:"rerank_rank"`
		Rerank     *float64 `json:"rerank_score"`
	}
	Explanation struct {
		Context struct {
			Reranking struct {
				Model    string
				Passages int
				Failed   string
			}
		}
		TimingsMs   map[string]float64 `json:"timings_ms"`
		Fingerprint struct{ Reranker string }
	}
}

func (s *server) explain(store, query string) (out explained) {
	s.t.Helper()
	s.json(http.MethodPost, "/v1/search", map[string]any{"query": query, "store": store, "explain": true}, http.StatusOK, &out)
	return out
}

// TestRerankerFromOneEndToTheOther has a reranker behind a server of its own fail and come back.
func TestRerankerFromOneEndToTheOther(t *testing.T) {
	t.Parallel()
	reranker := llmtest.Start(t, llmtest.Options{Flavour: llmtest.TEI})
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.LLM.Rerank.BaseURL, cfg.LLM.Rerank.Model = reranker.BaseURL(), "test-rerank"
	s := start(t, cfg)
	s.ready(20 * time.Second)
	s.upload("h", "leave.md", handbook(12), "dogs.md", "# Dogs\n\nDogs may come to the Lisbon office on Fridays.", "desk.md", "# Desk\n\nThe travel desk books trips.")

	const question = "On which days may dogs come to the Lisbon office?"
	found := s.explain("h", question)
	require.Equal(t, "dogs.md", found.Data[0].Filename)
	require.Equal(t, 1, *found.Data[0].RerankRank)
	require.Greater(t, *found.Data[0].Rerank, *found.Data[1].Rerank)
	require.Equal(t, "test-rerank", found.Explanation.Context.Reranking.Model)
	require.Positive(t, found.Explanation.Context.Reranking.Passages)
	require.Contains(t, found.Explanation.TimingsMs, "rerank")
	require.Equal(t, "test-rerank", found.Explanation.Fingerprint.Reranker)

	resp := s.do(http.MethodPost, "/v1/chat/completions", "application/json",
		strings.NewReader(`{"model":"test-chat@h","messages":[{"role":"user","content":"`+question+`"}]}`))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, resp.Header.Get("Server-Timing"), "rerank;dur=")
	require.Contains(t, s.get("/metrics"), `groundwork_rerankings_total{outcome="done"} 1`)

	reranker.Inject(llmtest.Fault{Kind: llmtest.WrongCount})
	a := s.ask("test-chat@h", "Who books trips, and may dogs come to the office?")
	require.NotEmpty(t, a.Groundwork.Citations, "an answer comes all the same")
	require.Equal(t, "test-rerank", a.Groundwork.Fingerprint["reranker"])
	failed := s.explain("h", "Who books trips for dogs?")
	require.Contains(t, failed.Explanation.Context.Reranking.Failed, "no set of scores")
	require.Nil(t, failed.Data[0].RerankRank)
	require.Contains(t, s.get("/metrics"), `groundwork_rerankings_total{outcome="failed"} 1`)

	reranker.Close()
	for range 5 {
		s.explain("h", "Who books trips?")
	}
	var ready struct {
		Ready  bool
		Checks []struct {
			Name        string
			OK          bool
			Detail, Fix string
		}
	}
	s.json(http.MethodGet, "/readyz", nil, http.StatusOK, &ready)
	require.True(t, ready.Ready, "the server answers without it")
	for _, c := range ready.Checks {
		require.Equal(t, c.Name != "reranking", c.OK, "%+v", c)
	}
	require.Contains(t, s.get("/metrics"), `groundwork_breaker_open{dependency="rerank `+strings.TrimPrefix(reranker.URL, "http://")+`"} 1`)
}

func TestRerankerThatIsNotThereIsSaidAtTheStart(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.LLM.Rerank.Folder = t.TempDir()
	_, err := app.New(t.Context(), cfg, app.Options{})
	require.ErrorContains(t, err, "llm.rerank.folder must hold model.onnx and tokenizer.json")
}

func TestRerankerSettings(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]string{
		"llm.rerank.model must name":           "GROUNDWORK_LLM__RERANK__BASE_URL=http://127.0.0.1:1/v1",
		"llm.rerank.top must be 2 to 200":      "GROUNDWORK_LLM__RERANK__TOP=1",
		"llm.rerank.timeout must be more":      "GROUNDWORK_LLM__RERANK__TIMEOUT=0s",
		"llm.rerank.max_tokens must be at lea": "GROUNDWORK_LLM__RERANK__MAX_TOKENS=10",
	} {
		_, err := configs.Load("", []string{env})
		require.ErrorContains(t, err, want)
	}
	_, err := configs.Load("", []string{"GROUNDWORK_LLM__RERANK__BASE_URL=http://a/v1", "GROUNDWORK_LLM__RERANK__MODEL=m", "GROUNDWORK_LLM__RERANK__FOLDER=/m"})
	require.ErrorContains(t, err, "cannot both be set")
}

// TestRealRerankServer runs the local server on a tiny network made here: a text's score is the sum of its words' weights.
func TestRealRerankServer(t *testing.T) {
	cfg := realConfig(t)
	folder := filepath.Join(t.TempDir(), "tiny")
	tinyCrossEncoder(t, folder, map[string]float32{"dogs": 3, "fridays": 0.5, "office": 0.25, "hotels": -2})
	cfg.LLM.Rerank.Folder, cfg.LLM.Rerank.Timeout, cfg.LLM.Rerank.MaxTokens = folder, 30*time.Second, 64
	r, err := app.StartReranking(t.Context(), cfg, app.Options{Environ: os.Environ()})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Stop(t.Context())) }()
	require.Regexp(t, `^tiny/[0-9a-f]{8}$`, r.Name)
	require.True(t, r.Health(t.Context()).OK, r.Health(t.Context()).Detail)
	scores, err := r.Rerank(t.Context(), "may dogs come", []string{"hotels", "dogs come to the office on fridays", "", strings.Repeat("office ", 500)})
	require.NoError(t, err)
	require.InDelta(t, -2, scores[0], 1e-5, "the words of the question do not count")
	require.InDelta(t, 3.75, scores[1], 1e-5)
	require.InDelta(t, 0, scores[2], 1e-5)
	require.Positive(t, scores[3])
	require.Less(t, scores[3], 64*0.25, "what is longer than the window is cut")
}
