package parsetest

import (
	"fmt"
	"strings"
)

// bombs unpack to far more than they are.
var bombs = []func(n int, _ string) File{
	func(n int, _ string) File {
		return File{".docx", docx("<w:p><w:r><w:t>x</w:t></w:r></w:p><!--" + megabytes(60*n, " ") + "-->")}
	},
	func(n int, _ string) File {
		return File{".pptx", pptx("<p:sp><p:txBody><a:p><a:r><a:t>" + megabytes(60*n, "x") + "</a:t></a:r></a:p></p:txBody></p:sp>")}
	},
	func(n int, _ string) File {
		return File{".pptx", pptx(strings.Repeat("<p:graphicFrame><a:tbl><a:tr><a:tc/></a:tr></a:tbl></p:graphicFrame>", 100_000*n))}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx(fmt.Sprintf(`<row r="%d"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>`, 1048577-n))}
	},
	func(n int, _ string) File {
		var b strings.Builder
		for i := range 50_000 * n {
			fmt.Fprintf(&b, `<row r="%d"><c r="XFD%d"><v>1</v></c></row>`, i+1, i+1)
		}
		return File{".xlsx", xlsx(b.String())}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`, "xl/sharedStrings.xml", `<sst><si><t>`+megabytes(60*n, "x")+`</t></si></sst>`)}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx(`<row r="1"><c r="A1"><v>1</v></c></row>`, "xl/media/image1.png", megabytes(100*n, "\x00"), "xl/theme/theme1.xml", megabytes(40, " "))}
	},
	func(n int, _ string) File {
		cell := `<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell>`
		return File{".ods", odf("spreadsheet", `<table:table>`+strings.Repeat(`<table:table-row table:number-rows-repeated="1048576">`+cell+`</table:table-row>`, n)+`</table:table>`)}
	},
	func(n int, _ string) File {
		return File{".odt", odf("text", "<text:p>"+strings.Repeat(`<text:s text:c="2000000000"/>`, 100_000*n)+"</text:p>")}
	},
	func(n int, _ string) File {
		return File{".epub", epub("<html><body>" + megabytes(40*n, "<b>") + "</body></html>")}
	},
	func(n int, _ string) File {
		return File{".pdf", onePage(deflated(deflated(megabytes(60*n, " "))), "/Filter [/FlateDecode /FlateDecode]")}
	},
	func(n int, _ string) File {
		return File{".eml", attached("a.docx", docx("<!--"+megabytes(60*n, " ")+"-->"))}
	},
	func(n int, _ string) File {
		return File{".rtf", []byte(`{\rtf1 ` + strings.Repeat(`\u-10179?\tab\par `, 300_000*n) + `}`)}
	},
	func(n int, _ string) File { return File{".csv", []byte("a,b\n" + strings.Repeat("\"\n", 500_000*n))} },
	func(n int, _ string) File {
		return File{".json", []byte("[" + strings.Repeat("[],", 1_000_000*n) + "1]")}
	},
	func(n int, _ string) File {
		return File{".html", []byte("<html><table>" + strings.Repeat("<tr>"+strings.Repeat("<td rowspan=65000 colspan=1000>xxxxxxxxxxxxxxx", 300), 100*n))}
	},
	func(n int, _ string) File {
		ring := "LZFu"
		return File{".msg", compound("__properties_version1.0", "", "__substg1.0_10090102", "\xFF\xFF\xFF\x7F\xFF\xFF\xFF\x7F"+ring+"\x00\x00\x00\x00"+strings.Repeat("\xFF\x00\x0F\x00\x0F\x00\x0F\x00\x0F\x00\x0F\x00\x0F\x00\x0F\x00\x0F", 20_000*n))}
	},
	func(n int, _ string) File { return File{".rst", []byte(strings.Repeat("a\n=\nb\n-\n", 200_000*n))} },
}

// cycles lead back to where they came from.
var cycles = []func(n int, _ string) File{
	func(n int, _ string) File {
		return File{".pdf", pdf(`<< /Type /Catalog /Pages 2 0 R >>`, fmt.Sprintf(`<< /Type /Pages /Kids [%s] /Count %d >>`, strings.Repeat("3 0 R ", n), n), `<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>`)}
	},
	func(n int, _ string) File {
		return File{".pdf", pdf(`<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>`, `<< /Type /Pages /Kids [3 0 R] /Count 1 >>`, `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>`,
			`<< /First 5 0 R /Last 5 0 R >>`, `<< /Title (A) /Parent 4 0 R /Next 6 0 R /First 5 0 R /Dest [3 0 R /Fit] >>`, `<< /Title (B) /Next 5 0 R /First 4 0 R >>`)}
	},
	func(n int, _ string) File {
		return File{".pdf", onePage("/X Do", "", `<< /Type /XObject /Subtype /Form /BBox [0 0 100 100] /Length 5 /Resources << /XObject << /X 6 0 R >> >> >>`+"\nstream\n/X Do\nendstream")}
	},
	func(n int, _ string) File {
		return File{".docx", docx(`<w:p><w:pPr><w:pStyle w:val="a"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>`, "word/styles.xml",
			`<w:styles `+wordNames+`><w:style w:type="paragraph" w:styleId="a"><w:basedOn w:val="b"/></w:style><w:style w:type="paragraph" w:styleId="b"><w:basedOn w:val="a"/></w:style></w:styles>`)}
	},
	func(n int, _ string) File {
		return File{".docx", docx(strings.Repeat(`<w:p><w:r><w:footnoteReference w:id="1"/></w:r></w:p>`, n), "word/footnotes.xml", `<w:footnotes `+wordNames+`><w:footnote w:id="1"><w:p><w:r><w:t>x</w:t><w:footnoteReference w:id="1"/></w:r></w:p></w:footnote></w:footnotes>`)}
	},
	func(n int, _ string) File {
		return File{".pptx", pptx(strings.Repeat(`<p:graphicFrame><c:chart xmlns:c="c" r:id="me"/></p:graphicFrame>`, n), "ppt/slides/_rels/slide1.xml.rels",
			relations(relation("me", "chart", "slide1.xml"), relation("n", "notesSlide", "slide1.xml")))}
	},
	func(n int, _ string) File {
		return File{".pptx", pack("_rels/.rels", relations(relation("r", "officeDocument", "ppt/presentation.xml")), "ppt/presentation.xml",
			`<p:presentation `+slideNames+`><p:sldIdLst>`+strings.Repeat(`<p:sldId r:id="s"/>`, 100*n)+`</p:sldIdLst></p:presentation>`, "ppt/_rels/presentation.xml.rels", relations(relation("s", "slide", "presentation.xml")))}
	},
	func(n int, _ string) File {
		return File{".epub", pack("META-INF/container.xml", `<container><rootfile full-path="b.opf"/></container>`,
			"b.opf", `<package><manifest><item id="a" href="b.opf"/><item id="c" href="META-INF/container.xml"/></manifest><spine>`+strings.Repeat(`<itemref idref="a"/><itemref idref="c"/>`, 100*n)+`</spine></package>`)}
	},
	func(n int, _ string) File {
		return File{".eml", eml("Content-Type: multipart/mixed; boundary=b", strings.Repeat("--b\nContent-Type: multipart/mixed; boundary=b\n\n", 20*n)+"--b\n\ntext\n")}
	},
	func(n int, _ string) File {
		raw := compound("__properties_version1.0", "x", "a", "b")
		patch(raw, directory(raw)+128+68, 1, 0, 0, 0) // left of an entry: itself
		return File{".msg", raw}
	},
	func(n int, _ string) File {
		raw := compound("__properties_version1.0", strings.Repeat("x", 10_000*n))
		patch(raw, 512+4, 1, 0, 0, 0) // the chain of a sector: itself
		return File{".msg", raw}
	},
	func(n int, _ string) File {
		raw := compound("__properties_version1.0", "x")
		patch(raw, directory(raw)+76, 0, 0, 0, 0) // child of the root: the root
		return File{".msg", raw}
	},
	func(n int, _ string) File {
		return File{".rtf", []byte(`{\rtf1{\stylesheet{\s1\sbasedon2 a;}{\s2\sbasedon1 b;}}\pard\s1 x\par}`)}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx(`<row r="1"><c r="A1"><f>A1</f></c></row>`, "xl/worksheets/_rels/sheet1.xml.rels", relations(relation("me", "worksheet", "sheet1.xml")))}
	},
}

// patch writes bytes over others.
func patch(raw []byte, at int, with ...byte) { copy(raw[min(at, len(raw)):], with) }
