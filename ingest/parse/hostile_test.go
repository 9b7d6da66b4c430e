package parse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

// TestHostileFiles gives each to a child. It must end within its limits with
// the code, or with any text where the file can be read after all.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	notRaced(t)
	const text = parse.Code("") // reading it is right
	good := docx(t, `<w:p><w:r><w:t>`+strings.Repeat("words and words ", 2000)+`</w:t></w:r></w:p>`, nil)
	hello := onePage("BT /F1 12 Tf 72 700 Td (Hello) Tj ET", "")
	megabytes := strings.Repeat(strings.Repeat(" ", 1<<20), 400)
	for _, c := range []struct {
		name, file string
		data       []byte
		want       []parse.Code
	}{
		{"nothing", "a.pdf", nil, []parse.Code{parse.CodeEmpty}},
		{"white space", "a.md", []byte(" \n\t\r\n"), []parse.Code{parse.CodeEmpty}},
		{"only invisible characters", "a.txt", []byte("\uFEFF\u200B\u200B\u2060"), []parse.Code{parse.CodeEmpty}},
		{"noise", "a.txt", noise(100_000), []parse.Code{parse.CodeUnsupported}},
		{"zeros", "a.txt", make([]byte, 100_000), []parse.Code{parse.CodeUnsupported, parse.CodeEmpty}},
		{"PDF: page tree is a cycle", "a.pdf", pdf(
			`<< /Type /Catalog /Pages 2 0 R >>`,
			`<< /Type /Pages /Kids [3 0 R] /Count 1 >>`,
			`<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>`), []parse.Code{parse.CodeInvalid}},
		{"PDF: hex string without end", "a.pdf", onePage("BT /F1 12 Tf <48656c6c6f", ""), []parse.Code{parse.CodeNoText, parse.CodeInvalid, text}},
		{"PDF: hex string without end in an object", "a.pdf", pdf(
			`<< /Type /Catalog /Pages 2 0 R >>`, `<< /Type /Pages /Kids [] /Count 0 /X <48656c6c6f`), []parse.Code{parse.CodeInvalid}},
		{"PDF: outline is a cycle", "a.pdf", pdf(
			`<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>`,
			`<< /Type /Pages /Kids [3 0 R] /Count 1 >>`,
			`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>`,
			`<< /First 5 0 R /Last 5 0 R >>`,
			`<< /Title (A) /Parent 4 0 R /Next 6 0 R /First 5 0 R /Dest [3 0 R /Fit] >>`,
			`<< /Title (B) /Parent 4 0 R /Next 5 0 R >>`), []parse.Code{parse.CodeNoText}},
		{"PDF: a page count that is not true", "a.pdf", pdf(
			`<< /Type /Catalog /Pages 2 0 R >>`, `<< /Type /Pages /Kids [] /Count 2000000000 >>`), []parse.Code{parse.CodeInvalid, parse.CodeLimit}},
		{"PDF: 400 MB out of 1 KB", "a.pdf", onePage(deflated(t, deflated(t, megabytes)), "/Filter [/FlateDecode /FlateDecode]"),
			[]parse.Code{parse.CodeLimit, parse.CodeNoText, parse.CodeInvalid}},
		{"PDF: cut short", "a.pdf", hello[:len(hello)/2], []parse.Code{parse.CodeInvalid, parse.CodeNoText}},
		{"PDF: header and nothing else", "a.pdf", []byte("%PDF-1.7\n"), []parse.Code{parse.CodeInvalid}},
		{"DOCX: 1 GB out of 1 MB", "a.docx", docx(t, "<w:p><w:r><w:t>x</w:t></w:r></w:p><!--"+megabytes+"-->", nil), []parse.Code{parse.CodeLimit}},
		{"DOCX: text past the limit", "a.docx", docx(t, strings.Repeat("<w:p><w:r><w:t>"+varied+"</w:t></w:r></w:p>", 400), nil), []parse.Code{parse.CodeTooLarge}},
		{"DOCX: nested deeply", "a.docx", docx(t, strings.Repeat("<w:sdt>", 1_000_000), nil), []parse.Code{parse.CodeLimit}},
		{"DOCX: tables in tables", "a.docx", docx(t, strings.Repeat("<w:tbl><w:tr><w:tc>", 100_000), nil), []parse.Code{parse.CodeLimit}},
		{"DOCX: entities that explode", "a.docx", zipped(t, map[string]string{"word/document.xml": bomb}), []parse.Code{parse.CodeInvalid}},
		{"DOCX: too many parts", "a.docx", docx(t, "<w:p/>", many(10_001)), []parse.Code{parse.CodeLimit}},
		{"DOCX: styles based on each other", "a.docx", docx(t, `<w:p><w:pPr><w:pStyle w:val="a"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>`, map[string]string{
			"word/styles.xml": `<w:styles xmlns:w="w"><w:style w:type="paragraph" w:styleId="a"><w:basedOn w:val="b"/></w:style>` +
				`<w:style w:type="paragraph" w:styleId="b"><w:basedOn w:val="a"/></w:style></w:styles>`}), []parse.Code{text}},
		{"DOCX: cut short", "a.docx", good[:len(good)/2], []parse.Code{parse.CodeInvalid}},
		{"DOCX: an archive in an archive", "a.docx", zipped(t, map[string]string{"inner.zip": string(good)}), []parse.Code{parse.CodeUnsupported}},
		{"HTML: nested deeply", "a.html", []byte("<html><body>" + strings.Repeat("<div>", 2_000_000) + "x"), []parse.Code{parse.CodeLimit}},
		{"HTML: formatting that never closes", "a.html", []byte("<html><body>" + strings.Repeat("<p><b><i>", 1_000_000) + "x"), []parse.Code{parse.CodeLimit}},
		{"HTML: lists past the text limit", "a.html", []byte("<html><body>" + strings.Repeat("<ul><li>"+varied[:1000]+"</ul>", 12_000)), []parse.Code{parse.CodeTooLarge}},
		{"HTML: cells that span everything", "a.html", []byte("<html><table>" + strings.Repeat("<tr>"+strings.Repeat("<td rowspan=65000>xxxxxxxxxxxxxxxx", 900), 200)), []parse.Code{text, parse.CodeTooLarge, parse.CodeLimit}},
		{"Markdown: quotes in quotes", "a.md", []byte(strings.Repeat(">", 5_000_000) + " x"), []parse.Code{parse.CodeLimit}},
		{"Markdown: brackets", "a.md", []byte("# " + strings.Repeat("[", 1_000_000) + " x"), []parse.Code{text, parse.CodeLimit}},
		{"Markdown: a million headings", "a.md", []byte(strings.Repeat("# a\n", 1_000_000)), []parse.Code{parse.CodeLimit}},
		{"text past the limit", "a.txt", []byte(strings.Repeat("x", 10<<20+1)), []parse.Code{parse.CodeTooLarge}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := shared.Parse(t.Context(), c.file, "", file(t, c.data))
			if err == nil {
				requireMarks(t, got)
				require.Contains(t, c.want, text, "it was read: %.100q", got.Body)
				return
			}
			require.Contains(t, c.want, codeOf(t, err), err.Error())
		})
	}
}

// varied is text that does not pack well, so that only the limit of text stops it.
var varied = func() string {
	var b strings.Builder
	for _, c := range noise(60_000) {
		b.WriteByte("abcdefghijklmnop qrstuvwxyz 0123456789 ABCDEFGHI"[int(c)%48])
	}
	return b.String()
}()

// noise is bytes without a pattern, always the same ones.
func noise(n int) []byte {
	out := make([]byte, n)
	state := uint64(88172645463325252)
	for i := range out {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		out[i] = byte(state)
	}
	return out
}

const bomb = `<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha ha ha ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><w:document><w:body><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:body></w:document>`

func many(n int) map[string]string {
	parts := map[string]string{}
	for i := range n {
		parts["word/media/"+strings.Repeat("x", i%50)+string(rune('a'+i%26))+strings.Repeat("y", i/1300)+string(rune('0'+i%10))+strings.Repeat("z", i%7)+string(rune(0x4E00+i))] = ""
	}
	return parts
}
