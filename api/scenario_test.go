package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scenario is one request and what must come back.
type scenario struct {
	name, method, path, key, body string
	header                        []string
	status                        int
	code                          string   // of the error
	has, not                      []string // fragments of the body
}

func (sc scenario) run(t *testing.T, b *bundle) {
	t.Helper()
	res := b.do(t, sc.method, sc.path, sc.key, sc.body, sc.header...)
	require.Equal(t, sc.status, res.status, "%s: %s", sc.name, res.body)
	require.NotEmpty(t, res.header.Get("x-request-id"), sc.name)
	require.Equal(t, "nosniff", res.header.Get("X-Content-Type-Options"), sc.name)
	require.Empty(t, res.header.Get("Access-Control-Allow-Origin"), sc.name)
	if sc.code != "" {
		p := res.problem(t)
		require.Equal(t, sc.code, p["code"], "%s: %s", sc.name, res.body)
		require.Regexp(t, `[.!]$`, p["message"], sc.name)
	}
	for _, part := range sc.has {
		require.Contains(t, res.body, part, sc.name)
	}
	for _, part := range sc.not {
		require.NotContains(t, res.body, part, sc.name)
	}
}

// TestEveryRouteWronglyCalled calls each route without a key, with a key
// without verbs, and with the wrong method.
func TestEveryRouteWronglyCalled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := 0
	for pattern, methods := range b.api.Routes() {
		path := strings.NewReplacer(":id", "x", ":file_id", "y", ":batch_id", "z", ":draft_id", "d", "*model", "m", "*path", "a").Replace(pattern)
		scenario{name: "method of " + path, method: "PATCH", path: path, key: keyAdmin, status: 405, code: "method_not_allowed"}.run(t, b)
		options := b.do(t, "OPTIONS", path, "", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
		require.Equal(t, 204, options.status, path)
		for _, method := range methods {
			require.Contains(t, options.header.Get("Allow"), method, path)
			if !strings.HasPrefix(path, "/v1/") {
				continue
			}
			n++
			scenario{name: "no key", method: method, path: path, status: 401, code: "invalid_api_key", has: []string{"gw_"}}.run(t, b)
			scenario{name: "wrong key", method: method, path: path, key: "gw_wrong", status: 401, code: "invalid_api_key", has: []string{"revoked"}, not: []string{"gw_wrong"}}.run(t, b)
			scenario{name: "other scheme", method: method, path: path, header: []string{"Authorization", "Basic Z3c6Z3c="}, status: 401, code: "invalid_api_key"}.run(t, b)
			scenario{name: "no verb", method: method, path: path, key: keyNothing, status: 403, code: "insufficient_scope"}.run(t, b)
			verb, lacking := "ask", keyWrite
			if method == "DELETE" || method == "POST" && !strings.HasSuffix(path, "search") && !strings.HasSuffix(path, "completions") && !strings.HasSuffix(path, "responses") && !strings.Contains(path, "embeddings") {
				verb, lacking = "write", keyAsk
			}
			if strings.HasPrefix(path, "/v1/receipts") {
				verb, lacking = "write", keyAsk
			}
			if strings.HasPrefix(path, "/v1/comparisons") || strings.HasPrefix(path, "/v1/drafts") || strings.HasPrefix(path, "/v1/fine_tuning") || strings.HasSuffix(path, "/replay") {
				verb, lacking = "admin", keyWrite
			}
			scenario{name: "other verb", method: method, path: path, key: lacking, status: 403, code: "insufficient_scope", has: []string{"may not " + verb}}.run(t, b)
		}
	}
	require.Greater(t, n, 20)
}

func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, 404, b.do(t, "BREW", "/coffee", "", "").status)
	require.Equal(t, "other", (<-b.seen).Method)
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/.env", "/v1/files/a/b/c", "/v1/vector_stores/"} {
		scenario{name: path, method: "GET", path: path, key: keyAdmin, status: 404, code: "unknown_url"}.run(t, b)
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	model := map[string]string{"/v1/chat/completions": `"model":"llama3.1:8b",`, "/v1/embeddings": `"model":"bge-small",`, "/v1/responses": `"model":"llama3.1:8b",`, "/v1/completions": `"model":"llama3.1:8b",`}
	for _, path := range []string{"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/search", "/v1/vector_stores", "/v1/vector_stores/vs_1", "/v1/vector_stores/vs_1/search", "/v1/vector_stores/vs_1/files", "/v1/vector_stores/vs_1/file_batches"} {
		for _, sc := range []scenario{
			{name: "empty", body: "", status: 400, code: "invalid_request"},
			{name: "no JSON", body: `{"model":`, status: 400, code: "invalid_request"},
			{name: "array", body: `[]`, status: 400, code: "invalid_request"},
			{name: "deep", body: `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, status: 400, code: "invalid_request", has: []string{"64 levels"}},
			{name: "large", body: `{"a":"` + strings.Repeat("x", 300<<10) + `"}`, status: 413, code: "too_large", has: []string{"256 KB"}},
			{name: "unknown member", body: `{` + model[path] + `"nonsense":1}`, status: 400, code: "invalid_request", has: []string{`"param":"nonsense"`}},
		} {
			sc.method, sc.path, sc.key = "POST", path, keyAdmin
			sc.name += " " + path
			sc.run(t, b)
		}
	}
	for _, path := range []string{"/v1/documents?store=handbook", "/v1/files"} {
		scenario{name: "no form", method: "POST", path: path, key: keyAdmin, body: "{}", status: 400, code: "invalid_request", has: []string{"multipart"}}.run(t, b)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sc := range []scenario{
		{name: "list", path: "/v1/models", key: keyAdmin, status: 200, has: []string{`"llama3.1:8b"`, `"llama3.1:8b+acme"`, `"llama3.1:8b+acme@handbook"`, `"llama3.1:8b@handbook"`, `"llama3.1:8b@board"`, `"bge-small"`}},
		{name: "limited", path: "/v1/models", key: keyLimited, status: 200, has: []string{`"llama3.1:8b@handbook"`}, not: []string{"board"}},
		{name: "tenant", path: "/v1/models", key: keyOther, status: 200, has: []string{`vs_3`}, not: []string{"vs_1", "board"}},
		{name: "one", path: "/v1/models/llama3.1:8b", key: keyAsk, status: 200, has: []string{`"kind":"chat"`}},
		{name: "by store name", path: "/v1/models/llama3.1:8b@handbook", key: keyAsk, status: 200, has: []string{`"store":"vs_1"`}},
		{name: "by store id", path: "/v1/models/llama3.1:8b%40vs_2", key: keyAsk, status: 200, has: []string{`"store":"vs_2"`}},
		{name: "embedding", path: "/v1/models/bge-small", key: keyAsk, status: 200, has: []string{`"embedding"`}},
		{name: "adapter", path: "/v1/models/llama3.1:8b+acme", key: keyAsk, status: 200, has: []string{`"kind":"chat"`}},
		{name: "adapter over a store", path: "/v1/models/llama3.1:8b+acme@handbook", key: keyAsk, status: 200, has: []string{`"store":"vs_1"`}},
		{name: "adapter over a store of others", path: "/v1/models/llama3.1:8b+acme@vs_3", key: keyAsk, status: 404, code: "model_not_found"},
		{name: "no such adapter", path: "/v1/models/llama3.1:8b+acm@handbook", key: keyAsk, status: 404, code: "model_not_found", has: []string{"no adapter"}},
		{name: "no adapter named", path: "/v1/models/llama3.1:8b+@handbook", key: keyAsk, status: 404, code: "model_not_found"},
		{name: "unknown", path: "/v1/models/org/gpt", key: keyAsk, status: 404, code: "model_not_found", has: []string{"org/gpt"}},
		{name: "unknown store", path: "/v1/models/llama3.1:8b@x", key: keyAsk, status: 404, code: "model_not_found"},
		{name: "store of others", path: "/v1/models/llama3.1:8b@vs_3", key: keyAsk, status: 404, code: "model_not_found"},
		{name: "not this key's", path: "/v1/models/llama3.1:8b@board", key: keyLimited, status: 404, code: "model_not_found"},
	} {
		sc.method = "GET"
		sc.run(t, b)
	}
}

func TestPublicRoutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sc := range []scenario{
		{name: "alive", path: "/healthz", status: 200},
		{name: "ready in shape", path: "/readyz", status: 200, has: []string{`"name":"chat"`}, not: []string{"4711", "v1"}},
		{name: "ready in full", path: "/readyz", key: keyAsk, status: 200, has: []string{"4711", `"version":"v1"`}},
		{name: "metrics", path: "/metrics", status: 200, has: []string{"up 1"}},
		{name: "page", path: "/", status: 200, has: []string{"<!doctype"}},
		{name: "asset", path: "/assets/app.js", status: 200, has: []string{"<!doctype"}},
	} {
		sc.method = "GET"
		sc.run(t, b)
	}
	res := b.do(t, "GET", "/documents/file-1?start=3&end=9&x=1", "", "")
	require.Equal(t, http.StatusFound, res.status)
	require.Equal(t, "/#doc=file-1&end=9&start=3", res.header.Get("Location"))
	head := b.do(t, "HEAD", "/v1/models", keyAsk, "")
	require.Equal(t, 200, head.status)
	require.Empty(t, head.body)
	require.Equal(t, 401, b.do(t, "HEAD", "/v1/models", "", "").status)
}
