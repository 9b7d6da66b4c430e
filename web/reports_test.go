package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"groundwork/web/webtest"
)

func (f *fake) comparisons(w http.ResponseWriter, _ *http.Request) {
	setup := object{"model": "qwen:1.5b", "adapter": "acme", "store": "handbook", "questions_file": "q.jsonl"}
	write(w, object{"object": "list", "has_more": false, "data": []object{
		{"id": "c2", "setup": object{"model": hostile, "store": "empty", "questions_file": "q.jsonl"}, "started": "2026-11-27T12:00:00Z"},
		{"id": "c1", "setup": setup, "started": "2026-11-26T12:00:00Z", "finished": "2026-11-26T13:00:00Z"},
	}})
}

func (f *fake) comparison(w http.ResponseWriter, _ *http.Request) {
	rate := func(n int) object { return object{"n": n, "of": 10, "low": 0.3, "high": 0.94} }
	cell := func(name string, n int) object {
		return object{"name": name, "figures": object{"score": rate(n), "right": rate(n), "false_answers": rate(10 - n), "total_ms": object{"p95": 4200}}}
	}
	write(w, object{"cells": []object{cell("base", 1), cell("base@S", 8)}, "errors": []string{"question q3: other passages"}, "missing": []string{"Documents with hidden instructions: they were not tried."},
		"verdicts": []object{{"cell": "base", "verdict": "no-go"}, {"cell": "base@S", "verdict": "go, not certain"}}})
}

func TestReportsPage(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("GROUNDWORK_SCREENSHOTS")
	p := webtest.Open(t, newFake(t).URL+"/reports")
	p.Shown("#comparison-c1 button")
	require.Equal(t, "qwen:1.5b and +acme over handbook", p.Text("#comparison-c1 h2"))
	require.Equal(t, hostile+" over empty", p.Text("#comparison-c2 h2"))
	require.Contains(t, p.Text("#comparison-c2"), "Not finished")
	p.Click("#comparison-c1 button")
	p.Shown("#comparison-c1 table")
	require.Equal(t, "base@S80 % (30–94)80 %20 %4.2go, not certain", p.Text("#comparison-c1 tbody tr:nth-child(2)"))
	require.Contains(t, p.Text("#comparison-c1 .error"), "other passages")
	for _, width := range []int64{1280, 390} {
		p.Look(width, width == 390)
		require.LessOrEqual(t, webtest.Eval[int](p, "document.documentElement.scrollWidth - innerWidth"), 0, "nothing sticks out sideways")
		require.Empty(t, p.Barriers())
		if dir != "" && width == 390 {
			p.Screenshot(filepath.Join(dir, "reports.png"))
		}
	}
	require.Equal(t, "comparison-c1.html", webtest.Eval[string](p, `new Promise((done) => {
		HTMLAnchorElement.prototype.click = function () { done(this.download) };
		document.querySelector("#comparison-c1 .quiet").click();
	})`))
	p.Clean()
}

func TestReportsPageAsksForAKey(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.key = "gw_right"
	p := webtest.Open(t, f.URL+"/reports")
	p.Type("#key", "gw_wrong"+kb.Enter)
	p.Until("document.getElementById('key-title').textContent.includes('may not see')")
	p.Type("#key", "gw_right"+kb.Enter)
	p.Shown("#comparison-c1 button")
	p.Clean()
}
