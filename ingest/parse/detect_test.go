package parse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	const page = "<!DOCTYPE html><html><body><p>x</p></body></html>"
	word := docx(t, "<w:p/>", nil)
	for name, c := range map[string]struct {
		data, file, mediaType string
		want                  parse.Format
	}{
		"Markdown by extension":             {"plain words", "a.md", "", parse.Markdown},
		"Markdown by declared type":         {"plain words", "a", "text/markdown; charset=utf-8", parse.Markdown},
		"Markdown without a name":           {"# Title\n\nwords", "", "", parse.Markdown},
		"Markdown with a tag first":         {"<p align=center>x</p>\n\n# T", "README.md", "", parse.Markdown},
		"text stays text":                   {"# a comment\nkey=value", "a.conf", "", parse.Plain},
		"text that starts like a picture":   {"BMW and GIF8 are words", "a.txt", "", parse.Plain},
		"CSV by extension":                  {"a,b\n1,2\n", "a.csv", "", parse.CSV},
		"CSV by declared type":              {"a,b\n1,2\n", "a", "text/csv", parse.CSV},
		"a table named as text":             {strings.Repeat("a;b b;c\n", 5), "a.txt", "", parse.CSV},
		"prose with commas":                 {strings.Repeat("Well, yes, and no.\n", 4), "a.txt", "", parse.Plain},
		"text with colour codes":            {"\x1b[31merror\x1b[0m\n", "a.log", "", parse.Plain},
		"HTML":                              {page, "a.html", "", parse.HTML},
		"HTML named as text":                {page, "a.txt", "", parse.HTML},
		"HTML named as Markdown":            {page, "a.md", "", parse.HTML},
		"HTML without a name":               {"<?xml version=\"1.0\"?>\n" + page, "", "application/octet-stream", parse.HTML},
		"HTML in UTF-16":                    {utf16(page), "a.html", "", parse.HTML},
		"a fragment of HTML":                {"---\ntitle: x\n---\n<section>x</section>", "a.html", "", parse.HTML},
		"HTML by name only":                 {"{% include all %}", "a.html", "", parse.Plain},
		"PDF":                               {"%PDF-1.4\n", "a.pdf", "", parse.PDF},
		"PDF named as text":                 {"%PDF-1.4\n", "a.txt", "text/plain", parse.PDF},
		"PDF after other bytes":             {"junk\n%PDF-1.4\n", "a.docx", "", parse.PDF},
		"DOCX":                              {string(word), "a.docx", "", parse.DOCX},
		"DOCX named as PDF":                 {string(word), "a.pdf", "application/pdf", parse.DOCX},
		"XLSX named as DOCX":                {string(zipped(t, map[string]string{"xl/workbook.xml": ""})), "a.docx", "", parse.XLSX},
		"PPTX named as DOCX":                {string(zipped(t, map[string]string{"ppt/presentation.xml": ""})), "a.docx", "", parse.PPTX},
		"an e-mail by name":                 {"From: a@b\nSubject: x\n\nhello", "a.eml", "", parse.EML},
		"an e-mail by its fields":           {"Received: x\n y\nFrom: a@b\nSubject: x\n\nhello", "a.txt", "", parse.EML},
		"text with a list of fields":        {"From: here\nTo: there\n\nhello", "a.txt", "", parse.Plain},
		"RTF named as text":                 {`{\rtf1\ansi hello}`, "a.txt", "", parse.RTF},
		"OpenDocument":                      {string(zipped(t, map[string]string{"content.xml": ""})), "a", "", parse.ODF},
		"an e-book":                         {string(zipped(t, map[string]string{"META-INF/container.xml": ""})), "a", "", parse.EPUB},
		"JSON by name":                      {`{"a": 1, // no`, "a.json", "", parse.JSON},
		"JSON by content":                   {`[{"a": 1}]`, "a.txt", "", parse.JSON},
		"JSON Lines by content":             {"{\"a\": 1}\n{\"a\": 2}\n", "", "", parse.JSON},
		"text that begins with a bracket":   {"[1] a note\n", "a.txt", "", parse.Plain},
		"AsciiDoc":                          {"= T\n", "a.adoc", "", parse.Adoc},
		"reStructuredText":                  {"T\n=\n", "a.rst", "", parse.RST},
		"DOCX without a name":               {string(word), "", "", parse.DOCX},
		"source code with a comment on top": {"# shebang or so\nimport os\n", "a.py", "", parse.Plain},
	} {
		got, err := parse.Detect([]byte(c.data), c.file, c.mediaType)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
}

func TestDetectRefuses(t *testing.T) {
	t.Parallel()
	ole := "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 1000)
	for name, c := range map[string]struct {
		data, file string
		want       parse.Code
	}{
		"nothing":            {"", "a.md", parse.CodeEmpty},
		"a picture":          {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "a.md", parse.CodeUnsupported},
		"a program":          {"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00>\x00", "a.txt", parse.CodeUnsupported},
		"gzip":               {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x00\x01", "a.pdf", parse.CodeUnsupported},
		"PostScript":         {"%!PS-Adobe-3.0\n", "a", parse.CodeUnsupported},
		"a drawing":          {`<svg xmlns="http://www.w3.org/2000/svg"/>`, "a.svg", parse.CodeUnsupported},
		"an old Word file":   {ole, "a.doc", parse.CodeUnsupported},
		"an encrypted one":   {ole + utf16("EncryptedPackage")[2:], "a.docx", parse.CodeEncrypted},
		"an archive":         {string(zipped(t, map[string]string{"readme.md": "# x"})), "a.md", parse.CodeUnsupported},
		"a broken archive":   {"PK\x03\x04 and nothing else", "a.docx", parse.CodeInvalid},
		"an archive of none": {"PK\x05\x06" + strings.Repeat("\x00", 18), "a.docx", parse.CodeUnsupported},
	} {
		_, err := parse.Detect([]byte(c.data), c.file, "")
		require.Equal(t, c.want, codeOf(t, err), name)
		if c.want == parse.CodeUnsupported {
			require.ErrorContains(t, err, parse.Supported, name)
		}
	}
}

func utf16(s string) string {
	out := "\xFF\xFE"
	for _, c := range []byte(s) {
		out += string([]byte{c, 0})
	}
	return out
}
