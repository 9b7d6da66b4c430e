package parse

import (
	"bytes"
	"mime"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// Format is a kind of file that can be read.
type Format string

// The formats.
const (
	Markdown Format = "markdown"
	Plain    Format = "text"
	HTML     Format = "html"
	PDF      Format = "pdf"
	DOCX     Format = "docx"
	XLSX     Format = "xlsx"
	PPTX     Format = "pptx"
	CSV      Format = "csv"
	EML      Format = "eml"
	MSG      Format = "msg"
	RTF      Format = "rtf"
	ODF      Format = "odf" // text, spreadsheet, presentation
	EPUB     Format = "epub"
	JSON     Format = "json"
	Adoc     Format = "asciidoc"
	RST      Format = "rst"
)

// Supported names the formats in messages.
const Supported = "Markdown, AsciiDoc, reStructuredText, JSON, plain text, HTML, PDF with a text layer, DOCX, PPTX, XLSX, OpenDocument, CSV, RTF, EPUB, or an e-mail (EML, MSG)"

// headSize is how much of a file tells what it is.
const headSize = 64 << 10

var byExtension = map[string]Format{
	".md": Markdown, ".markdown": Markdown, ".mdown": Markdown, ".mkd": Markdown, ".mdx": Markdown, ".qmd": Markdown, ".rmd": Markdown,
	".txt": Plain, ".text": Plain, ".log": Plain,
	".html": HTML, ".htm": HTML, ".xhtml": HTML,
	".adoc": Adoc, ".asciidoc": Adoc, ".asc": Adoc, ".rst": RST, ".rest": RST,
	".csv": CSV, ".tsv": CSV, ".tab": CSV,
}

var byMediaType = map[string]Format{
	"text/markdown": Markdown, "text/x-markdown": Markdown, "text/html": HTML, "application/xhtml+xml": HTML,
	"text/asciidoc": Adoc, "text/x-rst": RST, "text/prs.fallenstein.rst": RST,
	"text/csv": CSV, "application/csv": CSV, "text/tab-separated-values": CSV,
}

var (
	jsonByName = map[string]bool{".json": true, ".jsonl": true, ".ndjson": true, ".geojson": true}
	jsonTypes  = map[string]bool{"application/json": true, "application/jsonl": true, "application/x-ndjson": true, "application/x-jsonlines": true}
)

// Text formats that need a reader of their own: as plain text they would be noise.
var notPlain = map[string]string{
	".mbox": "a mailbox", ".mht": "a web archive", ".mhtml": "a web archive",
	".svg": "an SVG image", ".ps": "a PostScript document", ".ipynb": "a notebook",
}

// Detect says what a file is. The content decides; where it is text, which
// may be of many kinds, name and declared media type help.
func Detect(data []byte, name, mediaType string) (Format, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return "", fail(CodeEmpty, "the file is empty; upload one that holds text")
	}
	head := data[:min(len(data), headSize)]
	switch {
	case bytes.Contains(head[:min(len(head), 1024)], []byte("%PDF-")):
		return PDF, nil
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return detectZip(data)
	case bytes.HasPrefix(data, []byte(oleMagic)):
		return detectOLE(data)
	}
	if !isText(head) {
		return "", unsupported(describe(head))
	}
	return detectText(data, head, name, mediaType)
}

func unsupported(what string) *Error {
	return fail(CodeUnsupported, "the file is %s, which cannot be read; convert it and upload %s", what, Supported)
}

// describe names a binary format by its media type, which is no content.
func describe(head []byte) string {
	m := mimetype.Detect(head)
	kind, _, _ := strings.Cut(m.String(), ";")
	if m.Is("application/octet-stream") || strings.HasPrefix(kind, "text/") {
		return "of an unknown kind"
	}
	return "of the kind " + kind
}

// isText is true for text in any encoding: a byte-order mark, UTF-16 or UTF-32
// without one, no control characters, or a few in UTF-8.
func isText(head []byte) bool {
	if _, rest := byMark(head); rest != nil {
		return true
	}
	if wide(head) != "" {
		return true
	}
	odd := 0
	for _, c := range head {
		if c < 0x20 && !bytes.ContainsRune([]byte("\t\n\v\f\r\b\x1B\x1A"), rune(c)) || c == 0x7F {
			odd++
		}
	}
	if odd == 0 {
		return true
	}
	return (odd-2)*200 <= len(head) && utf8.Valid(trimRune(head))
}

// trimRune cuts off a character that the end of the sample cut in two.
func trimRune(b []byte) []byte {
	for i := 1; i <= min(3, len(b)); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= 0x80 && !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

var (
	fullPage = regexp.MustCompile(`(?is)^\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>])`)
	fragment = regexp.MustCompile(`(?is)<(p|div|h[1-6]|ul|ol|table|section|article|main|body|br|span)(\s[^>]*)?/?>`)
	matter   = regexp.MustCompile(`^---[ \t]*\n`)
	atx      = regexp.MustCompile(`(?m)^#{1,6} +\S`)
)

func detectText(data, head []byte, name, mediaType string) (Format, error) {
	text := decode(head, mediaType)
	declared, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		declared = ""
	}
	ext := strings.ToLower(path.Ext(name))
	switch {
	case strings.HasPrefix(text, `{\rtf`):
		return RTF, nil
	case strings.HasPrefix(text, "%!PS"):
		return "", unsupported("a PostScript document")
	case notPlain[ext] != "":
		return "", unsupported(notPlain[ext])
	case ext != ".md" && isJSON(data, mediaType, jsonByName[ext] || jsonTypes[declared]):
		return JSON, nil
	case isMail(text, ext == ".eml" || declared == "message/rfc822"):
		return EML, nil
	case fullPage.MatchString(text):
		return HTML, nil
	case byExtension[ext] == HTML, byExtension[ext] == "" && byMediaType[declared] == HTML:
		if fragment.MatchString(text) {
			return HTML, nil
		}
		return Plain, nil
	case byExtension[ext] != "" && (byExtension[ext] != Plain || !isTable(text)):
		return byExtension[ext], nil
	case byMediaType[declared] != "":
		return byMediaType[declared], nil
	case isTable(text):
		return CSV, nil
	case ext == "" && (matter.MatchString(text) || atx.MatchString(text)):
		return Markdown, nil
	}
	return Plain, nil
}

// oleMagic is how the file systems in a file begin that Office used before 2007, and still does for messages.
const oleMagic = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"

// detectOLE tells a message from an encrypted Office document and an old one.
func detectOLE(data []byte) (Format, error) {
	switch {
	case bytes.Contains(data, utf16le("EncryptedPackage")):
		return "", encrypted()
	case bytes.Contains(data, utf16le(msgProperties)):
		return MSG, nil
	}
	return "", unsupported("an Office document of before 2007 (such as .doc, .xls or .ppt)")
}

func utf16le(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

func encrypted() *Error {
	return fail(CodeEncrypted, "the document is protected with a password; remove the protection and upload it again")
}
