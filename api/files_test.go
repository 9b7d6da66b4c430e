package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, fields := range [][]field{ // Python sends the purpose first, Node the file
		{{name: "purpose", value: "assistants"}, {"file", "<script>", "a b.html"}},
		{{"file", "two", "two.md"}, {name: "purpose", value: "user_data"}},
	} {
		res := b.post(t, "/v1/files", keyWrite, fields...)
		require.Equal(t, 200, res.status, res.body)
		require.Equal(t, []string{"file-1", "file-2"}[i], res.json(t)["id"])
	}
	doc := b.ready(t, "vs_1", "leave.md", "28 days 🏖")
	content := b.do(t, "GET", "/v1/files/file-1/content", keyAsk, "")
	require.Equal(t, "<script>", content.body)
	require.Equal(t, `attachment; filename="a b.html"`, content.header.Get("Content-Disposition"))
	require.Equal(t, "application/octet-stream", content.header.Get("Content-Type"))
	require.Equal(t, "nosniff", content.header.Get("X-Content-Type-Options"))
	require.Contains(t, content.header.Get("Content-Security-Policy"), "sandbox")
	part := b.do(t, "GET", "/v1/files/file-1/content", keyAsk, "", "Range", "bytes=1-3")
	require.Equal(t, http.StatusPartialContent, part.status)
	require.Equal(t, "scr", part.body)
	text := b.do(t, "GET", "/v1/files/"+doc.ID+"/text", keyAsk, "")
	require.Equal(t, "28 days 🏖", text.body)
	require.Equal(t, "text/plain; charset=utf-8", text.header.Get("Content-Type"))

	cut := b.do(t, "GET", "/v1/documents/"+doc.ID+"/passages?store=handbook", keyAsk, "")
	require.Equal(t, 200, cut.status, cut.body)
	require.Contains(t, cut.body, `"header":"leave.md › Leave","text":"28 days 🏖"`)
	require.Equal(t, 404, b.do(t, "GET", "/v1/documents/"+doc.ID+"/passages?store=board", keyAsk, "").status)

	for _, sc := range []scenario{
		{name: "list", path: "", status: 200, has: []string{"a b.html", "two.md", "leave.md"}},
		{name: "by purpose", path: "?purpose=user_data", status: 200, has: []string{"two.md"}, not: []string{"leave.md"}},
		{name: "most", path: "?limit=10000", status: 200},
		{name: "too much", path: "?limit=10001", status: 400, code: "invalid_request"},
		{name: "filtered page", path: "?purpose=assistants&limit=1", status: 200, has: []string{"leave.md", `"has_more":true`}},
		{name: "one", path: "/file-2", status: 200, has: []string{`"bytes":3`, `"status":"processed"`}},
		{name: "unknown", path: "/file-9", status: 404, code: "not_found", has: []string{"file-9"}},
		{name: "no text", path: "/file-2/text", status: 404, code: "not_found", has: []string{"no text yet"}},
		{name: "delete", method: "DELETE", path: "/file-2", status: 200, has: []string{`"object":"file"`, `"originals":1`, `"id":"del_2"`, `"hash":"`}},
		{name: "deleted", path: "/file-2", status: 404, code: "not_found"},
	} {
		if sc.method == "" {
			sc.method = "GET"
		}
		sc.path, sc.key = "/v1/files"+sc.path, keyAdmin
		sc.run(t, b)
	}

	clear(b.library.bytes)
	scenario{name: "lost bytes", method: "GET", path: "/v1/files/file-1/content", key: keyAsk, status: 500, code: "internal_error", not: []string{"secret"}}.run(t, b)
	require.Contains(t, b.log.String(), "/secret/place")
}

func TestFileForms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	purpose, file := field{name: "purpose", value: "assistants"}, field{"file", "x", "a.md"}
	for name, c := range map[string]struct {
		fields []field
		status int
		param  any
	}{
		"no purpose":      {[]field{file}, 400, "purpose"},
		"unknown purpose": {[]field{{name: "purpose", value: "x"}, file}, 400, "purpose"},
		"no file":         {[]field{purpose}, 400, "file"},
		"two files":       {[]field{file, file, purpose}, 413, "file"},
		"expiry":          {[]field{purpose, {name: "expires_after[anchor]", value: "created_at"}, file}, 400, "expires_after[anchor]"},
		"large":           {[]field{purpose, {"file", strings.Repeat("x", 70<<10), "l"}}, 413, "file"},
		"large, first":    {[]field{{"file", strings.Repeat("x", 70<<10), "l"}, purpose}, 413, "file"},
		"no name":         {[]field{purpose, {name: "file", value: "x"}}, 400, "file"},
	} {
		res := b.post(t, "/v1/files", keyWrite, c.fields...)
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		require.Equal(t, c.param, res.problem(t)["param"], name)
	}
	require.Empty(t, b.library.files)
	res := b.post(t, "/v1/files", keyWrite, purpose, field{"file", "x", `..\..\dir/a.md`})
	require.Equal(t, "a.md", res.json(t)["filename"], "a file has a name, no path")
}

func TestVectorStores(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.post(t, "/v1/files", keyWrite, field{name: "purpose", value: "assistants"}, field{"file", "x", "a.md"}) // file-1
	for _, sc := range []scenario{
		{name: "create", method: "POST", body: `{"name":"new","metadata":{"a":"b"},"file_ids":["file-1"]}`, status: 200, has: []string{`"id":"vs_4"`, `"in_progress":1`, `"a":"b"`, `"status":"in_progress"`}},
		{name: "nameless", method: "POST", body: `{}`, status: 200, has: []string{`"name":"vs_5"`}},
		{name: "same name", method: "POST", body: `{"name":"new"}`, status: 409, code: "conflict"},
		{name: "like an id", method: "POST", body: `{"name":"vs_x"}`, status: 400, code: "invalid_request"},
		{name: "unknown file", method: "POST", body: `{"name":"never","file_ids":["file-9"]}`, status: 404, code: "not_found"},
		{name: "not made", path: "/never", status: 404, code: "not_found"},
		{name: "list", path: "", status: 200, has: []string{"vs_1", "vs_2", "vs_4"}, not: []string{"vs_3"}},
		{name: "page", path: "?limit=1&order=asc", status: 200, has: []string{"vs_1", `"has_more":true`}, not: []string{"vs_2"}},
		{name: "by name", path: "/handbook", status: 200, has: []string{"vs_1"}},
		{name: "rename", method: "POST", path: "/vs_4", body: `{"name":"newer"}`, status: 200, has: []string{`"name":"newer"`, `"a":"b"`}},
		{name: "rename badly", method: "POST", path: "/vs_4", body: `{"name":""}`, status: 400, code: "invalid_request"},
		{name: "attach", method: "POST", path: "/vs_1/files", body: `{"file_id":"file-1"}`, status: 200, has: []string{`"status":"in_progress"`, `"vector_store_id":"vs_1"`}},
		{name: "attach nothing", method: "POST", path: "/vs_1/files", body: `{"file_id":"file-9"}`, status: 404, code: "not_found"},
		{name: "bad attributes", method: "POST", path: "/vs_1/files", body: `{"file_id":"file-1","attributes":{"a":[1]}}`, status: 400, code: "invalid_request"},
		{name: "change attributes", method: "POST", path: "/vs_1/files/file-1", body: `{"attributes":{"a":1}}`, status: 200, has: []string{`"attributes":{"a":1}`}},
		{name: "change groups", method: "POST", path: "/vs_1/files/file-1", body: `{"groundwork":{"allow":["hr"]}}`, status: 200, has: []string{`"attributes":{"a":1}`, `"allow":["hr"]`}},
		{name: "change nothing", method: "POST", path: "/vs_1/files/file-1", body: `{}`, status: 400, code: "invalid_request"},
		{name: "change what is not there", method: "POST", path: "/vs_1/files/file-9", body: `{"attributes":{}}`, status: 404, code: "not_found"},
		{name: "files", path: "/vs_1/files", status: 200, has: []string{"file-1"}},
		{name: "files in progress", path: "/vs_1/files?filter=in_progress", status: 200, has: []string{"file-1"}},
		{name: "files done", path: "/vs_1/files?filter=completed", status: 200, has: []string{`"data":[]`}},
		{name: "bad filter", path: "/vs_1/files?filter=x", status: 400, code: "invalid_request"},
		{name: "file", path: "/vs_1/files/file-1", status: 200, has: []string{`"groundwork":{`}},
		{name: "no file", path: "/vs_2/files/file-1", status: 404, code: "not_found"},
		{name: "detach", method: "DELETE", path: "/vs_1/files/file-1", status: 200, has: []string{"vector_store.file.deleted"}},
		{name: "detach again", method: "DELETE", path: "/vs_1/files/file-1", status: 404, code: "not_found"},
		{name: "delete", method: "DELETE", path: "/vs_4", status: 200, has: []string{"vector_store.deleted"}},
		{name: "deleted", path: "/vs_4", status: 404, code: "not_found"},
		{name: "filters", method: "POST", path: "/vs_1/search", body: `{"query":"a","filters":{}}`, status: 400, code: "invalid_request"},
	} {
		if sc.method == "" {
			sc.method = "GET"
		}
		sc.path, sc.key = "/v1/vector_stores"+sc.path, keyAdmin
		sc.run(t, b)
	}
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, sc := range []scenario{
		{name: "under way", path: "/del_1", key: keyWrite, status: 200, has: []string{`"object_id":"file-1"`, `"deleted_at":null`, `"passages":0`}, not: []string{"hash"}},
		{name: "unknown", path: "/del_2", key: keyWrite, status: 404, code: "not_found"},
		{name: "of another tenant", path: "/del_1", key: keyOther, status: 404, code: "not_found"},
		{name: "a key for some stores", path: "/del_1", key: keyLimited, status: 403, code: "insufficient_scope"},
	} {
		sc.method, sc.path = "GET", "/v1/receipts"+sc.path
		sc.run(t, b)
	}
}
