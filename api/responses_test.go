package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

const responsesPath = "/v1/responses"

// respond is a request of responses with the tool over a store; more goes into the request.
func respond(model, store, question, more string) string {
	return fmt.Sprintf(`{"model":%q,"input":%q,"tools":[{"type":"file_search","vector_store_ids":[%q]}]%s}`, model, question, store, more)
}

func TestResponse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ready(t, "vs_1", "leave.md", "x")
	for _, body := range []string{
		respond("llama3.1:8b", "vs_1", "How many days?", `,"temperature":0,"max_output_tokens":9,"include":["file_search_call.results"]`),
		respond("llama3.1:8b@handbook", "handbook", "How many days?", ""),
		`{"model":"llama3.1:8b@vs_1","input":[{"role":"user","content":[{"type":"input_text","text":"How many days?"}]}]}`,
	} {
		res := b.do(t, "POST", responsesPath, keyAsk, body)
		require.Equal(t, 200, res.status, res.body)
		require.Equal(t, "embed;dur=4.1, search;dur=1.0, generate;dur=9.0", res.header.Get("Server-Timing"))
		v := res.json(t)
		output := v["output"].([]any)
		require.Equal(t, []any{"days of leave"}, output[0].(map[string]any)["queries"])
		part := output[1].(map[string]any)["content"].([]any)[0].(map[string]any)
		require.Equal(t, "You have 28 days.", part["text"])
		note := part["annotations"].([]any)[0].(map[string]any)
		require.Equal(t, []any{"file_citation", 17.0, "file-1", "leave.md"}, []any{note["type"], note["index"], note["file_id"], note["filename"]})
		require.Equal(t, passage.Text, note["groundwork"].(map[string]any)["quote"])
		require.Equal(t, []any{"completed", 50.0, 56.0}, []any{v["status"], v["usage"].(map[string]any)["input_tokens"], v["usage"].(map[string]any)["total_tokens"]})
		require.NotEqual(t, v["id"], v["groundwork"].(map[string]any)["answer_id"])
		require.Equal(t, strings.Contains(body, "include"), output[0].(map[string]any)["results"] != nil)
	}
	zero := 0.0
	require.Equal(t, rag.Question{ID: b.asker.asked[0].ID, Scope: rag.Scope{Tenant: "default", Store: "vs_1"}, Caller: "default/key_2",
		Messages: []rag.Message{{Role: "user", Content: "How many days?"}}, Sampling: rag.Sampling{MaxTokens: 9, Temperature: &zero}}, b.asker.asked[0])
	b.do(t, "POST", responsesPath, keyAsk, `{"model":"llama3.1:8b","input":"Hi","tools":[{"type":"file_search","vector_store_ids":["vs_1"],"max_num_results":2,"ranking_options":{"score_threshold":0.3}}]}`)
	require.Equal(t, []any{2, 0.3}, []any{b.asker.asked[3].Passages, b.asker.asked[3].MinScore})
}

// named are the names of a stream's events, and the data of each.
func named(t *testing.T, body string) (names []string, data []map[string]any) {
	t.Helper()
	for event := range strings.SplitSeq(strings.TrimSpace(body), "\n\n") {
		name, raw, _ := strings.Cut(strings.TrimPrefix(event, "event: "), "\ndata: ")
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(raw), &v), event)
		require.EqualValues(t, len(data), v["sequence_number"])
		names, data = append(names, name), append(data, v)
	}
	return names, data
}

var opening = []string{"response.created", "response.in_progress", "response.output_item.added",
	"response.file_search_call.in_progress", "response.file_search_call.searching", "response.file_search_call.completed",
	"response.output_item.done", "response.output_item.added", "response.content_part.added", "response.output_text.delta"}

func TestResponseStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	res := b.do(t, "POST", responsesPath, keyAsk, respond("llama3.1:8b", "vs_1", "How many days?", `,"stream":true`))
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, "text/event-stream; charset=utf-8", res.header.Get("Content-Type"))
	names, data := named(t, res.body)
	require.Equal(t, append(opening[:10:10], "response.output_text.delta", "response.output_text.annotation.added", "response.output_text.done",
		"response.content_part.done", "response.output_item.done", "response.completed"), names)
	whole := data[15]["response"].(map[string]any)
	require.Equal(t, "completed", whole["status"])
	require.Equal(t, "days of leave", whole["groundwork"].(map[string]any)["query"])
	require.Equal(t, data[6]["item"], whole["output"].([]any)[0], "the search is as it was told")
	require.Equal(t, data[14]["item"], whole["output"].([]any)[1])
	require.NotContains(t, res.body, "[DONE]")
}

func TestResponseStreamOfAnAbstention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.asker.ask = func(_ context.Context, _ rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
		nearest := []rag.Source{{Index: 1, Passage: passage}}
		for _, d := range []rag.Delta{{Query: "pets", Nearest: nearest}, {Text: "The documents do not say."}} {
			if err := emit(d); err != nil {
				return rag.Answer{}, err
			}
		}
		return rag.Answer{Text: "The documents do not say.", Abstained: true, Query: "pets", Nearest: nearest, Usage: rag.Usage{FinishReason: "stop"}}, nil
	}
	_, data := named(t, b.do(t, "POST", responsesPath, keyAsk, respond("llama3.1:8b", "vs_1", "Pets?", `,"stream":true,"include":["file_search_call.results"]`)).body)
	whole := data[len(data)-1]["response"].(map[string]any)
	require.Equal(t, true, whole["groundwork"].(map[string]any)["abstained"])
	require.Equal(t, data[6]["item"], whole["output"].([]any)[0])
	require.Equal(t, passage.Text, data[6]["item"].(map[string]any)["results"].([]any)[0].(map[string]any)["text"])
}

func TestResponseEndsEarly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.asker.ask = func(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
		a, err := answerWell(ctx, q, emit)
		a.Usage.FinishReason = "length"
		return a, err
	}
	for _, stream := range []string{"", `,"stream":true`} {
		res := b.do(t, "POST", responsesPath, keyAsk, respond("llama3.1:8b", "vs_1", "How many?", stream))
		require.Contains(t, res.body, `"status":"incomplete"`)
		require.Contains(t, res.body, `"incomplete_details":{"reason":"max_output_tokens"}`)
		require.NotContains(t, res.body, "response.completed")
	}
}

func TestResponseFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	down := &rag.Error{Code: rag.CodeUnavailable, Message: "The model server stopped. Ask again.", Err: errors.New("reset")}
	body := respond("llama3.1:8b", "vs_1", "Hi", `,"stream":true`)
	b.asker.ask = failing(0, down)
	res := b.do(t, "POST", responsesPath, keyAsk, body)
	require.Equal(t, 503, res.status, "before the first event an error is a status")
	require.Equal(t, "unavailable", res.problem(t)["code"])
	b.asker.ask = failing(1, down)
	res = b.do(t, "POST", responsesPath, keyAsk, body)
	names, data := named(t, res.body)
	require.Equal(t, append(opening[:10:10], "response.failed", "error"), names)
	require.Equal(t, "failed", data[10]["response"].(map[string]any)["status"])
	require.Equal(t, "unavailable", data[11]["error"].(map[string]any)["code"], "what OpenAI's clients raise")
	require.NotContains(t, res.body, "completed_at\":1")
	require.Equal(t, 503, b.do(t, "POST", responsesPath, keyAsk, respond("llama3.1:8b", "vs_1", "Hi", "")).status)
}

func TestResponseRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sc := range []scenario{
		{name: "no documents", body: `{"model":"llama3.1:8b","input":"Hi"}`, status: 400, code: "invalid_request", has: []string{`"param":"tools"`, "MODEL@STORE"}},
		{name: "unknown store", body: respond("llama3.1:8b", "vs_9", "Hi", ""), status: 404, code: "not_found", has: []string{`"param":"tools[0].vector_store_ids"`}},
		{name: "another tenant's", body: respond("llama3.1:8b", "vs_3", "Hi", ""), status: 404, code: "not_found"},
		{name: "not this key's", key: keyLimited, body: respond("llama3.1:8b", "board", "Hi", ""), status: 404, code: "not_found"},
		{name: "two stores", body: respond("llama3.1:8b@board", "vs_1", "Hi", ""), status: 400, code: "invalid_request", has: []string{"two stores"}},
		{name: "earlier response", body: respond("llama3.1:8b", "vs_1", "Hi", `,"previous_response_id":"resp_1"`), status: 400, code: "invalid_request", has: []string{`"param":"previous_response_id"`, "in input"}},
		{name: "unknown model", body: respond("gpt-5", "vs_1", "Hi", ""), status: 404, code: "model_not_found"},
	} {
		sc.method, sc.path = "POST", responsesPath
		if sc.key == "" {
			sc.key = keyAsk
		}
		sc.run(t, b)
	}
	require.Empty(t, b.asker.asked)
}
