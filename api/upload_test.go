package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/rag"
)

const docsPath = "/v1/documents"

func uploads(t *testing.T, res result) []map[string]any {
	t.Helper()
	var out []map[string]any
	for _, entry := range res.json(t)["data"].([]any) {
		out = append(out, entry.(map[string]any))
	}
	return out
}

func TestUploadDocuments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	res := b.post(t, docsPath, keyWrite, field{name: "store", value: "new"}, field{name: "path", value: "hr/leave.md"},
		field{"file", "28 days", "leave.md"}, field{"file", "price", "prices.md"})
	require.Equal(t, 202, res.status, res.body)
	got := uploads(t, res)
	require.Len(t, got, 2)
	require.Equal(t, map[string]any{"id": "file-1", "filename": "hr/leave.md", "status": "queued", "error": nil}, got[0])
	require.Equal(t, "prices.md", got[1]["filename"])
	st, err := b.library.Store(t.Context(), "default", "new")
	require.NoError(t, err, "the store was made")
	require.Equal(t, res.json(t)["store"], st.ID)

	again := b.post(t, docsPath, keyWrite, field{name: "store", value: "new"}, field{"file", "price", "prices.md"})
	require.Equal(t, "file-2", uploads(t, again)[0]["id"], "the same document back")
	require.Equal(t, 202, b.post(t, docsPath+"?store="+st.ID, keyWrite, field{"file", "x", "x.md"}).status, "by id, in the query")
}

// Fields may come in any order: files before the store's name wait on disk.
func TestUploadStoreComesLast(t *testing.T) {
	t.Parallel()
	var temp string
	b := setup(t, func(_ *api.Deps, o *api.Options) { temp = o.TempDir })
	res := b.post(t, docsPath, keyWrite, field{"file", "28 days", "leave.md"}, field{"file", strings.Repeat("x", 70<<10), "large.md"},
		field{name: "path", value: "hr/leave.md"}, field{name: "store", value: "handbook"})
	require.Equal(t, 202, res.status, res.body)
	got := uploads(t, res)
	require.Equal(t, "hr/leave.md", got[0]["filename"])
	require.Equal(t, "queued", got[0]["status"])
	require.Equal(t, "too_large", got[1]["error"].(map[string]any)["code"])
	require.Equal(t, "28 days", string(b.library.bytes[b.library.docs[0].SHA256]))
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left, "nothing stays on disk")
}

func TestUploadWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	file := field{"file", "28 days", "leave.md"}
	res := b.post(t, docsPath+"?store=handbook&wait=ready", keyWrite, file)
	require.Equal(t, 200, res.status)
	require.Equal(t, "ready", uploads(t, res)[0]["status"])

	b.library.waited = func(context.Context) rag.State { return rag.StateFailed }
	res = b.post(t, docsPath+"?store=handbook&wait=ready&timeout=5", keyWrite, file)
	require.Equal(t, 200, res.status, "done, though not well")
	require.Equal(t, "no_text", uploads(t, res)[0]["error"].(map[string]any)["code"])

	b.library.waited = func(context.Context) rag.State { return rag.StateEmbedding }
	res = b.post(t, docsPath+"?store=handbook&wait=ready&timeout=1ms", keyWrite, file)
	require.Equal(t, 202, res.status, "still on its way")
	require.Equal(t, "embedding", uploads(t, res)[0]["status"])

	for _, query := range []string{"wait=soon", "wait=ready&timeout=0", "wait=ready&timeout=-1s", "wait=ready&timeout=11m", "wait=ready&timeout=x"} {
		scenario{name: query, method: "POST", path: docsPath + "?store=handbook&" + query, key: keyWrite, status: 400, code: "invalid_request"}.run(t, b)
	}
}

// A bad file is reported and the others are kept; when all are bad the status says so.
func TestUploadBadFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	store := field{name: "store", value: "handbook"}
	large := field{"file", strings.Repeat("x", 64<<10+1), "large.md"}
	res := b.post(t, docsPath, keyWrite, store, large, field{"file", "x", "../../x"}, field{"file", "good", "good.md"})
	require.Equal(t, 202, res.status, res.body)
	got := uploads(t, res)
	require.Equal(t, "too_large", got[0]["error"].(map[string]any)["code"])
	require.Nil(t, got[0]["id"])
	require.Equal(t, "../../x", got[1]["filename"])
	require.Equal(t, "invalid_request", got[1]["error"].(map[string]any)["code"])
	require.Equal(t, "queued", got[2]["status"])
	require.Len(t, b.library.docs, 1)

	for name, c := range map[string]struct {
		file   field
		status int
		code   string
	}{
		"large":       {large, 413, "too_large"},
		"endless":     {field{"file", strings.Repeat("x", 190<<10), "l.md"}, 413, "too_large"},
		"traversal":   {field{"file", "x", "../../x"}, 400, "invalid_request"},
		"absolute":    {field{"file", "x", "/etc/passwd"}, 400, "invalid_request"},
		"empty":       {field{"file", "", "empty.md"}, 422, "empty_file"},
		"long name":   {field{"file", "x", strings.Repeat("n", 256)}, 400, "invalid_request"},
		"control":     {field{"file", "x", "a\tb"}, 400, "invalid_request"},
		"just enough": {field{"file", strings.Repeat("x", 64<<10), strings.Repeat("n", 255)}, 202, ""},
	} {
		res := b.post(t, docsPath, keyWrite, store, c.file)
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		if c.code != "" {
			require.Equal(t, c.code, res.problem(t)["code"], name)
		}
	}
}

func TestUploadBadForms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	store, file := field{name: "store", value: "handbook"}, field{"file", "x", "a.md"}
	for name, c := range map[string]struct {
		fields []field
		status int
		param  string
	}{
		"no store":       {[]field{file}, 400, "store"},
		"no file":        {[]field{store}, 400, "file"},
		"unknown id":     {[]field{{name: "store", value: "vs_99"}, file}, 404, "store"},
		"bad name":       {[]field{{name: "store", value: " x"}, file}, 400, "name"},
		"foreign id":     {[]field{{name: "store", value: "vs_3"}, file}, 404, "store"},
		"unknown field":  {[]field{store, {name: "tags", value: "x"}, file}, 400, "tags"},
		"spare path":     {[]field{store, file, {name: "path", value: "x"}}, 400, "path"},
		"long field":     {[]field{{name: "store", value: strings.Repeat("s", 5000)}}, 400, "store"},
		"too many files": {[]field{store, file, file, file, file}, 413, "file"},
	} {
		res := b.post(t, docsPath, keyWrite, c.fields...)
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		require.Equal(t, c.param, res.problem(t)["param"], name)
	}
	b.library.refuse = &rag.Error{Code: rag.CodeBusy, Message: "The queue is full. Try again.", RetryAfter: 3 * time.Second}
	res := b.post(t, docsPath, keyWrite, store, file)
	require.Equal(t, 503, res.status)
	require.Equal(t, "3", res.header.Get("Retry-After"))
	require.Equal(t, "overloaded", res.problem(t)["code"])
}

// A client that hangs up in the middle of a file leaves nothing behind.
func TestUploadCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body, contentType := form(t, field{name: "store", value: "handbook"}, field{"file", strings.Repeat("x", 10<<10), "a.md"})
	for _, chunked := range []bool{false, true} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL, "http://"))
		require.NoError(t, err)
		length := fmt.Sprintf("Content-Length: %d", len(body))
		part := body[:5000]
		if chunked {
			length, part = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", 5000, body[:5000])
		}
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%s\r\n\r\n%s", docsPath, keyWrite, contentType, length, part)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, 499, res.StatusCode)
		require.NoError(t, res.Body.Close())
		require.NoError(t, conn.Close())
	}
	require.Empty(t, b.library.docs)
}

// A client that sends nothing more is told so, and holds nothing.
func TestUploadTooSlow(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *api.Deps, o *api.Options) { o.ClientIdle = time.Second })
	for path, contentType := range map[string]string{docsPath: "multipart/form-data; boundary=x", "/v1/search": "application/json"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL, "http://"))
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n{", path, keyAdmin, contentType)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, 408, res.StatusCode)
		data, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Contains(t, string(data), "request_timeout")
		require.NoError(t, conn.Close())
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a, z := b.ready(t, "vs_1", "a.md", "aa"), b.ready(t, "vs_1", "z.md", "zz")
	b.ready(t, "vs_2", "other.md", "oo")
	for _, sc := range []scenario{
		{name: "list", path: "?store=handbook", status: 200, has: []string{`"a.md"`, `"z.md"`, `"has_more":false`}, not: []string{"other.md"}},
		{name: "first page", path: "?store=handbook&limit=1&order=asc", status: 200, has: []string{`"a.md"`, `"has_more":true`}, not: []string{`"z.md"`}},
		{name: "second page", path: "?store=handbook&limit=1&order=asc&after=" + a.ID, status: 200, has: []string{`"z.md"`, `"has_more":false`}},
		{name: "by state", path: "?store=handbook&status=failed", status: 200, has: []string{`"data":[]`}},
		{name: "no store", path: "", status: 400, code: "invalid_request", has: []string{`"param":"store"`}},
		{name: "unknown store", path: "?store=x", status: 404, code: "not_found"},
		{name: "bad state", path: "?store=handbook&status=x", status: 400, code: "invalid_request"},
		{name: "bad limit", path: "?store=handbook&limit=101", status: 400, code: "invalid_request"},
		{name: "bad order", path: "?store=handbook&order=up", status: 400, code: "invalid_request"},
		{name: "backwards", path: "?store=handbook&before=x", status: 400, code: "invalid_request"},
		{name: "one", path: "/" + z.ID + "?store=handbook", status: 200, has: []string{`"status":"ready"`, `"sha256":"`}},
		{name: "one of another store", path: "/" + z.ID + "?store=board", status: 404, code: "not_found"},
		{name: "delete", method: "DELETE", path: "/" + z.ID + "?store=handbook", status: 200, has: []string{`"deleted":true`, `"chunks":3`}},
		{name: "delete again", method: "DELETE", path: "/" + z.ID + "?store=handbook", status: 404, code: "not_found"},
	} {
		if sc.method == "" {
			sc.method = "GET"
		}
		sc.path, sc.key = docsPath+sc.path, keyAdmin
		sc.run(t, b)
	}
}

// A client that sends first and reads later still gets its answer.
func TestRetryDocument(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.library.waited = func(context.Context) rag.State { return rag.StateFailed }
	doc := b.ready(t, "vs_1", "scan.pdf", "a picture") // and failed
	path := docsPath + "/" + doc.ID + "/retry?store=handbook"
	for _, sc := range []scenario{
		{name: "no store", path: docsPath + "/" + doc.ID + "/retry", status: 400, code: "invalid_request", has: []string{`"param":"store"`}},
		{name: "another store", path: docsPath + "/" + doc.ID + "/retry?store=board", status: 404, code: "not_found", has: []string{doc.ID}},
		{name: "another tenant's", key: keyOther, path: path, status: 404, code: "not_found"},
		{name: "may only ask", key: keyAsk, path: path, status: 403, code: "insufficient_scope"},
		{name: "failed", path: path, status: 202, has: []string{`"id":"` + doc.ID + `"`, `"status":"queued","error":null`, `"version":2`}},
		{name: "on its way", path: path, status: 409, code: "conflict"},
	} {
		if sc.method = "POST"; sc.key == "" {
			sc.key = keyWrite
		}
		sc.run(t, b)
	}
}

func TestUnwantedBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	body := strings.Repeat("x", 6<<20)
	_, err = fmt.Fprintf(conn, "POST /v1/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", keyAsk, len(body), body)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 413, res.StatusCode)
	require.NoError(t, res.Body.Close())
}
