package parsetest

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// doctype asks for a file, in each of the ways there are.
func doctype(root, secret string, n int) string {
	ways := []string{
		`<!ENTITY x SYSTEM "file://` + secret + `">`, `<!ENTITY % p SYSTEM "file://` + secret + `"> %p;`,
		`<!ENTITY x PUBLIC "any" "http://127.0.0.1:9/` + secret + `">`, `<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;"><!ENTITY z "&y;&y;&y;&y;">`,
	}
	return `<?xml version="1.0"?><!DOCTYPE ` + root + ` [` + ways[n%len(ways)] + `]>`
}

// entities ask the reader for what lies outside.
var entities = []func(n int, secret string) File{
	func(n int, s string) File {
		return File{".docx", pack("word/document.xml", doctype("d", s, n)+`<w:document `+wordNames+`><w:body><w:p><w:r><w:t>&x;</w:t></w:r></w:p></w:body></w:document>`)}
	},
	func(n int, s string) File {
		return File{".docx", docx(`<w:p><w:r><w:t>x</w:t><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://`+s+`" parse="text"/></w:r></w:p><w:altChunk r:id="a"/>`,
			"word/_rels/document.xml.rels", relations(`<Relationship Id="a" Type="x/aFChunk" TargetMode="External" Target="file://`+s+`"/>`))}
	},
	func(n int, s string) File {
		return File{".docx", docx(`<w:p><w:r><w:t>x</w:t><w:instrText>INCLUDETEXT "` + s + `"</w:instrText></w:r></w:p>`)}
	},
	func(n int, s string) File {
		return File{".pptx", pptx("", "ppt/slides/slide1.xml", doctype("p", s, n)+`<p:sld `+slideNames+`><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>&x;</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>`)}
	},
	func(n int, s string) File {
		return File{".pptx", pptx(`<p:graphicFrame><c:chart xmlns:c="c" r:id="e"/></p:graphicFrame>`, "ppt/slides/_rels/slide1.xml.rels", relations(relation("e", "chart", "file://"+s), relation("n", "notesSlide", "../../../../../../../../.."+s)))}
	},
	func(n int, s string) File {
		return File{".xlsx", xlsx(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`, "xl/sharedStrings.xml", doctype("sst", s, n)+`<sst><si><t>&x;</t></si></sst>`)}
	},
	func(n int, s string) File {
		return File{".xlsx", xlsx(`<row r="1"><c r="A1"><f>'file://`+s+`'!A1</f><v>1</v></c></row>`, "xl/externalLinks/externalLink1.xml", `<externalLink><externalBook r:id="a"/></externalLink>`)}
	},
	func(n int, s string) File {
		return File{".odt", odf("text", "", "content.xml", doctype("o", s, n)+`<office:document-content `+odfNames+`><office:body><office:text><text:p>&x;</text:p></office:text></office:body></office:document-content>`)}
	},
	func(n int, s string) File {
		return File{".odt", odf("text", `<text:section><text:section-source xlink:href="file://`+s+`"/></text:section><text:p><draw:object xlink:href="`+s+`"/>x</text:p>`)}
	},
	func(n int, s string) File {
		return File{".epub", epub(doctype("html", s, n) + `<html><body><p>&x; and &z; words</p></body></html>`)}
	},
	func(n int, s string) File {
		return File{".epub", epub("<p>x", "b.opf", doctype("package", s, n)+`<package><metadata><title>&x;</title></metadata><manifest><item id="a" href="file://`+s+`"/></manifest><spine><itemref idref="a"/></spine></package>`)}
	},
	func(n int, s string) File {
		return File{".html", []byte(`<html><body><p>x</p><iframe src="file://` + s + `"></iframe><object data="` + s + `"></object><link rel=import href="` + s + `"><!--#include virtual="` + s + `" --></body></html>`)}
	},
	func(n int, s string) File {
		return File{".md", []byte("![x](file://" + s + ")\n\n{% include \"" + s + "\" %}\n")}
	},
	func(n int, s string) File {
		return File{".rst", []byte(".. include:: " + s + "\n\n.. raw:: html\n   :file: " + s + "\n\ntext\n")}
	},
	func(n int, s string) File { return File{".adoc", []byte("include::" + s + "[]\n\ntext\n")} },
	func(n int, s string) File { return File{".json", []byte(`{"$ref": "file://` + s + `", "a": 1}`)} },
	func(n int, s string) File {
		return File{".rtf", []byte(`{\rtf1 x{\field{\*\fldinst INCLUDETEXT "` + s + `"}{\fldrslt y}}{\object\objlink{\*\objdata ` + s + `}}}`)}
	},
	func(n int, s string) File {
		return File{".eml", eml("Content-Type: multipart/mixed; boundary=b", "--b\n\nx\n--b\nContent-Type: message/external-body; access-type=local-file; name=\""+s+"\"\n\nContent-Type: text/plain\n\n--b--")}
	},
	func(n int, s string) File {
		return File{".pdf", onePage("BT /F1 12 Tf 72 700 Td (x) Tj ET", "", `<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Ref << /F (`+s+`) /Page 0 >> /Length 0 /F (`+s+`) >>`+"\nstream\n\nendstream")}
	},
	func(n int, s string) File {
		return File{".csv", []byte("a,b\n=IMPORTDATA(\"file://" + s + "\"),=cmd|' /C cat " + s + "'!A0\n1,2\n")}
	},
}

// outside are names that lead out of an archive.
func outside(secret string, n int) string {
	names := []string{strings.Repeat("../", 12) + secret[1:], secret, `..\..\..\..\..\..` + strings.ReplaceAll(secret, "/", `\`), `C:\windows\system.ini`, "a\x00b", strings.Repeat("n", 60_000),
		"\u202Efdp.x", "CON", "./././word/../word/document.xml", "word/document.xml/", "//" + secret, "%2e%2e%2f" + secret}
	return names[n%len(names)]
}

// paths have names that lead elsewhere.
var paths = []func(n int, secret string) File{
	func(n int, s string) File {
		return File{".docx", docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>", outside(s, n), "bad")}
	},
	func(n int, s string) File {
		return File{".docx", packAll(outside(s, n+3), "x", "word/document.xml", "<w:document/>", "word/document.xml", `<w:document `+wordNames+`><w:body><w:p><w:r><w:t>twice</w:t></w:r></w:p></w:body></w:document>`)}
	},
	func(n int, s string) File {
		return File{".docx", pack("_rels/.rels", relations(relation("r", "officeDocument", outside(s, n-1))), "word/other.xml", "<w/>")}
	},
	func(n int, s string) File {
		return File{".pptx", pptx("", "ppt/_rels/presentation.xml.rels", relations(relation("s1", "slide", outside(s, n-1))))}
	},
	func(n int, s string) File {
		return File{".xlsx", xlsx(`<row r="1"><c r="A1"><v>1</v></c></row>`, outside(s, n), "bad", "xl/_rels/workbook.xml.rels", relations(relation("s1", "worksheet", outside(s, n-1))))}
	},
	func(n int, s string) File {
		return File{".odt", odf("text", "<text:p>x</text:p>", outside(s, n), "bad")}
	},
	func(n int, s string) File {
		return File{".epub", epub("<p>x", "b.opf", `<package><manifest><item id="a" href="`+strings.ReplaceAll(outside(s, n-1), "\x00", "")+`"/></manifest><spine><itemref idref="a"/></spine></package>`)}
	},
	func(n int, s string) File {
		return File{".epub", pack("META-INF/container.xml", `<c><rootfile full-path="`+strings.Repeat("../", 9)+s+`"/></c>`)}
	},
	func(n int, s string) File {
		return File{".eml", attached(strings.ReplaceAll(outside(s, n-1), "\x00", "%00"), []byte("text of an attachment"))}
	},
	func(n int, s string) File {
		return File{".msg", compound("__properties_version1.0", "x", "__attach_version1.0_#0/__substg1.0_3707001E", outside(s, n), "__attach_version1.0_#0/__substg1.0_37010102", "text")}
	},
}

// polyglots are several kinds at once.
var polyglots = []func(n int, secret string) File{
	func(n int, _ string) File {
		return File{".pdf", append(onePage("BT /F1 12 Tf 72 700 Td (x) Tj ET", ""), plainWord()...)}
	},
	func(n int, _ string) File { return File{".docx", append([]byte("%PDF-1.4\n"), plainWord()...)} },
	func(n int, _ string) File {
		return File{".docx", append([]byte("GIF89a\x01\x00\x01\x00\x00\x00;"), plainWord()...)}
	},
	func(n int, _ string) File {
		return File{".docx", docx("<w:p><w:r><w:t>word</w:t></w:r></w:p>", "xl/workbook.xml", "<workbook/>", "ppt/presentation.xml", "<p/>", "content.xml", "<o/>", "META-INF/container.xml", "<c/>")}
	},
	func(n int, _ string) File {
		return File{".html", []byte("%PDF-1.4\n<html><script>alert(1)</script><p>x</p></html>")}
	},
	func(n int, _ string) File {
		return File{".eml", eml("Content-Type: text/html", "<html><body><p>x</p></body></html>\n%PDF-1.4")}
	},
	func(n int, _ string) File { return File{".txt", []byte("{\\rtf1 <html><body>x</body></html>}")} },
	func(n int, _ string) File { return File{".json", []byte(`{"a": "<html>", "b": "From: x"}` + "\n%PDF")} },
	func(n int, _ string) File { return File{".md", []byte("MZ\x90\x00 # Title\n")} },
	func(n int, _ string) File {
		return File{".msg", append(compound("__properties_version1.0", "x", "WordDocument", "y"), plainWord()...)}
	},
	func(n int, _ string) File {
		return File{".doc", compound("EncryptedPackage", "x", "__properties_version1.0", "y")}
	},
	func(n int, _ string) File {
		return File{".csv", []byte("From: a\nTo: b\nSubject: c\nReceived: d\n\n<html><body>,,,\n1,2,3,4\n")}
	},
	func(n int, _ string) File {
		return File{".pdf", []byte("\xFF\xFE" + strings.Join(strings.Split("<html><body>x</body></html>%PDF-1.4", ""), "\x00") + "\x00")}
	},
	func(n int, _ string) File {
		return File{".html", []byte("<html><head><meta charset=iso-2022-jp></head><body>\x1B$B$9$Y\x1B(B<!--\x1B$B-->x</body></html>")}
	},
	func(n int, _ string) File {
		return File{".zip", pack("inner.docx", string(plainWord()), "again.zip", string(pack("x.docx", string(plainWord()))))}
	},
	func(n int, _ string) File {
		return File{".eml", attached("inner.zip", pack("x.docx", string(plainWord())))}
	},
	func(n int, _ string) File {
		return File{".eml", attached("a.pdf", []byte("data:text/html;base64,"+base64.StdEncoding.EncodeToString(plainWord())))}
	},
	func(n int, _ string) File {
		noise := make([]byte, 20_000*n)
		state := uint64(88172645463325252 + n)
		for i := range noise {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			noise[i] = byte(state)
		}
		return File{[]string{".pdf", ".docx", ".msg", ".txt", ".rtf"}[n%5], append([]byte([]string{"%PDF-1.7\n", "PK\x03\x04", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "", `{\rtf1 `}[n%5]), noise...)}
	},
	func(n int, _ string) File {
		return File{fmt.Sprintf(".%s", strings.Repeat("x", n)), []byte("just text")}
	},
}
