package webtest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// Walk does what a first visitor does on a running server that asks for no
// key: choose the store, ask, open the first citation and check that the
// highlighted text is the document's own, upload a file and see it become
// ready. The question must be one that the store's documents answer.
func Walk(t *testing.T, baseURL, store, question string) {
	t.Helper()
	p := Open(t, baseURL+"/#store="+url.QueryEscape(store))
	p.Until("!document.getElementById('ask').disabled")
	p.Ask(question)
	p.Answered("done")
	p.CheckCitation(baseURL, 0)
	p.Press(kb.Escape)
	p.Gone("#reader")
	p.Upload("walk.md", "# Walk\n\nThe browser test of the web page uploaded this document.\n")
	require.Equal(t, "ready", p.Uploaded("walk.md"))
	p.Clean()
}

// Ask types a question and sends it.
func (p *Page) Ask(question string) {
	p.t.Helper()
	before := Eval[int](p, "document.querySelectorAll('article').length")
	p.Type("#question", question+kb.Enter)
	p.Until(fmt.Sprintf("document.querySelectorAll('article').length === %d", before+1))
}

// Answered waits until the newest answer has come to its end, in the state
// wanted: done, abstained, stopped or failed.
func (p *Page) Answered(state string) {
	p.t.Helper()
	const article = "document.querySelector('article')"
	p.Until(article + ".dataset.state !== 'waiting' && " + article + ".dataset.state !== 'streaming'")
	require.Equal(p.t, state, Eval[string](p, article+".dataset.state"), "state of the answer; the page says:\n%s", p.visibleText())
}

// CheckCitation clicks the n-th marker (from 0) of the newest answer and
// compares what the reader highlights with the text that the server has at the
// cited offsets, and with the quotes that the answer lists.
func (p *Page) CheckCitation(baseURL string, n int) {
	p.t.Helper()
	require.True(p.t, Eval[bool](p, fmt.Sprintf(`(() => {
		const markers = document.querySelectorAll("article:first-of-type .cite");
		markers[%d]?.focus();
		return markers.length > %d })()`, n, n)), "the answer has the citation")
	p.Press(kb.Enter) // the keyboard has to do
	p.Shown("#reader #cited")
	shown := p.Text("#cited")
	require.NotEmpty(p.t, shown)

	hash, err := url.ParseQuery(Eval[string](p, "location.hash.slice(1)"))
	require.NoError(p.t, err)
	start, err := strconv.Atoi(hash.Get("start"))
	require.NoError(p.t, err)
	end, err := strconv.Atoi(hash.Get("end"))
	require.NoError(p.t, err)
	text := []rune(documentText(p.t, baseURL, hash.Get("doc")))
	require.LessOrEqual(p.t, end, len(text))
	require.Equal(p.t, string(text[start:end]), shown, "the highlighted text is the document's from start to end")
	quotes := Eval[[]string](p, "[...document.querySelectorAll('article:first-of-type .quotes q')].map((q) => q.textContent)")
	require.Contains(p.t, quotes, shown)
	require.True(p.t, p.InView("#cited"), "the highlighted text is scrolled into view")
}

// InView reports whether the first line of an element of the reader can be seen.
func (p *Page) InView(selector string) bool {
	p.t.Helper()
	return Eval[bool](p, fmt.Sprintf(`(() => {
		const box = document.getElementById("reader-body").getBoundingClientRect();
		const line = document.querySelector(%q).getClientRects()[0];
		return line.top >= box.top - 1 && line.top <= box.bottom })()`, selector))
}

// documentText reads a document's text as the page does, without a key.
func documentText(t *testing.T, baseURL, id string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, baseURL+"/v1/files/"+url.PathEscape(id)+"/text", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

// Upload gives files with this name and content to the file picker.
func (p *Page) Upload(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), name)
	require.NoError(p.t, os.WriteFile(path, []byte(content), 0o600))
	p.Do("upload "+name, chromedp.SetUploadFiles(chromedp.CSS("#files"), []string{path}))
}

// Uploaded waits until the upload of that name is ready or failed, and says which.
func (p *Page) Uploaded(name string) string {
	p.t.Helper()
	row := fmt.Sprintf("[...document.querySelectorAll('#uploads > li')].find((li) => li.querySelector('.name').textContent === %q)", name)
	p.Until("['ready', 'failed'].includes(" + row + "?.dataset.state)")
	return Eval[string](p, row+".dataset.state")
}

// Look sets the width of the window in CSS pixels, and light or dark.
func (p *Page) Look(width int64, dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.Do("set the look", emulate(width, scheme))
}

// Screenshot writes what the window shows.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(path, png, 0o600))
}
