package parse_test

import (
	"errors"
	"strings"
	"testing"

	"groundwork/ingest/parse"
	"groundwork/ingest/parse/parsetest"
)

// The readers of packed formats get bytes in place of the XML that matters.

func FuzzPPTX(f *testing.F) {
	f.Add([]byte(box(`<p:ph type="title"/>`, "", "Goals") + `<p:graphicFrame><a:tbl><a:tr><a:tc vMerge="1"/></a:tr></a:tbl></p:graphicFrame>`))
	fuzz(f, "a.pptx", func(t *testing.T, in []byte) []byte { return pptx(t, []string{string(in)}, nil) })
}

func FuzzODT(f *testing.F) {
	f.Add([]byte(`<text:h text:outline-level="1">A</text:h><text:list><text:list-item><text:p>x<text:s text:c="3"/></text:p></text:list-item></text:list>`))
	fuzz(f, "a.odt", func(t *testing.T, in []byte) []byte { return odf(t, "text", "", string(in), nil) })
}

func FuzzODS(f *testing.F) {
	f.Add([]byte(`<table:table><table:table-column table:number-columns-repeated="3"/><table:table-row table:number-rows-repeated="9"><table:table-cell table:number-rows-spanned="2"><text:p>x</text:p></table:table-cell></table:table-row></table:table>`))
	fuzz(f, "a.ods", func(t *testing.T, in []byte) []byte { return odf(t, "spreadsheet", "", string(in), nil) })
}

func FuzzEPUB(f *testing.F) {
	f.Add([]byte(`<package><manifest><item id="a" href="text/one.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>`))
	fuzz(f, "a.epub", func(t *testing.T, in []byte) []byte { return book(t, map[string]string{"OEBPS/book.opf": string(in)}) })
}

func FuzzXLSX(f *testing.F) {
	f.Add([]byte(`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>`), []byte(`<sst><si><t>x</t></si></sst>`))
	l := limits()
	l.Text, l.Unpacked, l.Cells = 1<<16, 1<<20, 10_000
	f.Fuzz(func(t *testing.T, sheet, words []byte) {
		if len(sheet)+len(words) > 1<<14 {
			t.Skip("long inputs find nothing new")
		}
		data := parsetest.Workbook(string(sheet), string(words))
		if _, err := parse.Document(t.Context(), data, "a.xlsx", "", parse.Options{Limits: l}); err != nil {
			var e *parse.Error
			if !errors.As(err, &e) {
				t.Fatalf("an error without a code: %v", err)
			}
		}
	})
}

func FuzzEML(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/html; charset=utf-7\n\n<p>x\n--b--"))
	f.Add([]byte("Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: quoted-printable\n\n=1B$B=\n"))
	fuzz(f, "a.eml", func(_ *testing.T, in []byte) []byte { return append([]byte("From: a\nSubject: b\n"), in...) })
}

func FuzzMSG(f *testing.F) {
	for i := range parsetest.PerClass {
		if file := parsetest.Hostile("lies", i, "/x"); len(file.Data) < 1<<14 && strings.HasSuffix(file.Name, ".msg") {
			f.Add(file.Data)
		}
	}
	f.Add(parsetest.Compound(map[string][]byte{"__properties_version1.0": make([]byte, 64), "__substg1.0_1000001E": []byte("x"), "__attach_version1.0_#0/__substg1.0_3701000D/__substg1.0_0037001E": []byte("x")}))
	fuzz(f, "a.msg", same)
}

func FuzzPackedRTF(f *testing.F) {
	f.Add([]byte("\x00\x01{\\rtf1 x}"))
	fuzz(f, "a.msg", func(_ *testing.T, in []byte) []byte {
		packed := append([]byte("\xFF\xFF\x00\x00\xFF\xFF\x00\x00LZFu\x00\x00\x00\x00"), in...)
		return parsetest.Compound(map[string][]byte{"__properties_version1.0": nil, "__substg1.0_10090102": packed})
	})
}

func FuzzRTF(f *testing.F) {
	f.Add([]byte(`{\fonttbl{\f0\fcharset204 x;}}{\stylesheet{\s1 heading 1;}}\pard\s1 x\par\trowd\intbl a\cell b\cell\row{\*\x y}\'e4\u-10179?\bin3 }}}`))
	fuzz(f, "a.rtf", func(_ *testing.T, in []byte) []byte { return append([]byte(`{\rtf1`), in...) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a;b\n\"x\n\"\"y\";2\n"))
	f.Add([]byte("sep=\t\na\tb\n1\t2\n"))
	fuzz(f, "a.csv", same)
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a": {"b": [1, "\u00e9{"]}}`))
	f.Add([]byte("{\"a\":\n{\n\"b\": [\n{}]}}"))
	fuzz(f, "a.json", same)
}

func FuzzAsciiDoc(f *testing.F) {
	seed(f, "testdata/page.adoc")
	fuzz(f, "a.adoc", same)
}

func FuzzRST(f *testing.F) {
	seed(f, "testdata/page.rst")
	f.Add([]byte("::\n\n x\n===\nA\n===\n"))
	fuzz(f, "a.rst", same)
}

// FuzzDetect takes any bytes under any name; what is read then is up to them.
func FuzzDetect(f *testing.F) {
	f.Add([]byte("PK\x03\x04"), "a.docx", "")
	f.Add([]byte("From: x\n"), "a", "message/rfc822")
	f.Fuzz(func(t *testing.T, in []byte, name, mediaType string) {
		format, err := parse.Detect(in, name, mediaType)
		var e *parse.Error
		if err != nil && !errors.As(err, &e) || err == nil && format == "" {
			t.Fatalf("%q, %v", format, err)
		}
	})
}

// FuzzPDF reads in the child, which a hang or a fault of the reader may kill.
func FuzzPDF(f *testing.F) {
	f.Add(onePage("BT /F1 12 Tf 72 700 Td (Hello) Tj ET", ""))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<14 {
			t.Skip("long inputs find nothing new")
		}
		_, err := shared.Parse(t.Context(), "a.pdf", "", file(t, append([]byte("%PDF-1.4\n"), in...)))
		var e *parse.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error without a code: %v", err)
		}
	})
}
