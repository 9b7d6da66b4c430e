package llm_test

import (
	"cmp"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/llm"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// reranker starts a fake server and a client of it; mod may change its options.
func reranker(t *testing.T, server llmtest.Options, mod func(*llm.RerankOptions)) (*llmtest.Server, *llm.Reranker) {
	t.Helper()
	s := llmtest.Start(t, server)
	opts := llm.RerankOptions{BaseURLs: []string{s.BaseURL()}, Model: "test-rerank", Pool: llm.PoolOptions{ProbeEvery: 20 * time.Millisecond}}
	if mod != nil {
		mod(&opts)
	}
	r, err := llm.NewReranker(opts)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return s, r
}

const reranked = "may dogs come to the office"

var shelf = []string{"Hotels cost at most 120 euros.", "Dogs may come to the office on Fridays.", "The office closes at six."}

func TestRerankerConformance(t *testing.T) {
	t.Parallel()
	for _, flavour := range []llmtest.Flavour{llmtest.LlamaCPP, llmtest.VLLM, llmtest.TEI} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel()
			s, r := reranker(t, llmtest.Options{Flavour: flavour, APIKey: "k"}, func(o *llm.RerankOptions) { o.APIKey = "k" })
			rerankSuite(t, r)
			path := map[bool]string{false: "/v1/rerank", true: "/rerank"}[flavour == llmtest.TEI]
			before := len(s.Requests(path))
			_, err := r.Rerank(t.Context(), reranked+" on Fridays", shelf)
			require.NoError(t, err)
			require.Len(t, s.Requests(path), before+1, "the dialect is known now")
		})
	}
}

// TestRealReranker runs the suite against GROUNDWORK_RERANK_URL (…/v1); the model's name may be given in GROUNDWORK_RERANK_MODEL.
func TestRealReranker(t *testing.T) {
	base := real(t, "GROUNDWORK_RERANK_URL")
	r, err := llm.NewReranker(llm.RerankOptions{BaseURLs: []string{base}, Model: cmp.Or(os.Getenv("GROUNDWORK_RERANK_MODEL"), "default"), Timeout: time.Minute})
	require.NoError(t, err)
	defer r.Close()
	rerankSuite(t, r)
}

// rerankSuite is what every reranking server must do through a Reranker.
func rerankSuite(t *testing.T, r *llm.Reranker) {
	ctx := t.Context()
	require.True(t, r.Health(ctx).OK, r.Health(ctx).Detail)
	scores, err := r.Rerank(ctx, reranked, shelf)
	require.NoError(t, err)
	require.Len(t, scores, len(shelf))
	require.Greater(t, scores[1], scores[0], "scores are in the order of the texts")
	require.Greater(t, scores[1], scores[2])
	again, err := r.Rerank(ctx, reranked, []string{shelf[2], shelf[1], shelf[0]})
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{scores[2], scores[1], scores[0]}, again, 1e-3)
	alone, err := r.Rerank(ctx, reranked, shelf[:1])
	require.NoError(t, err)
	require.Len(t, alone, 1)
	long, err := r.Rerank(ctx, strings.Repeat(reranked+" ", 500), []string{strings.Repeat(shelf[1]+" ", 500), "語" + strings.Repeat("犬", 5000), ""})
	require.NoError(t, err, "what is longer than the window is cut")
	require.Len(t, long, 3)
	none, err := r.Rerank(ctx, reranked, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestPairsThatWereScoredAreNotScoredAgain(t *testing.T) {
	t.Parallel()
	s, r := reranker(t, llmtest.Options{}, nil)
	first, err := r.Rerank(t.Context(), reranked, shelf[:2])
	require.NoError(t, err)
	all, err := r.Rerank(t.Context(), reranked, shelf)
	require.NoError(t, err)
	require.Equal(t, first, all[:2])
	asked := s.Requests("/v1/rerank")
	require.Len(t, asked, 2)
	require.Equal(t, shelf[2:], asked[1].Documents)
	_, err = r.Rerank(t.Context(), "another question", shelf)
	require.NoError(t, err)
	require.Len(t, s.Requests("/v1/rerank"), 3)
}

func TestLongPassagesAreCutToTheWindow(t *testing.T) {
	t.Parallel()
	s, r := reranker(t, llmtest.Options{}, func(o *llm.RerankOptions) { o.MaxTokens = 64 })
	long := strings.Repeat("annual leave is thirty days ", 50)
	_, err := r.Rerank(t.Context(), strings.Repeat("how long is it ", 50), []string{long, "short"})
	require.NoError(t, err)
	asked := s.Requests("/v1/rerank")[0]
	require.Equal(t, "short", asked.Documents[1])
	require.True(t, strings.HasPrefix(long, asked.Documents[0]))
	for _, document := range asked.Documents {
		n := len(llmtest.Tokens(asked.Query)) + len(llmtest.Tokens(document))
		require.LessOrEqual(t, n, 64)
	}
	require.Greater(t, len(asked.Documents[0]), 40, "what fits is sent")
}

func TestRerankerFaults(t *testing.T) {
	t.Parallel()
	for kind, says := range map[llmtest.Kind]string{
		llmtest.HangBefore: "took too long", llmtest.HangMid: "took too long", llmtest.ResetBefore: "llm.rerank.base_url", llmtest.ResetMid: "reranking model server",
		llmtest.Busy: "busy", llmtest.Broken: "log", llmtest.Loading: "not ready", llmtest.Denied: "llm.rerank.api_key", llmtest.Unknown: "llm.rerank.model",
		llmtest.BadRequest: "log", llmtest.NotJSON: "no set of scores", llmtest.WrongCount: "no set of scores", llmtest.NaN: "no set of scores",
		llmtest.SameIndex: "no set of scores", llmtest.StrangeIndex: "no set of scores", llmtest.NoScore: "no set of scores",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			limit := time.Minute
			if kind == llmtest.HangBefore || kind == llmtest.HangMid {
				limit = 2 * time.Second
			}
			s, r := reranker(t, llmtest.Options{}, func(o *llm.RerankOptions) { o.Timeout = limit })
			s.Inject(llmtest.Fault{Kind: kind})
			scores, err := r.Rerank(t.Context(), reranked, shelf)
			require.Nil(t, scores)
			var e *rag.Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, e.Message, says)
			require.NotContains(t, err.Error(), "Dogs", "what a document says stays out of logs")
			s.Heal()
			_, err = r.Rerank(t.Context(), reranked, shelf)
			require.NoError(t, err)
		})
	}
}

func TestAnotherServerReranksWhatOneGotWrong(t *testing.T) {
	t.Parallel()
	servers := llmtest.StartMany(t, 2, llmtest.Options{})
	_, r := reranker(t, llmtest.Options{}, func(o *llm.RerankOptions) {
		o.BaseURLs = []string{servers[0].BaseURL(), servers[1].BaseURL()}
	})
	servers[0].Inject(llmtest.Fault{Kind: llmtest.WrongCount})
	for range 3 {
		_, err := r.Rerank(t.Context(), reranked, shelf)
		require.NoError(t, err)
	}
}

// A server that is out costs nothing until a probe finds it well again.
func TestARerankerThatIsOutIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s, r := reranker(t, llmtest.Options{}, nil)
	s.Inject(llmtest.Fault{Kind: llmtest.WrongCount}, llmtest.Fault{Kind: llmtest.Broken, Path: "/health"})
	for range 5 {
		_, err := r.Rerank(t.Context(), reranked, shelf)
		require.Error(t, err)
	}
	require.Equal(t, "open", r.Stats().Servers[0].Breaker)
	require.False(t, r.Health(t.Context()).OK)
	asked := len(s.Requests("/v1/rerank"))
	_, err := r.Rerank(t.Context(), reranked, shelf)
	require.ErrorContains(t, err, "no set of scores", "the reason is still told")
	require.Len(t, s.Requests("/v1/rerank"), asked)
	s.Heal()
	require.Eventually(t, func() bool { return r.Stats().Servers[0].Up }, 10*time.Second, 5*time.Millisecond)
	_, err = r.Rerank(t.Context(), reranked, shelf)
	require.NoError(t, err)
}

func TestAQuestionThatIsGivenUpStopsTheReranking(t *testing.T) {
	t.Parallel()
	s, r := reranker(t, llmtest.Options{}, nil)
	s.Inject(llmtest.Fault{Kind: llmtest.HangBefore})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := r.Rerank(ctx, reranked, shelf)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "closed", r.Stats().Servers[0].Breaker)
}

func TestRerankerNeedsAnAddressAndAName(t *testing.T) {
	t.Parallel()
	_, err := llm.NewReranker(llm.RerankOptions{BaseURLs: []string{"http://127.0.0.1:1/v1"}})
	require.ErrorContains(t, err, "llm.rerank.model")
	_, err = llm.NewReranker(llm.RerankOptions{Model: "m", BaseURLs: []string{"nowhere"}})
	require.ErrorContains(t, err, "llm.rerank.base_url")
}
