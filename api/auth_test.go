package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api"
)

func open(d *api.Deps, _ *api.Options) { d.Keys = keyring{open: true} }

// Without keys the server is only for this machine's own programs and pages.
func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	b := setup(t, open, func(_ *api.Deps, o *api.Options) { o.PublicURL = "https://kb.example.com/" })
	for _, sc := range []scenario{
		{name: "plain", status: 200},
		{name: "a key of no use", key: "sk-none", status: 200},
		{name: "a wrong key", key: "gw_x", status: 401, code: "invalid_api_key"},
		{name: "localhost", header: []string{"Host", "localhost:80"}, status: 200},
		{name: "IPv6", header: []string{"Host", "[::1]:80"}, status: 200},
		{name: "configured host", header: []string{"Host", "kb.example.com", "Origin", "https://kb.example.com"}, status: 200},
		{name: "own page", header: []string{"Origin", b.URL, "Sec-Fetch-Site", "same-origin"}, status: 200},
		{name: "rebound name", header: []string{"Host", "evil.example"}, status: 403, code: "cross_site_request"},
		{name: "name that looks local", header: []string{"Host", "127.0.0.1.evil.example"}, status: 403, code: "cross_site_request"},
		{name: "other address", header: []string{"Host", "192.168.1.2"}, status: 403, code: "cross_site_request"},
		{name: "other site", header: []string{"Origin", "https://evil.example"}, status: 403, code: "cross_site_request"},
		{name: "sandboxed page", header: []string{"Origin", "null"}, status: 403, code: "cross_site_request"},
		{name: "cross-site by header", header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403, code: "cross_site_request"},
		{name: "other port of this machine", header: []string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}, status: 403, code: "cross_site_request"},
	} {
		sc.method, sc.path = "POST", "/v1/vector_stores"
		sc.body = `{"name":"` + sc.name + `"}`
		sc.run(t, b)
		sc.method, sc.path, sc.body = "GET", "/v1/models", ""
		sc.run(t, b)
	}
	scenario{name: "details", method: "GET", path: "/readyz", status: 200, has: []string{"4711"}}.run(t, b)
	scenario{name: "no details", method: "GET", path: "/readyz", header: []string{"Host", "evil.example"}, status: 200, not: []string{"4711"}}.run(t, b)
}

// Another tenant's objects, and stores outside a key's list, are not there.
func TestNotYoursIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := b.ready(t, "vs_1", "leave.md", "28 days")
	secret := b.ready(t, "vs_2", "salaries.md", "everything")
	loose := b.post(t, "/v1/files", keyAdmin, field{name: "purpose", value: "assistants"}, field{"file", "loose", "loose.md"}).json(t)["id"].(string)

	for _, key := range []string{keyOther, keyLimited} {
		store, doc, name := "vs_2", secret.ID, "board"
		for _, sc := range []scenario{
			{method: "GET", path: "/v1/vector_stores/" + store},
			{method: "GET", path: "/v1/vector_stores/" + name},
			{method: "POST", path: "/v1/vector_stores/" + store, body: `{"name":"taken"}`},
			{method: "DELETE", path: "/v1/vector_stores/" + store},
			{method: "POST", path: "/v1/vector_stores/" + store + "/search", body: `{"query":"pay"}`},
			{method: "GET", path: "/v1/vector_stores/" + store + "/files"},
			{method: "GET", path: "/v1/vector_stores/" + store + "/files/" + doc},
			{method: "DELETE", path: "/v1/vector_stores/" + store + "/files/" + doc},
			{method: "POST", path: "/v1/vector_stores/" + store + "/files", body: `{"file_id":"` + doc + `"}`},
			{method: "POST", path: "/v1/search", body: `{"query":"pay","store":"` + name + `"}`},
			{method: "GET", path: "/v1/documents?store=" + name},
			{method: "GET", path: "/v1/documents/" + doc + "?store=" + store},
			{method: "GET", path: "/v1/documents/" + doc + "/passages?store=" + store},
			{method: "DELETE", path: "/v1/documents/" + doc + "?store=" + store},
			{method: "GET", path: "/v1/files/" + doc},
			{method: "GET", path: "/v1/files/" + doc + "/text"},
			{method: "GET", path: "/v1/files/" + doc + "/content"},
			{method: "DELETE", path: "/v1/files/" + doc},
			{method: "GET", path: "/v1/files/" + loose},
		} {
			sc.name, sc.key, sc.status, sc.code = key+" "+sc.method+" "+sc.path, key, 404, "not_found"
			sc.run(t, b)
		}
		for _, model := range []string{"llama3.1:8b@board", "llama3.1:8b@vs_2"} {
			scenario{name: model, method: "POST", path: "/v1/chat/completions", key: key, body: ask(model, "pay?"), status: 404, code: "model_not_found"}.run(t, b)
		}
		require.NotContains(t, b.do(t, "GET", "/v1/files", key, "").body, "salaries")
		require.NotContains(t, b.do(t, "GET", "/v1/vector_stores", key, "").body, "board")
	}
	require.Empty(t, b.asker.asked, "nothing reached the pipeline")
	there := b.do(t, "GET", "/v1/vector_stores/vs_2", keyLimited, "").body
	gone := b.do(t, "GET", "/v1/vector_stores/vs_9", keyLimited, "").body
	require.Equal(t, gone, strings.ReplaceAll(there, "vs_2", "vs_9"), "the same words")

	scenario{name: "own store", method: "GET", path: "/v1/vector_stores/handbook", key: keyLimited, status: 200}.run(t, b)
	scenario{name: "own text", method: "GET", path: "/v1/files/" + mine.ID + "/text", key: keyLimited, status: 200, has: []string{"28 days"}}.run(t, b)
	scenario{name: "own files", method: "GET", path: "/v1/files", key: keyLimited, status: 200, has: []string{"leave.md"}, not: []string{"loose"}}.run(t, b)
}

// A key that is limited to stores cannot work outside them, nor make others.
func TestLimitedKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := b.ready(t, "vs_1", "shared.md", "x")
	scenario{name: "attach", method: "POST", path: "/v1/vector_stores/board/files", key: keyAdmin, body: `{"file_id":"` + shared.ID + `"}`, status: 200}.run(t, b)
	for _, sc := range []scenario{
		{name: "file of no store", method: "POST", path: "/v1/files", key: keyLimited, status: 403, code: "insufficient_scope"},
		{name: "new store", method: "POST", path: "/v1/vector_stores", key: keyLimited, body: `{"name":"new"}`, status: 403, code: "insufficient_scope"},
		{name: "nameless store", method: "POST", path: "/v1/vector_stores", key: keyLimited, body: `{}`, status: 403, code: "insufficient_scope"},
		{name: "rename away", method: "POST", path: "/v1/vector_stores/handbook", key: keyLimited, body: `{"name":"new"}`, status: 403, code: "insufficient_scope"},
		{name: "file also elsewhere", method: "DELETE", path: "/v1/files/" + shared.ID, key: keyLimited, status: 403, code: "insufficient_scope"},
		{name: "own name", method: "POST", path: "/v1/vector_stores", key: keyOnly, body: `{"name":"mine"}`, status: 200},
	} {
		sc.run(t, b)
	}
	upload := b.post(t, "/v1/documents", keyLimited, field{name: "store", value: "new"}, field{"file", "x", "a.md"})
	require.Equal(t, http.StatusNotFound, upload.status, upload.body)
	upload = b.post(t, "/v1/documents", keyLimited, field{name: "store", value: "handbook"}, field{"file", "x", "a.md"})
	require.Equal(t, http.StatusAccepted, upload.status, upload.body)
}
