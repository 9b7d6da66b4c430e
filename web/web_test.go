package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/web"
)

func get(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for name, values := range header {
		req.Header[name] = values
	}
	rec := httptest.NewRecorder()
	web.Handler().ServeHTTP(rec, req)
	return rec.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(b)
}

func TestHandlerAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path string
		status       int
		mediaType    string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/reports", 200, "text/html; charset=utf-8"},
		{"GET", "/drafts", 200, "text/html; charset=utf-8"},
		{"GET", "/reports.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/assets/app.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/assets/style.css", 200, "text/css; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
		{"GET", "/assets/", 404, "text/plain; charset=utf-8"},
		{"GET", "/assets/../web.go", 404, "text/plain; charset=utf-8"},
		{"GET", "/index.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/other", 404, "text/plain; charset=utf-8"},
	} {
		res := get(t, c.method, c.path, nil)
		require.Equal(t, c.status, res.StatusCode, c.path)
		require.Equal(t, c.mediaType, res.Header.Get("Content-Type"), c.path)
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
			"img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'", c.path)
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"), c.path)
		require.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"), c.path)
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"", "gzip"} {
		header := http.Header{"Accept-Encoding": {encoding}}
		first := get(t, "GET", "/assets/app.js", header)
		require.Equal(t, "no-cache", first.Header.Get("Cache-Control"))
		header.Set("If-None-Match", first.Header.Get("ETag"))
		require.Equal(t, http.StatusNotModified, get(t, "GET", "/assets/app.js", header).StatusCode)
		header.Set("If-None-Match", `"other"`)
		require.Equal(t, http.StatusOK, get(t, "GET", "/assets/app.js", header).StatusCode)
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	plain := get(t, "GET", "/", nil)
	require.Empty(t, plain.Header.Get("Content-Encoding"))
	want := body(t, plain)
	for _, accepted := range []string{"gzip", "br, GZIP;q=0.5", "gzip, deflate"} {
		res := get(t, "GET", "/", http.Header{"Accept-Encoding": {accepted}})
		require.Equal(t, "gzip", res.Header.Get("Content-Encoding"), accepted)
		require.NotEqual(t, plain.Header.Get("ETag"), res.Header.Get("ETag"))
		z, err := gzip.NewReader(res.Body)
		require.NoError(t, err)
		got, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for _, refused := range []string{"br", "gzip;q=0", "gzip; q=0.0", "identity"} {
		require.Empty(t, get(t, "GET", "/", http.Header{"Accept-Encoding": {refused}}).Header.Get("Content-Encoding"), refused)
	}
}

// The page is small, and everything it names is on this server.
func TestPageIsSmallAndSelfContained(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`(?:src|href|from|import)(?:=|\s+)"(/[^"#]*|\./[^"]*)"`)
	foreign := regexp.MustCompile(`(?:https?:)?//[a-z]`)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script>|innerHTML|insertAdjacentHTML|document\.write`)
	seen := map[string]bool{}
	total := 0
	var visit func(path string)
	visit = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		packed := get(t, "GET", path, http.Header{"Accept-Encoding": {"gzip"}})
		total += len(body(t, packed))
		res := get(t, "GET", path, nil)
		require.Equal(t, 200, res.StatusCode, path)
		text := body(t, res)
		require.NotRegexp(t, inline, text, path)
		require.NotRegexp(t, foreign, regexp.MustCompile(`http://www\.w3\.org/2000/svg`).ReplaceAllString(text, ""), path)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			next := m[1]
			if next[0] == '.' {
				next = "/assets" + next[1:]
			}
			visit(next)
		}
	}
	visit("/")
	require.GreaterOrEqual(t, len(seen), 8, "every script and the style sheet: %v", seen)
	require.Less(t, total, 40<<10, "bytes sent for the whole page")
	t.Logf("%d files, %d bytes sent", len(seen), total)
}
