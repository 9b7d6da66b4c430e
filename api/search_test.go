package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sc := range []scenario{
		{name: "plain", path: "/v1/search", body: `{"query":"leave","store":"handbook"}`, status: 200, has: []string{`"rank":1`, `"dense_rank":1`, `"text_rank":2`, `"text_score":3.5`, `"store":"vs_1"`}, not: []string{"weak", "evidence"}},
		{name: "explained", path: "/v1/search", body: `{"query":"leave","store":"handbook","explain":true}`, status: 200, has: []string{`"dropped":"weak"`, `"rank":null`, `"dense_rank":null`, `"evidence":{"strength":0.71,"threshold":0.65,"embedding":"bge"}`,
			`"explanation":{"abstains":false,"given":["c1"],"spans":[[10,50]],"context":{"limit":8192,"budget":600,"prompt_tokens":0,"dropped":[{"chunk_id":"c2","reason":"budget"}]},"prompt":[{"role":"user","content":"Question: leave"}]`, `"timings_ms":{"embed":4.1}`, `"model":"llama3.1:8b"`}},
		{name: "explained by the address", path: "/v1/search?explain=true", body: `{"query":"leave","store":"handbook"}`, status: 200, has: []string{`"explanation":{`, `"dropped":"weak"`}},
		{name: "OpenAI's", path: "/v1/vector_stores/handbook/search", body: `{"query":"leave","rewrite_query":true}`, status: 200, has: []string{"vector_store.search_results.page", `"file_id":"file-1"`, `"text":"Employees`,
			`"search_query":["leave"]`, `"filename":"leave.md","score":0.9,"attributes":{}`, `"has_more":false,"next_page":null`}, not: []string{"weak"}},
		{name: "too many", path: "/v1/vector_stores/handbook/search", body: `{"query":"leave","max_num_results":51}`, status: 400, code: "invalid_request", has: []string{`"param":"max_num_results"`, "from 1 to 50"}},
		{name: "other ranker", path: "/v1/vector_stores/handbook/search", body: `{"query":"leave","ranking_options":{"ranker":"x"}}`, status: 400, code: "invalid_request", has: []string{`"param":"ranking_options"`}},
		{name: "threshold", path: "/v1/vector_stores/handbook/search", body: `{"query":"leave","ranking_options":{"score_threshold":0.95}}`, status: 200, has: []string{`"data":[]`}},
		{name: "long query", path: "/v1/search", body: `{"query":"` + strings.Repeat("q", 8193) + `","store":"handbook"}`, status: 413, code: "too_large", has: []string{`"param":"query"`}},
		{name: "no query", path: "/v1/search", body: `{"store":"handbook"}`, status: 400, code: "invalid_request", has: []string{`"param":"query"`}},
		{name: "unknown store", path: "/v1/search", body: `{"query":"a","store":"x"}`, status: 404, code: "not_found"},
	} {
		sc.method, sc.key = "POST", keyAsk
		sc.run(t, b)
	}
	b.asker.search = func(string) ([]rag.Ranked, error) { return nil, errors.New("index is broken: secret") }
	scenario{name: "broken", method: "POST", path: "/v1/search", key: keyAsk, body: `{"query":"a","store":"handbook"}`, status: 500, code: "internal_error", not: []string{"secret"}}.run(t, b)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sc := range []scenario{
		{name: "kept", path: "/v1/answers/ans_1/replay", key: keyAdmin, status: 200, has: []string{
			`"object":"answer.replay","answer_id":"ans_1","same":false,"then":"28 days","now":"29 days","differences":[{"what":"text","then":"28 days","now":"29 days"}]`,
		}},
		{name: "not kept", path: "/v1/answers/ans_2/replay", key: keyAdmin, status: 404, code: "not_found"},
		{name: "only for admins", path: "/v1/answers/ans_1/replay", key: keyAsk, status: 403, code: "insufficient_scope"},
	} {
		sc.method = "POST"
		sc.run(t, b)
	}
}

// Several queries: each passage once, with its best score.
func TestSearchSeveralQueries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	found := func(id string, score float64, dropped string) rag.Ranked {
		return rag.Ranked{Passage: rag.Passage{ChunkID: id, Text: id}, Score: score, Dropped: dropped}
	}
	b.asker.search = func(query string) ([]rag.Ranked, error) {
		if query == "a" {
			return []rag.Ranked{found("both", 0.5, ""), found("low", 0.3, ""), found("late", 0.2, "weak")}, nil
		}
		return []rag.Ranked{found("top", 0.9, ""), found("both", 0.8, ""), found("late", 0.1, "")}, nil
	}
	res := b.do(t, "POST", "/v1/vector_stores/handbook/search", keyAsk, `{"query":["a","b"],"max_num_results":3}`)
	var order []string
	for _, hit := range res.json(t)["data"].([]any) {
		order = append(order, hit.(map[string]any)["groundwork"].(map[string]any)["chunk_id"].(string))
	}
	require.Equal(t, []string{"top", "both", "low"}, order)
	require.Contains(t, res.body, `"search_query":["a","b"]`)
	require.Contains(t, res.body, `"score":0.8`)
	require.NotContains(t, res.body, `"score":0.5`)
}
