// Package webtest drives the web page in a headless Chromium, for the page's
// own tests (scripted API) and for the end-to-end test (real server).
package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Patience is how long one step may take. Real models on a slow machine need minutes.
const Patience = 3 * time.Minute

// Page is one open tab. Its methods fail the test when the page does not do
// what they wait for.
type Page struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string // what the browser complained about
}

// chromium finds the browser: $CHROMIUM, else the usual names on the PATH.
func chromium() (string, bool) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, true
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// Open starts a browser with a profile of its own and loads url. Without a
// Chromium the test is skipped; with GROUNDWORK_TEST_STRICT=1 it fails.
func Open(t *testing.T, url string) *Page {
	t.Helper()
	path, ok := chromium()
	if !ok {
		const why = "no Chromium on this machine: install the package `chromium`, or set CHROMIUM to its path"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), // each start makes a profile of its own and removes it
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(1280, 900),
	)
	p := &Page{t: t}
	alloc, stopBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopTab := chromedp.NewContext(alloc, chromedp.WithListener(p.listen))
	p.ctx = ctx
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close browser: %v", err)
		}
		stopTab()
		stopBrowser()
	})
	// The browser lives as long as the context of its first action, so this one has no timeout.
	require.NoError(t, chromedp.Do(ctx), "start Chromium")
	p.Do("load the page", chromedp.Navigate(url))
	return p
}

// listen collects what must not happen: script errors, violations of the
// content policy, dialogs that a hostile document may open, foreign requests.
func (p *Page) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.complain("exception: " + e.ExceptionDetails.Text + " " + describe(e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork { // a refused request is the page's business
			p.complain(fmt.Sprintf("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text))
		}
	case *page.EventJavascriptDialogOpening:
		p.complain("dialog: " + e.Message)
	}
}

func describe(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	return o.Description
}

func (p *Page) complain(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, what)
}

// Clean fails the test when the browser saw a script error, a violation of the
// content policy or a dialog since the page was opened.
func (p *Page) Clean() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(p.t, p.problems, "what the browser complained about")
}

// Action is one thing done in the browser.
type Action = chromedp.Action[chromedp.Void]

// Do does browser actions; what names them in the failure.
func (p *Page) Do(what string, actions ...Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v\nthe page says:\n%s", what, err, p.visibleText())
	}
}

func (p *Page) visibleText() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// Until waits for a JavaScript expression to become true.
func (p *Page) Until(expression string) {
	p.t.Helper()
	Eval[bool](p, `(async () => { while (!(`+expression+`)) await new Promise((r) => setTimeout(r, 30)); return true })()`)
}

// Eval gives the value of a JavaScript expression; a promise is awaited.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v\nthe page says:\n%s", expression, err, p.visibleText())
	}
	return out
}

// Script runs JavaScript statements.
func (p *Page) Script(statements string) {
	p.t.Helper()
	Eval[bool](p, "(() => { "+statements+"; return true })()")
}

// Text is the text content of the first element that matches a CSS selector.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Eval[string](p, fmt.Sprintf("document.querySelector(%q)?.textContent ?? '(absent)'", selector))
}

// Click clicks the first element that matches a CSS selector.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Type sends keys to the first element that matches a CSS selector.
func (p *Page) Type(selector, keys string) {
	p.t.Helper()
	p.Do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), keys))
}

// Press sends keys to whatever has the focus.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.Do("press a key", chromedp.KeyEvent(keys))
}

// Shown waits until the first element that matches a CSS selector is visible.
func (p *Page) Shown(selector string) {
	p.t.Helper()
	p.Do("wait to see "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Gone is the opposite of Shown.
func (p *Page) Gone(selector string) {
	p.t.Helper()
	p.Do("wait until gone "+selector, chromedp.WaitNotVisible(chromedp.CSS(selector)))
}

// emulate sets the width of the window and the colour scheme.
func emulate(width int64, scheme string) Action {
	media := func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}
	return chromedp.Steps(chromedp.EmulateViewport(width, 900), chromedp.Func(media))
}
