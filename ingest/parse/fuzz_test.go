package parse_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"
	"unicode/utf8"

	"groundwork/ingest/parse"
)

// fuzz reads any bytes as one format: no panic, and what comes out keeps its promises.
func fuzz(f *testing.F, name string, wrap func(*testing.T, []byte) []byte) {
	l := limits()
	l.Text, l.Unpacked, l.Wall = 1<<16, 1<<20, time.Second
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<14 {
			t.Skip("long inputs find nothing new")
		}
		if bytes.Contains(in, []byte("%PDF-")) {
			t.Skip("the reader of PDFs belongs into a child")
		}
		data := wrap(t, in)
		text, err := parse.Document(t.Context(), data, name, "", parse.Options{Limits: l})
		if name == "a.eml" || name == "a.msg" {
			var refused *parse.Error
			if _, err := parse.Document(t.Context(), data, name, "", parse.Options{Limits: l, Enclosed: true}); err != nil && !errors.As(err, &refused) {
				t.Fatalf("taken apart: %v", err) // the names are not what they should be
			}
		}
		if err != nil {
			var e *parse.Error
			if !errors.As(err, &e) {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if len(text.Body) > l.Text || !utf8.ValidString(text.Body) || !utf8.ValidString(text.Title) {
			t.Fatalf("the text is too long or broken: %q", text.Body)
		}
		last := 0
		for _, m := range text.Marks {
			if m.Start < last || m.Start >= m.End || m.End > len(text.Body) || !utf8.ValidString(text.Body[m.Start:m.End]) {
				t.Fatalf("mark %+v in %q", m, text.Body)
			}
			last = m.Start
		}
	})
}

func same(_ *testing.T, in []byte) []byte { return in }

func seed(f *testing.F, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
}

func FuzzMarkdown(f *testing.F) {
	seed(f, "testdata/page.md")
	f.Add([]byte("a\n=\n\n| a |\n|---|\n\n> ```\n> x\n\n1. # h\n\n   | a | b |\n   |---|---|\n   | é |"))
	fuzz(f, "a.md", same)
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"\xFF\xFEa\x00", "\x00a\x00b\x00c\x00d", "k\xF6nnen", "\x96\xBC\x91O,\x94N", "\x1B$B$9$Y\x1B(B", "é\u200D\xFF"} {
		f.Add([]byte(s))
	}
	fuzz(f, "a.txt", same)
}

func FuzzHTML(f *testing.F) {
	seed(f, "testdata/page.html")
	f.Add([]byte("<html><table><tr><td rowspan=9><ul><li><h2>x<table><pre>\n"))
	fuzz(f, "a.html", func(_ *testing.T, in []byte) []byte { return append([]byte("<html>"), in...) })
}

func FuzzDOCX(f *testing.F) {
	f.Add([]byte(`<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>`))
	f.Add([]byte(`<w:sdt><w:tbl><w:ins><w:tr><w:trPr><w:del/></w:trPr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:tbl/></w:tc></w:tr></w:ins></w:tbl></w:sdt>`))
	fuzz(f, "a.docx", func(t *testing.T, in []byte) []byte { return docx(t, string(in), nil) })
}
