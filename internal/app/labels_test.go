package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
	"groundwork/llm/llmtest"
	"groundwork/rag"
)

// labelled uploads one file with form fields (name, value, …) before it.
func (s *server) labelled(store, filename, content string, fields ...string) document {
	s.t.Helper()
	body := new(bytes.Buffer)
	w := multipart.NewWriter(body)
	require.NoError(s.t, w.WriteField("store", store))
	for i := 0; i+1 < len(fields); i += 2 {
		require.NoError(s.t, w.WriteField(fields[i], fields[i+1]))
	}
	part, err := w.CreateFormFile("file", filename)
	require.NoError(s.t, err)
	_, err = io.WriteString(part, content)
	require.NoError(s.t, err)
	require.NoError(s.t, w.Close())
	resp := s.do(http.MethodPost, "/v1/documents?wait=ready&timeout=600s", w.FormDataContentType(), body)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	var reply struct{ Data []document }
	require.NoError(s.t, json.Unmarshal(raw, &reply), "%s", raw)
	require.Len(s.t, reply.Data, 1, "%s", raw)
	require.Equal(s.t, "ready", reply.Data[0].Status, "%s", raw)
	return reply.Data[0]
}

type object = map[string]any

func eq(key string, value any) object { return object{"type": "eq", "key": key, "value": value} }

// files are the names of what a search finds, each once.
func (s *server) files(store string, filter any) []string {
	s.t.Helper()
	var reply struct {
		Data []struct {
			Filename   string
			Attributes object
		}
	}
	s.json(http.MethodPost, "/v1/search", object{"query": "days of annual leave", "store": store, "k": 50, "filters": filter}, http.StatusOK, &reply)
	names := []string{}
	for _, hit := range reply.Data {
		names = append(names, hit.Filename)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestFilters goes through everything that takes or shows attributes.
func TestFilters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	model := llmtest.Start(t, llmtest.Options{})
	s := start(t, config(t, dir, model))
	leave := s.labelled("h", "hr/leave.md", handbook(3), "attributes", `{"team":"hr","year":2025}`)
	s.labelled("h", "leave.txt", handbook(5), "attributes", `{"team":"it","year":2026,"draft":true}`)
	s.upload("h", "plain.md", handbook(4))

	require.Equal(t, []string{"hr/leave.md", "leave.txt", "plain.md"}, s.files("h", nil))
	require.Equal(t, []string{"hr/leave.md"}, s.files("h", eq("team", "hr")))
	require.Equal(t, []string{"leave.txt"}, s.files("h", object{"type": "gt", "key": "year", "value": 2025}))
	require.Equal(t, []string{"leave.txt", "plain.md"}, s.files("h", object{"type": "ne", "key": "team", "value": "hr"}))
	require.Equal(t, []string{"hr/leave.md"}, s.files("h", eq(rag.FactFilename, "leave.md")))
	require.Equal(t, []string{"leave.txt"}, s.files("h", eq(rag.FactMediaType, "text/plain")))
	require.Empty(t, s.files("h", object{"type": "lt", "key": rag.FactCreatedAt, "value": 5}))
	require.Empty(t, s.files("h", object{"type": "and", "filters": []any{eq("team", "hr"), eq("draft", true)}}), "nothing fits: never everything")
	var refused struct {
		Error struct{ Message, Param string }
	}
	s.json(http.MethodPost, "/v1/search", object{"query": "leave", "store": "h", "filters": eq("town", "Bern")}, http.StatusBadRequest, &refused)
	require.Equal(t, "filters", refused.Error.Param)
	require.Contains(t, refused.Error.Message, `the attribute "town". There is draft, team, year, groundwork.attached_to, groundwork.created_at`)

	var page struct {
		Data []struct {
			Filename   string
			Attributes object
		}
	}
	s.json(http.MethodPost, "/v1/vector_stores/h/search", object{"query": "annual leave", "filters": eq("team", "hr")}, http.StatusOK, &page)
	require.NotEmpty(t, page.Data)
	for _, hit := range page.Data {
		require.Equal(t, "hr/leave.md", hit.Filename)
		require.Equal(t, object{"team": "hr", "year": 2025.0}, hit.Attributes)
	}
	ask := func(filter any) completion {
		var c completion
		s.json(http.MethodPost, "/v1/chat/completions", object{"model": "test-chat@h", "groundwork": object{"filters": filter},
			"messages": []object{{"role": "user", "content": "How many days of annual leave do employees of unit 2 get?"}}}, http.StatusOK, &c)
		return c
	}
	answered := ask(eq("team", "hr"))
	require.NotEmpty(t, answered.Groundwork.Sources)
	for _, source := range answered.Groundwork.Sources {
		require.Equal(t, leave.ID, source.DocumentID)
	}
	require.True(t, ask(object{"type": "lt", "key": "year", "value": 0}).Groundwork.Abstained)
	var response object
	s.json(http.MethodPost, "/v1/responses", object{"model": "test-chat", "input": "How many days of annual leave do employees of unit 2 get?", "include": []string{"file_search_call.results"},
		"tools": []object{{"type": "file_search", "vector_store_ids": []string{"h"}, "filters": eq("team", "hr")}}}, http.StatusOK, &response)
	results := response["output"].([]any)[0].(object)["results"].([]any)
	require.NotEmpty(t, results)
	for _, r := range results {
		require.Equal(t, "hr/leave.md", r.(object)["filename"])
		require.Equal(t, object{"team": "hr", "year": 2025.0}, r.(object)["attributes"])
	}

	embedded := len(model.Requests("/v1/embeddings"))
	change := func(attributes object) {
		s.json(http.MethodPost, "/v1/vector_stores/h/files/"+leave.ID, object{"attributes": attributes}, http.StatusOK, nil)
	}
	change(object{"team": "board"})
	require.Equal(t, []string{"hr/leave.md"}, s.files("h", eq("team", "board")), "at once")
	page.Data = nil
	s.json(http.MethodPost, "/v1/vector_stores/h/search", object{"query": "annual leave", "filters": eq("team", "board")}, http.StatusOK, &page)
	require.Equal(t, object{"team": "board"}, page.Data[0].Attributes)
	for _, r := range model.Requests("/v1/embeddings")[embedded:] {
		require.NotContains(t, string(r.Body), "employees of unit", "nothing is embedded again")
	}
	s.upload("h", "hr/leave.md", handbook(6))
	require.Equal(t, []string{"hr/leave.md"}, s.files("h", eq("team", "board")), "a new version keeps them")
	s.labelled("h", "hr/leave.md", handbook(7), "attributes", `{"team":"pay"}`)
	require.Equal(t, []string{"hr/leave.md"}, s.files("h", eq("team", "pay")))
	require.NoError(t, s.stop())

	operator, err := app.NewOperator(config(t, dir, model), nil)
	require.NoError(t, err)
	audit, err := operator.Verify(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, audit.Faults)
	n, err := operator.Reindex(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, operator.Close())
	s = start(t, config(t, dir, model))
	require.Eventually(t, func() bool {
		var list struct {
			Data []struct{}
		}
		s.json(http.MethodGet, "/v1/documents?store=h&status=ready", nil, http.StatusOK, &list)
		return len(list.Data) == 3
	}, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, []string{"hr/leave.md"}, s.files("h", eq("team", "pay")), "a new index is told again")
}

// noise is what differs between two replies that say the same.
var noise = regexp.MustCompile(`"(x-request-id|id|answer_id|created|created_at|updated_at|last_active_at|index_generation|system_fingerprint|text_score|dense_score|score|timings_ms|after|completed_at|cached_tokens|item_id|sequence_number)":("[^"]*"|[0-9.e-]+|\{[^}]*\})`)

func (s *server) said(method, path string, in any, forget string) string {
	s.t.Helper()
	var body io.Reader = http.NoBody
	if in != nil {
		raw, err := json.Marshal(in)
		require.NoError(s.t, err)
		body = bytes.NewReader(raw)
	}
	resp := s.do(method, path, "application/json", body)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	text := resp.Status + " " + noise.ReplaceAllString(string(raw), "")
	if forget != "" {
		text = strings.ReplaceAll(text, forget, "ID")
	}
	return joined(text)
}

var nextDelta = regexp.MustCompile(`"\},"logprobs":null,"finish_reason":null\}\]\}\n\ndata: \{,"object":"chat\.completion\.chunk",,"model":"[^"]*","choices":\[\{"index":0,"delta":\{"content":"`)

// joined is a stream as if all text had come in one event: into how many it is cut depends on who is faster.
func joined(stream string) string { return nextDelta.ReplaceAllString(stream, "") }

// TestForbiddenLooksAbsent: on every route that a key with groups may call, a
// document that it may not read gives what one that does not exist gives.
func TestForbiddenLooksAbsent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := config(t, dir, llmtest.Start(t, llmtest.Options{}))
	admin := start(t, cfg)
	keys, closeKeys, err := app.OpenKeys(t.Context(), cfg)
	require.NoError(t, err)
	defer closeKeys()
	key := func(k rag.Key) string {
		k.Tenant = rag.DefaultTenant
		_, token, err := keys.CreateKey(t.Context(), k)
		require.NoError(t, err)
		return token
	}
	admin.key = key(rag.Key{Verbs: []string{"admin"}})
	hr := &server{t: t, url: admin.url, key: key(rag.Key{Verbs: []string{"ask"}, Groups: []string{"hr", "all"}})}

	open := admin.labelled("h", "leave.md", handbook(3), "allow", `["all"]`, "attributes", `{"team":"hr"}`)
	const question = "What does the board get, and how many days of annual leave?"
	asks := map[string]object{
		"/v1/search":                  {"query": question, "store": "h", "k": 50, "explain": true},
		"/v1/vector_stores/h/search":  {"query": question, "max_num_results": 50},
		"/v1/chat/completions":        {"model": "test-chat@h", "messages": []object{{"role": "user", "content": question}}},
		"/v1/responses":               {"model": "test-chat@h", "input": question, "include": []string{"file_search_call.results"}},
		"/v1/search?known":            {"query": question, "store": "h", "filters": eq("secret", "x")},
		"/v1/chat/completions?stream": {"model": "test-chat@h", "stream": true, "messages": []object{{"role": "user", "content": question}}},
	}
	lists := []string{
		"/v1/documents?store=h", "/v1/documents?store=h&status=ready", "/v1/vector_stores", "/v1/vector_stores/h", "/v1/vector_stores/h/files",
		"/v1/vector_stores/h/files?filter=completed", "/v1/files", "/v1/files?purpose=assistants", "/v1/models", "/v1/documents/" + open.ID + "?store=h",
		"/v1/documents/" + open.ID + "/passages?store=h", "/v1/files/" + open.ID, "/v1/files/" + open.ID + "/text", "/v1/files/" + open.ID + "/content",
	}
	replies := func() map[string]string {
		out := map[string]string{}
		for path, in := range asks {
			out[path] = hr.said(http.MethodPost, path, in, "")
		}
		for _, path := range lists {
			out[path] = hr.said(http.MethodGet, path, nil, "")
		}
		return out
	}
	before := replies()
	require.Contains(t, before["/v1/search"], "leave.md")
	require.Contains(t, before["/v1/vector_stores/h"], `"completed":1`)
	secret := admin.labelled("h", "board.md", "# Board\n\nWhat does the board get? The board gets 99 days of annual leave and a boat.", "allow", `["board"]`, "attributes", `{"secret":"x"}`)
	unlabelled := admin.upload("h", "nobody.md", "# Nobody\n\nThe board gets 98 days of annual leave.")[0]
	after := replies()
	for path := range before {
		require.Equal(t, before[path], after[path], path)
		require.NotContains(t, after[path], "boat", path)
	}
	require.Contains(t, admin.said(http.MethodPost, "/v1/search", asks["/v1/search"], ""), "board.md")

	var batch struct{ ID string }
	admin.json(http.MethodPost, "/v1/vector_stores/h/file_batches", object{"file_ids": []string{secret.ID}}, http.StatusOK, &batch)
	const absent = "file-000000000000000000000000"
	for _, id := range []string{secret.ID, unlabelled.ID} {
		for _, path := range []string{
			"/v1/documents/ID?store=h", "/v1/documents/ID/passages?store=h", "/v1/files/ID", "/v1/files/ID/text", "/v1/files/ID/content",
			"/v1/vector_stores/h/files/ID", "/v1/vector_stores/h/files/ID/content", "/v1/documents?store=h&after=ID", "/v1/files?after=ID", "/v1/vector_stores/h/files?after=ID",
		} {
			forbidden, nothing := strings.ReplaceAll(path, "ID", id), strings.ReplaceAll(path, "ID", absent)
			require.Equal(t, hr.said(http.MethodGet, nothing, nil, absent), hr.said(http.MethodGet, forbidden, nil, id), path)
			require.NotContains(t, hr.said(http.MethodGet, forbidden, nil, id), "200 OK", path)
		}
		for _, path := range []string{"/v1/documents/ID?store=h", "/v1/files/ID", "/v1/vector_stores/h/files/ID"} {
			require.Equal(t, hr.said(http.MethodDelete, strings.ReplaceAll(path, "ID", absent), nil, absent), hr.said(http.MethodDelete, strings.ReplaceAll(path, "ID", id), nil, id), path)
		}
		for path, in := range map[string]func(id string) object{
			"/v1/vector_stores/h/files":        func(id string) object { return object{"file_id": id} },
			"/v1/vector_stores/h/files/ID":     func(string) object { return object{"attributes": object{}} },
			"/v1/vector_stores/h/file_batches": func(id string) object { return object{"file_ids": []string{id}} },
			"/v1/vector_stores":                func(id string) object { return object{"file_ids": []string{id}} },
		} {
			require.Equal(t, hr.said(http.MethodPost, strings.ReplaceAll(path, "ID", absent), in(absent), absent), hr.said(http.MethodPost, strings.ReplaceAll(path, "ID", id), in(id), id), path)
		}
	}
	for _, path := range []string{"/v1/vector_stores/h/file_batches/ID", "/v1/vector_stores/h/file_batches/ID/files"} {
		require.Equal(t, hr.said(http.MethodGet, strings.ReplaceAll(path, "ID", "vsfb_0"), nil, "vsfb_0"), hr.said(http.MethodGet, strings.ReplaceAll(path, "ID", batch.ID), nil, batch.ID), path)
	}

	admin.json(http.MethodPost, "/v1/vector_stores/h/files/"+secret.ID, object{"groundwork": object{"allow": []string{"hr"}}}, http.StatusOK, nil)
	require.Contains(t, hr.said(http.MethodPost, "/v1/search", asks["/v1/search"], ""), "boat", "given at once")
	require.Contains(t, hr.said(http.MethodGet, "/v1/documents/"+secret.ID+"?store=h", nil, ""), `"attributes":{"secret":"x"}`)
	require.NotContains(t, hr.said(http.MethodGet, "/v1/documents/"+secret.ID+"?store=h", nil, ""), "allow", "who else may read it is not told")
	admin.json(http.MethodPost, "/v1/vector_stores/h/files/"+secret.ID, object{"groundwork": object{"allow": []string{}}}, http.StatusOK, nil)
	for path, want := range replies() {
		require.Equal(t, before[path], want, "taken away at once: %s", path)
	}
}
