// Package parsetest makes files that are made to hurt who reads them: the same
// ones each time, in classes, in every format that is read.
package parsetest

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// File is a file to upload.
type File struct {
	Name string
	Data []byte
}

// PerClass is how many files a class has.
const PerClass = 40

// Classes are the kinds of hostile files.
var Classes = []string{"bombs", "cycles", "nesting", "lies", "entities", "paths", "polyglots"}

// makers make the files of a class; n, from 1, sets how large or how many.
var makers = map[string][]func(n int, secret string) File{
	"bombs": bombs, "cycles": cycles, "nesting": nesting, "lies": lies, "entities": entities, "paths": paths, "polyglots": polyglots,
}

// Hostile is file i of a class, 0 to PerClass-1. Secret is the path of a file whose content no reader may get at.
func Hostile(class string, i int, secret string) File {
	list := makers[class]
	f := list[i%len(list)](1+i/len(list), secret)
	f.Name = fmt.Sprintf("%s-%02d%s", class, i, f.Name)
	return f
}

// pack makes a zip file; parts are names and contents in turn, a later one instead of an earlier one of its name.
func pack(parts ...string) []byte {
	var once []string
	for i := 0; i+1 < len(parts); i += 2 {
		if at := slices.Index(once, parts[i]); at >= 0 && at%2 == 0 {
			once[at+1] = parts[i+1]
			continue
		}
		once = append(once, parts[i], parts[i+1])
	}
	return packAll(once...)
}

func packAll(parts ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err == nil {
			_, err = w.Write([]byte(parts[i+1]))
		}
		if err != nil {
			panic(err) // into memory, nothing fails
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

const (
	wordNames  = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"`
	slideNames = `xmlns:p="p" xmlns:a="a" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	odfNames   = `xmlns:office="office" xmlns:text="text" xmlns:table="table" xmlns:draw="draw" xmlns:xlink="xlink"`
)

func relation(id, kind, target string) string {
	return `<Relationship Id="` + id + `" Type="x/` + kind + `" Target="` + target + `"/>`
}

func relations(list ...string) string {
	return `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + strings.Join(list, "") + `</Relationships>`
}

// The formats with what matters inside; more are further parts, names and contents in turn.

func docx(body string, more ...string) []byte {
	return pack(append([]string{"word/document.xml", `<w:document ` + wordNames + `><w:body>` + body + `</w:body></w:document>`}, more...)...)
}

func pptx(tree string, more ...string) []byte {
	return pack(append([]string{
		"_rels/.rels", relations(relation("r", "officeDocument", "ppt/presentation.xml")),
		"ppt/presentation.xml", `<p:presentation ` + slideNames + `><p:sldIdLst><p:sldId id="256" r:id="s1"/></p:sldIdLst></p:presentation>`,
		"ppt/_rels/presentation.xml.rels", relations(relation("s1", "slide", "slides/slide1.xml")),
		"ppt/slides/slide1.xml", `<p:sld ` + slideNames + `><p:cSld><p:spTree>` + tree + `</p:spTree></p:cSld></p:sld>`,
	}, more...)...)
}

func xlsx(rows string, more ...string) []byte {
	return pack(append([]string{
		"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>`,
		"_rels/.rels", relations(`<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>`),
		"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="s1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", relations(`<Relationship Id="s1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>`,
			`<Relationship Id="s2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/>`),
		"xl/worksheets/sheet1.xml", `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows + `</sheetData></worksheet>`,
	}, more...)...)
}

func odf(kind, body string, more ...string) []byte {
	return pack(append([]string{
		"mimetype", "application/vnd.oasis.opendocument." + kind,
		"content.xml", `<office:document-content ` + odfNames + `><office:body><office:` + kind + `>` + body + `</office:` + kind + `></office:body></office:document-content>`,
	}, more...)...)
}

func epub(page string, more ...string) []byte {
	return pack(append([]string{
		"mimetype", "application/epub+zip",
		"META-INF/container.xml", `<container><rootfile full-path="b.opf"/></container>`,
		"b.opf", `<package><manifest><item id="a" href="a.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>`,
		"a.xhtml", page,
	}, more...)...)
}

func eml(fields, body string) []byte {
	return []byte(strings.ReplaceAll("From: a@example.org\nTo: b@example.org\nSubject: hello\nMIME-Version: 1.0\n"+fields+"\n\n"+body, "\n", "\r\n"))
}

// attached is a message with one file.
func attached(name string, data []byte) []byte {
	return eml("Content-Type: multipart/mixed; boundary=b", "--b\n\nSee the file.\n--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=\""+name+
		"\"\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString(data)+"\n--b--\n")
}

// pdf makes a PDF of its objects, numbered from 1, the first being the catalogue.
func pdf(objects ...string) []byte {
	var b strings.Builder
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, object := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return []byte(b.String())
}

// onePage is a PDF with one page of content.
func onePage(stream, filter string, more ...string) []byte {
	return pdf(append([]string{
		`<< /Type /Catalog /Pages 2 0 R >>`, `<< /Type /Pages /Kids [3 0 R] /Count 1 >>`,
		`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject << /X 6 0 R >> >> >>`,
		fmt.Sprintf("<< /Length %d %s >>\nstream\n%s\nendstream", len(stream), filter, stream),
		`<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>`,
	}, more...)...)
}

func deflated(s string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// megabytes is n megabytes of one sign.
func megabytes(n int, sign string) string { return strings.Repeat(strings.Repeat(sign, 1<<20), n) }

// Workbook is an XLSX file with the given parts as its only sheet and its shared strings.
func Workbook(sheet, words string) []byte {
	return xlsx("", "xl/worksheets/sheet1.xml", sheet, "xl/sharedStrings.xml", words)
}
