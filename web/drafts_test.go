package web_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"groundwork/web/webtest"
)

// desk is the fake's set of drafts: two that nobody has looked at.
func (f *fake) desk(mux *http.ServeMux) {
	shown := []object{{"path": "people/leave.md", "quote": hostile}}
	drafts := []object{
		{"id": "lookup-1", "question": hostile, "answer": "Five days.", "gold": []object{}, "type": "lookup", "must_contain": []string{"five|5"}, "status": "draft", "unanswerable": false, "provenance": object{"model": "m", "shown": shown}},
		{"id": "unanswerable-2", "question": "Which colour?", "answer": "The documents do not say.", "gold": []object{}, "type": "unanswerable", "must_contain": []string{}, "status": "draft", "unanswerable": true, "provenance": object{"model": "m", "shown": shown}},
	}
	mux.HandleFunc("GET /v1/drafts", func(w http.ResponseWriter, _ *http.Request) {
		write(w, object{"object": "list", "has_more": false, "data": []object{{"id": "handbook", "object": "groundwork.drafts", "counts": object{}}}})
	})
	mux.HandleFunc("GET /v1/drafts/handbook", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		write(w, object{"object": "list", "has_more": false, "data": drafts})
	})
	mux.HandleFunc("POST /v1/drafts/handbook/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		var edit object
		if err := json.NewDecoder(r.Body).Decode(&edit); err != nil || edit["answer"] == "" {
			refuse(w, http.StatusBadRequest, "invalid_request", "This would be no question that can be scored.")
			return
		}
		for i := range drafts {
			if drafts[i]["id"] == r.PathValue("id") {
				for name, v := range edit {
					drafts[i][name] = v
				}
				write(w, drafts[i])
			}
		}
	})
}

func TestDraftsPage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.key = "gw_right"
	p := webtest.Open(t, f.URL+"/drafts")
	p.Type("#key", "gw_wrong"+kb.Enter)
	p.Until("document.getElementById('key-title').textContent.includes('may not see')")
	p.Type("#key", "gw_right"+kb.Enter)
	p.Shown("#draft-lookup-1 button")
	require.Equal(t, hostile, webtest.Eval[string](p, `document.querySelector("#draft-lookup-1 textarea").value`))
	require.Equal(t, hostile, p.Text("#draft-lookup-1 q"))
	for _, width := range []int64{1280, 390} {
		p.Look(width, width == 390)
		require.LessOrEqual(t, webtest.Eval[int](p, "document.documentElement.scrollWidth - innerWidth"), 0, "nothing sticks out sideways")
		require.Empty(t, p.Barriers())
	}
	p.Script(`document.querySelectorAll("#draft-lookup-1 textarea")[1].value = ""`)
	p.Click("#draft-lookup-1 button")
	p.Until(`document.querySelector("#draft-lookup-1 .error").textContent.includes("no question")`)
	p.Script(`document.querySelectorAll("#draft-lookup-1 textarea")[0].value = "How many days?"; document.querySelectorAll("#draft-lookup-1 textarea")[1].value = "5 days"`)
	p.Click("#draft-lookup-1 button")
	p.Until(`!document.getElementById("draft-lookup-1")`)
	p.Click("#draft-unanswerable-2 .row .quiet")
	p.Until(`document.getElementById("counts").textContent === "1 accepted, 1 dropped, 0 not looked at"`)

	p = webtest.Open(t, f.URL+"/drafts") // what was decided is kept
	p.Type("#key", "gw_right"+kb.Enter)
	p.Shown("#choice")
	p.Script(`const s = document.getElementById("status"); s.value = "accepted"; s.dispatchEvent(new Event("change"))`)
	p.Shown("#draft-lookup-1")
	require.Equal(t, "How many days?", webtest.Eval[string](p, `document.querySelector("#draft-lookup-1 textarea").value`))
	p.Clean()
}
