package parse_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden compares a text and its marks with testdata/NAME.golden.
func golden(t *testing.T, name string, text parse.Text) {
	t.Helper()
	requireMarks(t, text)
	var b strings.Builder
	fmt.Fprintf(&b, "title: %s\n", text.Title)
	for _, m := range text.Marks {
		fmt.Fprintf(&b, "%s level=%d page=%d label=%q text=%q\n", m.Kind, m.Level, m.Page, m.Label, text.Body[m.Start:m.End])
	}
	b.WriteString("----\n" + text.Body + "\n")
	path := "testdata/" + name + ".golden"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

func TestGoldenSources(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"page.md", "page.html", "page.adoc", "page.rst", "page.json"} {
		raw, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		golden(t, name, read(t, name, "", raw))
	}
}

func TestGoldenDOCX(t *testing.T) {
	t.Parallel()
	styles := `<w:styles xmlns:w="w">
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="2"/></w:numPr></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Firma"><w:name w:val="Company heading"/><w:basedOn w:val="berschrift2"/></w:style>
<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="Verzeichnis1"><w:name w:val="toc 1"/></w:style></w:styles>`
	numbering := `<w:numbering xmlns:w="w">
<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val=""/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%2)"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:lvlText w:val="%1"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num></w:numbering>`
	notes := `<w:footnotes xmlns:w="w"><w:footnote w:type="separator" w:id="-1"><w:p><w:r><w:t>never</w:t></w:r></w:p></w:footnote>
<w:footnote w:id="1"><w:p><w:r><w:t>Paid in May.</w:t></w:r></w:p></w:footnote></w:footnotes>`
	p := func(style, runs string) string {
		return `<w:p><w:pPr><w:pStyle w:val="` + style + `"/></w:pPr>` + runs + `</w:p>`
	}
	r := func(s string) string { return `<w:r><w:t xml:space="preserve">` + s + `</w:t></w:r>` }
	item := func(level, s string) string {
		return `<w:p><w:pPr><w:numPr><w:ilvl w:val="` + level + `"/><w:numId w:val="1"/></w:numPr></w:pPr>` + r(s) + `</w:p>`
	}
	cell := func(properties, s string) string {
		return `<w:tc><w:tcPr>` + properties + `</w:tcPr><w:p>` + r(s) + `</w:p></w:tc>`
	}
	body := p("Titel", r("Travel policy")) + p("Verzeichnis1", r("1 Scope 4")) + p("berschrift1", r("Scope")) +
		p("x", r("For ")+`<w:r><w:rPr><w:b/></w:rPr><w:t>all</w:t></w:r>`+r(" staff.")+`<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:footnoteReference w:id="1"/></w:r>`) +
		p("berschrift2", r("Rail")) + p("Firma", r("Air")) +
		p("x", `<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins>`+r("New")+`</w:ins><w:r><w:br/></w:r>`+r("line, soft\u00ADhyphen")+`<w:commentReference w:id="0"/>`) +
		item("0", "first") + item("1", "inner") + item("1", "inner two") + item("0", "second") +
		`<w:tbl><w:tr>` + cell("", "Class") + cell("", "Limit") + cell("", "Note") + `</w:tr>` +
		`<w:tr>` + cell(`<w:vMerge w:val="restart"/>`, "Economy") + cell("", "500 €") + cell("", "a|b") + `</w:tr>` +
		`<w:tr>` + cell(`<w:vMerge/>`, "") + cell(`<w:gridSpan w:val="2"/>`, "600 €") + `</w:tr>` +
		`<w:tr><w:trPr><w:del/></w:trPr>` + cell("", "deleted row") + `</w:tr></w:tbl>` +
		`<w:p><mc:AlternateContent xmlns:mc="mc"><mc:Choice><w:drawing><w:txbxContent><w:p>` + r("In a box") + `</w:p></w:txbxContent></w:drawing></mc:Choice>` +
		`<mc:Fallback><w:txbxContent><w:p>` + r("In a box") + `</w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:p>` +
		`<w:sdt><w:sdtPr><w:alias w:val="x"/></w:sdtPr><w:sdtContent>` + p("x", `<w:hyperlink>`+r("A link")+`</w:hyperlink>`) + `</w:sdtContent></w:sdt>` +
		p("berschrift1", r("End"))
	data := docx(t, body, map[string]string{
		"word/styles.xml": styles, "word/numbering.xml": numbering, "word/footnotes.xml": notes,
		"word/header1.xml": `<w:hdr><w:p>` + r("Header") + `</w:p></w:hdr>`, "word/comments.xml": `<w:comments><w:p>` + r("Comment") + `</w:p></w:comments>`,
		"docProps/core.xml": `<cp:coreProperties xmlns:cp="c" xmlns:dc="d"><dc:title>Template</dc:title></cp:coreProperties>`,
	})
	golden(t, "policy.docx", read(t, "policy.docx", "", data))
}

func TestGoldenPDF(t *testing.T) {
	t.Parallel()
	content := func(lines ...string) string {
		stream := "BT /F1 12 Tf 14 TL 72 700 Td "
		for _, line := range lines {
			stream += "(" + line + ") Tj T* "
		}
		stream += "ET"
		return fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream)
	}
	page := func(contents int) string {
		return fmt.Sprintf(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R /Resources << /Font << /F1 8 0 R >> >> >>`, contents)
	}
	data := pdf(
		`<< /Type /Catalog /Pages 2 0 R /Outlines 9 0 R >>`,
		`<< /Type /Pages /Kids [3 0 R 4 0 R 5 0 R] /Count 3 >>`,
		page(6), page(7), page(6000),
		content("1. First steps", "The machine con-", "vinces. See item A-", "12 of the manual."),
		content("Some words before.", "Care and", "cleaning", "Use water."),
		`<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>`,
		`<< /First 10 0 R /Last 11 0 R >>`,
		`<< /Title (First Steps) /Parent 9 0 R /Next 11 0 R /Dest [3 0 R /Fit] >>`,
		`<< /Title (Care and cleaning) /Parent 9 0 R /Prev 10 0 R /Dest [4 0 R /Fit] >>`,
	)
	text, err := shared.Parse(t.Context(), "manual.pdf", "", file(t, data))
	require.NoError(t, err)
	golden(t, "manual.pdf", text)
}
