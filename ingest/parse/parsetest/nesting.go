package parsetest

import (
	"encoding/base64"
	"strings"
)

// nesting is deeper than any stack.
var nesting = []func(n int, _ string) File{
	func(n int, _ string) File { return File{".docx", docx(strings.Repeat("<w:sdt>", 300_000*n))} },
	func(n int, _ string) File {
		return File{".docx", docx(strings.Repeat("<w:tbl><w:tr><w:tc>", 50_000*n))}
	},
	func(n int, _ string) File { return File{".pptx", pptx(strings.Repeat("<p:grpSp>", 300_000*n))} },
	func(n int, _ string) File {
		return File{".pptx", pptx(strings.Repeat("<p:sp><p:txBody><a:p><a:r><a:t>", 50_000*n))}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx(strings.Repeat(`<row><c t="inlineStr"><is>`, 100_000*n))}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx("", "xl/sharedStrings.xml", strings.Repeat("<sst><si><r>", 100_000*n), "xl/styles.xml", strings.Repeat("<styleSheet><cellXfs>", 100_000*n))}
	},
	func(n int, _ string) File {
		return File{".odt", odf("text", strings.Repeat("<text:section>", 300_000*n))}
	},
	func(n int, _ string) File {
		return File{".ods", odf("spreadsheet", strings.Repeat("<table:table><table:table-row><table:table-cell>", 50_000*n))}
	},
	func(n int, _ string) File {
		return File{".odt", odf("text", strings.Repeat("<text:list><text:list-item>", 100*n))}
	},
	func(n int, _ string) File {
		return File{".epub", epub("<html><body>" + strings.Repeat("<div>", 300_000*n))}
	},
	func(n int, _ string) File {
		return File{".epub", epub("<p>x", "b.opf", strings.Repeat("<package>", 300_000*n))}
	},
	func(n int, _ string) File {
		return File{".html", []byte("<html>" + strings.Repeat("<table><tr><td>", 200_000*n))}
	},
	func(n int, _ string) File { return File{".json", []byte(strings.Repeat("[", 2_000_000*n))} },
	func(n int, _ string) File { return File{".json", []byte(strings.Repeat(`{"a":`, 500_000*n) + "1")} },
	func(n int, _ string) File {
		return File{".rtf", []byte(`{\rtf1` + strings.Repeat(`{`, 2_000_000*n))}
	},
	func(n int, _ string) File { return File{".md", []byte(strings.Repeat("> - ", 500_000*n) + "x")} },
	func(n int, _ string) File { return File{".md", []byte(strings.Repeat("![", 200_000*n))} },
	func(n int, _ string) File {
		var b strings.Builder
		for i := range 5000 * n {
			b.WriteString("--b" + strings.Repeat("x", i%50) + "\nContent-Type: multipart/mixed; boundary=b" + strings.Repeat("x", (i+1)%50) + "\n\n")
		}
		return File{".eml", eml("Content-Type: multipart/mixed; boundary=b", b.String())}
	},
	func(n int, _ string) File {
		raw := eml("", "the end")
		for range 4 + 2*n {
			raw = eml("Content-Type: multipart/mixed; boundary=b", "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString(raw)+"\n--b--")
		}
		return File{".eml", raw}
	},
	func(n int, _ string) File {
		return File{".msg", compound("__properties_version1.0", "x", strings.Repeat("__attach_version1.0_#0/__substg1.0_3701000D/", 100*n)+"__substg1.0_0037001E", "deep")}
	},
	func(n int, _ string) File {
		return File{".pdf", onePage("BT "+strings.Repeat("[", 500_000*n)+" TJ ET", "")}
	},
	func(n int, _ string) File {
		return File{".pdf", pdf(`<< /Type /Catalog /Pages 2 0 R /X `+strings.Repeat("<< /A ", 200_000*n)+` >>`, `<< /Type /Pages /Kids [] /Count 0 >>`)}
	},
	func(n int, _ string) File { return File{".adoc", []byte(strings.Repeat("=", 1_000_000*n) + " x\n")} },
}
