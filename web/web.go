// Package web is the page of the server: ask, read the cited answer, open the
// passage in its document, upload; a page of the comparisons that were made, and one of drafted questions. It is embedded in the binary, needs no
// build step and loads nothing from anywhere else.
//
// Text of documents and models enters the page as text nodes only. The
// Content-Security-Policy backs that up: no inline script or style, no foreign
// address, and Trusted Types, so that assigning HTML is an error.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var page embed.FS

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// file is one embedded file, ready to send.
type file struct {
	mediaType  string
	plain      []byte
	zipped     []byte // gzip; shorter than plain
	etag       string // of plain, quoted
	etagZipped string
}

// Handler serves the page at /, that of reports at /reports, that of drafts at /drafts, and their files under /assets/. It answers GET
// and HEAD; any other path is 404. Browsers keep the files and ask each time
// whether they changed, so that a new binary shows at once.
func Handler() http.Handler {
	files, err := load()
	if err != nil {
		panic(err) // the files are part of the binary: only a broken build comes here
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSecurity(w.Header())
		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.Error(w, "There is no such page. The page is at /.", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This page can only be read: use GET.", http.StatusMethodNotAllowed)
		default:
			f.serve(w, r)
		}
	})
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	body, etag := f.plain, f.etag
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, etag = f.zipped, f.etagZipped
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reads an Accept-Encoding header.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q := strings.TrimRight(strings.TrimPrefix(strings.TrimSpace(params), "q="), ".0")
			return params == "" || q != ""
		}
	}
	return false
}

func setSecurity(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// load reads the embedded files by the path they are served at.
func load() (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(page, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := page.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read embedded page: %w", err)
		}
		zipped, err := compress(plain)
		if err != nil {
			return fmt.Errorf("compress embedded page: %w", err)
		}
		sum := sha256.Sum256(plain)
		tag := hex.EncodeToString(sum[:8])
		at := strings.TrimSuffix(strings.TrimPrefix(name, "page"), ".html")
		if at == "/index" {
			at = "/"
		}
		files[at] = file{mediaType(name), plain, zipped, `"` + tag + `"`, `"` + tag + `-gz"`}
		return nil
	})
	return files, err
}

func compress(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// mediaType does not trust the machine's own table, in which .js may be anything.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}
