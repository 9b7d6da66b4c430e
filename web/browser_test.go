package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"groundwork/web/webtest"
)

const ready = "!document.getElementById('ask').disabled"

// open loads the page of a fresh scripted server and waits until it can be asked.
func open(t *testing.T) (*fake, *webtest.Page) {
	t.Helper()
	f := newFake(t)
	p := webtest.Open(t, f.URL)
	p.Until(ready)
	return f, p
}

func TestWalk(t *testing.T) {
	t.Parallel()
	webtest.Walk(t, newFake(t).URL, "handbook", "How much leave?")
}

func TestAnswerShowsWhatWasChecked(t *testing.T) {
	t.Parallel()
	f, p := open(t)
	p.Ask("How much leave?")
	p.Answered("done")
	require.Equal(t, "You have 28 days 🎉 a year1.", p.Text("article .answer li:nth-child(1)"), "the model's own mark becomes the marker; asterisks become bold")
	require.Equal(t, "28 days", p.Text("article .answer strong"))
	require.Equal(t, "Five days carry over until 31 March.2≈", p.Text("article .answer li:nth-child(2)"))
	require.Equal(t, "Source 2, people/leave.md. Partly supported.", webtest.Eval[string](p, "document.querySelectorAll('.cite')[1].getAttribute('aria-label')"))
	require.Equal(t, "Leave is paid in gold.", p.Text("article .answer .unsupported"))
	require.Contains(t, p.Text("article .answer .warn"), "not backed by the documents")
	require.Contains(t, p.Text("article .verdict-line"), "1 sentence not backed")
	require.Contains(t, p.Text("article .timings"), "first word after")
	require.Empty(t, webtest.Eval[string](p, "document.getElementById('question').value"), "the field is empty for the next question")
	p.CheckCitation(f.URL, 0)
	require.Equal(t, quoteDays, p.Text("#cited"))
	p.CheckCitation(f.URL, 1)
	require.Equal(t, quoteCarry, p.Text("#cited"), "offsets count code points, not UTF-16 units")
	require.Equal(t, "people/leave.md", p.Text("#reader-title"))
	require.Equal(t, "Leave › Carry-over › page 3", p.Text("#reader-place"))
	require.Equal(t, leave, p.Text("#reader .text"), "the text is shown whole and as it is")
	p.Press(kb.Escape)
	p.Gone("#reader")
	require.True(t, webtest.Eval[bool](p, "document.activeElement.classList.contains('cite')"), "focus goes back to the marker")
	p.Clean()
}

func TestAnAnswerTellsWhyItHasItsPassages(t *testing.T) {
	t.Parallel()
	_, p := open(t)
	p.Ask("How much leave?")
	p.Answered("done")
	require.Equal(t, "(absent)", p.Text("article .why table"), "nothing is asked before the panel is opened")
	p.Script("document.querySelector('article .why summary').click()")
	p.Until("document.querySelector('article .why table')")
	rows := p.Text("article .why tbody")
	require.Contains(t, rows, "#1 0.71")
	require.Contains(t, rows, "people/leave.md Leave")
	require.Contains(t, rows, "left out: says the same as a better one")
	require.Contains(t, p.Text("article .why"), "Evidence 0.71, needed 0.65: enough to answer.")
	require.Contains(t, p.Text("article .why pre"), hostile)
	require.Contains(t, p.Text("article .why"), "qwen:1.5b · Q4_K_M · bge · index 7 · answer-2 · v1")
	p.Clean()
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	f, p := open(t)
	p.Ask("hostile")
	p.Answered("done")
	require.Contains(t, p.Text("article .answer"), hostile)
	p.CheckCitation(f.URL, 0)
	require.Contains(t, p.Text("#reader .text"), hostile)
	require.Equal(t, "Groundwork", webtest.Eval[string](p, "document.title"), "no script of a document or a model ran")
	require.Zero(t, webtest.Eval[int](p, "document.querySelectorAll('main img, main script, #reader img, #reader script').length"))
	p.Clean()
	require.Contains(t, webtest.Eval[string](p, "(() => { try { document.body.innerHTML = '<b>'; return 'let in' } catch (e) { return e.message } })()"),
		"TrustedHTML", "assigning HTML is refused by the policy")
}

func TestAbstentionSaysWhatWasLookedFor(t *testing.T) {
	t.Parallel()
	_, p := open(t)
	p.Ask("abstain")
	p.Answered("abstained")
	answer := p.Text("article .answer")
	require.Contains(t, answer, "Not found in the documents")
	require.Contains(t, answer, "The documents do not say.")
	require.Contains(t, answer, "Looked for: pet insurance")
	require.Contains(t, p.Text("article .sources"), "Nearest passages")
	p.Click("article .sources button")
	p.Shown("#cited")
	require.Equal(t, quoteCarry, p.Text("#cited"))
	p.Clean()
}

func TestCutAnswersNeverLookComplete(t *testing.T) {
	t.Parallel()
	_, p := open(t)
	for question, code := range map[string]string{"error": "unavailable", "cut": "stream_cut"} {
		p.Ask(question)
		p.Answered("failed")
		require.Equal(t, "You have 28", p.Text("article .answer"), "what came stays")
		require.Contains(t, p.Text("article .after"), "This answer is incomplete")
		require.Contains(t, p.Text("article .after"), code)
	}
	p.Ask("refuse")
	p.Answered("failed")
	require.Contains(t, p.Text("article .after"), "Wait a minute and ask again.")
	p.Clean()
}

func TestStopHangsUp(t *testing.T) {
	t.Parallel()
	f, p := open(t)
	p.Ask("wait")
	p.Until("document.querySelector('article .answer').textContent === 'You have'")
	require.Contains(t, p.Text("article .sources"), "people/leave.md", "sources are shown before the answer is done")
	p.Click("#stop")
	p.Answered("stopped")
	<-f.hungUp
	require.Contains(t, p.Text("article .after"), "incomplete")
	p.Clean()
}

func TestFollowUpSendsTheConversation(t *testing.T) {
	t.Parallel()
	f, p := open(t)
	p.Ask("How much leave?")
	p.Answered("done")
	p.Ask("And sick days?")
	p.Answered("done")
	p.Click("#follow")
	p.Ask("Until when?")
	p.Answered("done")
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Equal(t, []object{
		{"model": "qwen:1.5b@handbook", "messages": 1, "question": "How much leave?"},
		{"model": "qwen:1.5b@handbook", "messages": 1, "question": "And sick days?"},
		{"model": "qwen:1.5b@handbook", "messages": 3, "question": "Until when?"},
	}, f.asked)
}

func TestUploads(t *testing.T) {
	t.Parallel()
	f, p := open(t)
	p.Until("document.querySelector('#document-list button')?.textContent === 'people/leave.md'")
	f.mu.Lock()
	f.busy = 1
	f.mu.Unlock()
	p.Upload("good.md", "text")
	p.Upload("broken.pdf", "scan")
	require.Equal(t, "ready", p.Uploaded("good.md"), "a full queue is asked again")
	require.Equal(t, "failed", p.Uploaded("broken.pdf"))
	require.Contains(t, p.Text("#uploads [data-state=failed]"), "Run text recognition on it")
	require.Contains(t, p.Text("#uploads [data-state=failed]"), "no_text")
	p.Click("#uploads [data-state=ready] button")
	p.Shown("#reader .text")
	p.Clean()
}

func TestAttachmentsAreListedWithTheirMail(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.annex = true
	p := webtest.Open(t, f.URL)
	p.Until("document.querySelector('#document-list li:nth-child(2) .name')?.textContent === 'annex.csv in people/leave.md'")
	p.Clean()
}

func TestFailedDocumentsAreTriedAgain(t *testing.T) {
	t.Parallel()
	_, p := open(t)
	p.Until("document.getElementById('documents-states').textContent === '1 document: 1 ready'")
	require.True(t, webtest.Eval[bool](p, "document.getElementById('retry-failed').hidden"))
	for _, name := range []string{"broken1.pdf", "broken2.pdf", "broken3.pdf"} {
		p.Upload(name, "scan")
		require.Equal(t, "failed", p.Uploaded(name))
	}
	p.Until("document.getElementById('documents-states').textContent === '4 documents: 1 ready, 3 failed'")
	p.Script("document.querySelector('#uploads [data-state=failed] .detail button').click()")
	p.Until("document.querySelectorAll('#uploads [data-state=ready]').length === 1")
	require.Equal(t, "(absent)", p.Text("#uploads [data-state=ready] .detail code"), "why it failed is past")
	p.Until("document.getElementById('documents-states').textContent === '4 documents: 2 ready, 2 failed'")
	p.Click("#retry-failed")
	p.Until("document.querySelectorAll('#uploads [data-state=ready]').length === 3")
	p.Until("document.getElementById('documents-states').textContent === '4 documents: 4 ready'")
	p.Gone("#retry-failed")
	p.Clean()
}

func TestKeyIsAskedFor(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.key = "gw_right"
	p := webtest.Open(t, f.URL)
	p.Type("#key", "gw_wrong"+kb.Enter)
	p.Until("document.getElementById('key-title').textContent.includes('not accepted')")
	p.Type("#key", "gw_right"+kb.Enter)
	p.Until(ready)
	require.Equal(t, "gw_right", webtest.Eval[string](p, "sessionStorage.getItem('groundwork-key')"))
	require.Zero(t, webtest.Eval[int](p, "localStorage.length"))
	p.Ask("How much leave?")
	p.Answered("done")
	p.Clean()
}

func TestAddressOpensADocument(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := webtest.Open(t, f.URL+"/#doc=file-leave&start=2&end=7")
	p.Shown("#cited")
	require.Equal(t, string([]rune(leave)[2:7]), p.Text("#cited"))
	require.Equal(t, "people/leave.md", p.Text("#reader-title"))
	p.Clean()
}

func TestLongDocumentsOpenAtTheQuote(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	start, end := span(long, quoteCarry)
	p := webtest.Open(t, fmt.Sprintf("%s/#doc=file-long&start=%d&end=%d", f.URL, start, end))
	p.Shown("#cited")
	require.Equal(t, quoteCarry, p.Text("#cited"))
	require.True(t, p.InView("#cited"))
	require.Less(t, webtest.Eval[int](p, "document.querySelector('#reader .text').textContent.length"), 60000, "not all of it at once")
	p.Click("#reader-body > button")
	p.Click("#reader-body > button")
	require.Equal(t, long, p.Text("#reader .text"))
	p.Clean()
}

func TestMissingDocumentSaysSo(t *testing.T) {
	t.Parallel()
	p := webtest.Open(t, newFake(t).URL+"/#doc=file-gone&start=2&end=7")
	p.Shown("#reader [role=alert]")
	require.Contains(t, p.Text("#reader [role=alert]"), "List the files with GET /v1/files.")
	require.Contains(t, p.Text("#reader [role=alert]"), "not_found")
}

func TestDroppedFilesAreUploaded(t *testing.T) {
	t.Parallel()
	_, p := open(t)
	p.Until("document.querySelector('#document-list button')")
	p.Script(`const data = new DataTransfer();
		data.items.add(new File(["one"], "one.md"));
		data.items.add(new File(["two"], "two.md"));
		document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }))`)
	require.Equal(t, "ready", p.Uploaded("one.md"))
	require.Equal(t, "ready", p.Uploaded("two.md"))
	require.Equal(t, "3", p.Text("#documents-count"))
	p.Clean()
}

func TestNewStoreIsMadeByAnUpload(t *testing.T) {
	t.Parallel()
	f, p := open(t)
	p.Script("document.getElementById('store').value = [...document.querySelectorAll('#store option')].at(-1).value")
	p.Script("document.getElementById('store').dispatchEvent(new Event('change'))")
	p.Shown("#new-store")
	require.True(t, webtest.Eval[bool](p, "document.getElementById('ask').disabled"), "there is nothing to ask yet")
	p.Script("document.getElementById('new-store').value = 'contracts'")
	p.Upload("lease.md", "text")
	require.Equal(t, "ready", p.Uploaded("lease.md"))
	require.Equal(t, "contracts", webtest.Eval[string](p, "document.querySelector('#store option:checked').textContent"))
	p.Until(ready)
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Equal(t, []string{"handbook", "empty", "contracts"}, f.names)
	require.Equal(t, 1, webtest.Eval[int](p, "document.querySelectorAll('#documents .files > li').length"), "it is listed once")
}

// Nothing sticks out, everything has a name and enough contrast: light, dark
// and narrow. With GROUNDWORK_SCREENSHOTS set to a folder, pictures for the eye go there.
func TestLooks(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("GROUNDWORK_SCREENSHOTS")
	f, p := open(t)
	p.Ask("abstain")
	p.Answered("abstained")
	p.Ask("How much leave can be carried over to the next year?")
	p.Answered("done")
	p.Upload("broken.pdf", "scan")
	p.Uploaded("broken.pdf")
	shoot := func(name string) {
		for _, look := range []struct {
			name  string
			width int64
			dark  bool
		}{{"light", 1280, false}, {"dark", 1280, true}, {"narrow", 360, false}} {
			p.Look(look.width, look.dark)
			if dir != "" {
				p.Screenshot(filepath.Join(dir, name+"-"+look.name+".png"))
			}
			require.LessOrEqual(t, webtest.Eval[int](p, "document.documentElement.scrollWidth - innerWidth"), 0, "nothing sticks out sideways")
			require.Empty(t, p.Barriers(), "%s %s", name, look.name)
		}
	}
	shoot("page")
	p.CheckCitation(f.URL, 1)
	shoot("reader")
	p.Clean()
}
