package parsetest

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
)

// lies say sizes, counts and places that are not true.
var lies = []func(n int, _ string) File{
	func(n int, _ string) File { return File{".docx", central(plainWord(), 24, uint32(1<<20*n))} }, // unpacked size
	func(n int, _ string) File { return File{".docx", central(plainWord(), 24, 0xFFFFFFF0)} },
	func(n int, _ string) File { return File{".pptx", central(pptx(""), 20, uint32(n))} },       // packed size
	func(n int, _ string) File { return File{".xlsx", central(xlsx(""), 16, 0xDEAD0000)} },      // checksum
	func(n int, _ string) File { return File{".odt", central(odf("text", ""), 42, uint32(n))} }, // place: parts lie on each other
	func(n int, _ string) File { return File{".epub", central(epub("<p>x"), 42, 0x7FFFFFFF)} },
	func(n int, _ string) File {
		raw := plainWord()
		return File{".docx", raw[:len(raw)*n/(n+1)]}
	},
	func(n int, _ string) File {
		raw := plainWord()
		binary.LittleEndian.PutUint16(raw[len(raw)-12:], 0xFFFF) // entries
		return File{".docx", raw}
	},
	func(n int, _ string) File {
		return File{".docx", docx(strings.Repeat(`<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="2147483647"/></w:tcPr><w:p/></w:tc></w:tr></w:tbl>`, 100*n))}
	},
	func(n int, _ string) File {
		return File{".pptx", pptx(`<p:graphicFrame><a:tbl><a:tr><a:tc rowSpan="99999999999999999999" gridSpan="-1"><a:txBody><a:p><a:r><a:rPr sz="-5"/><a:t>x</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>` +
			`<p:sp><p:spPr><a:xfrm><a:off x="9223372036854775807" y="-9223372036854775808"/><a:ext cx="9223372036854775807" cy="9223372036854775807"/></a:xfrm></p:spPr></p:sp>`)}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx(`<row r="2147483647"><c r="A2147483647"><v>1</v></c></row><row r="-5"><c r="ZZZZZZ1" s="99999999999" t="s"><v>99999999999</v></c></row>`)}
	},
	func(n int, _ string) File {
		return File{".xlsx", xlsx(strings.Repeat(`<row r="1"><c r="A1" t="s"><v>-1</v></c><c r="A1"><v>1e308</v></c></row>`, 1000*n))}
	},
	func(n int, _ string) File {
		return File{".ods", odf("spreadsheet", `<table:table><table:table-column table:number-columns-repeated="2147483647"/><table:table-row table:number-rows-repeated="-1"><table:table-cell table:number-columns-repeated="99999999999999999999" table:number-rows-spanned="2147483647"><text:p>x</text:p></table:table-cell></table:table-row></table:table>`)}
	},
	func(n int, _ string) File {
		return File{".pdf", pdf(`<< /Type /Catalog /Pages 2 0 R >>`, `<< /Type /Pages /Kids [] /Count `+strconv.Itoa(500_000_000*n)+` >>`)}
	},
	func(n int, _ string) File {
		return File{".pdf", bytes.Replace(onePage("BT /F1 12 Tf (x) Tj ET", ""), []byte("/Length 22"), []byte("/Length 4294967295"), 1)}
	},
	func(n int, _ string) File {
		return File{".pdf", bytes.Replace(onePage("BT /F1 12 Tf (x) Tj ET", ""), []byte("xref\n0 6"), []byte("xref\n0 99999999"), 1)}
	},
	func(n int, _ string) File {
		return File{".pdf", bytes.Replace(onePage("BT /F1 12 Tf (x) Tj ET", ""), []byte("[0 0 600 800]"), []byte("[-1e38 -1e38 1e38 1e38]"), 1)}
	},
	func(n int, _ string) File {
		return File{".rtf", []byte(`{\rtf1\bin2147483647 x\uc2147483647\u999999999 \fs-9999999999999999999999 y\par}`)}
	},
	func(n int, _ string) File { return File{".rtf", []byte(`{\rtf1 a\'zz\'g\u\bin-5 b\`)} },
	func(n int, _ string) File {
		return File{".eml", eml("Content-Type: multipart/mixed; boundary=b\nContent-Length: 99999999999", "--b\nContent-Transfer-Encoding: base64\n\n"+strings.Repeat("!!!!", 1000*n)+"\n--b\nContent-Type: text/plain; charset=nonsense\nContent-Transfer-Encoding: nonsense\n\nx\n")}
	},
	func(n int, _ string) File {
		raw := compound("__properties_version1.0", "x", "__substg1.0_1000001F", "y")
		patch(raw, directory(raw)+128+120, 0xFF, 0xFF, 0xFF, 0x7F) // size of a stream
		return File{".msg", raw}
	},
	func(n int, _ string) File {
		raw := compound("__properties_version1.0", "x")
		patch(raw, 30, 31, 0) // the size of sectors: 2^31
		return File{".msg", raw}
	},
	func(n int, _ string) File {
		raw := compound("__properties_version1.0", "x")
		patch(raw, 44, 0xFF, 0xFF, 0xFF, byte(n)) // how many tables of sectors
		patch(raw, 68, 0, 0, 0, 0)
		patch(raw, 72, 0xFF, 0xFF, 0xFF, 0x7F)
		return File{".msg", raw}
	},
	func(n int, _ string) File {
		raw := compound("__properties_version1.0", strings.Repeat("x", 5000))
		return File{".msg", raw[:len(raw)*n/(n+1)]}
	},
	func(n int, _ string) File {
		return File{".csv", []byte("sep=\n" + strings.Repeat("\"a\",\"\"\"\n", 1000*n))}
	},
	func(n int, _ string) File {
		return File{".html", []byte("<html><meta charset=utf-16><ol start=99999999999><li>x<td colspan=-1 rowspan=99999999999>")}
	},
}

func plainWord() []byte {
	return docx("<w:p><w:r><w:t>" + strings.Repeat("words ", 500) + "</w:t></w:r></w:p>")
}

// central overwrites a field of every entry in a zip file's central directory.
func central(raw []byte, at int, value uint32) []byte {
	for i := 0; i+46 < len(raw); i++ {
		if bytes.HasPrefix(raw[i:], []byte("PK\x01\x02")) {
			binary.LittleEndian.PutUint32(raw[i+at:], value)
			i += 45
		}
	}
	return raw
}
