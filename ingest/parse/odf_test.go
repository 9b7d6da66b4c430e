package parse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/parse"
)

// odf packs an OpenDocument file; kind is text, spreadsheet or presentation, styles the inside of the automatic styles.
func odf(t testing.TB, kind, styles, body string, more map[string]string) []byte {
	t.Helper()
	parts := map[string]string{
		"mimetype": "application/vnd.oasis.opendocument." + kind,
		"content.xml": `<office:document-content xmlns:office="office" xmlns:text="text" xmlns:table="table" xmlns:draw="draw" xmlns:style="style" xmlns:fo="fo" xmlns:presentation="presentation">` +
			`<office:automatic-styles>` + styles + `</office:automatic-styles><office:body><office:` + kind + `>` + body + `</office:` + kind + `></office:body></office:document-content>`,
	}
	for name, content := range more {
		parts[name] = content
	}
	return zipped(t, parts)
}

const hiddenStyles = `<style:style style:name="H" style:family="text"><style:text-properties text:display="none"/></style:style>
<style:style style:name="S" style:family="table"><style:table-properties table:display="false"/></style:style>
<style:style style:name="D" style:family="drawing-page"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>`

func TestGoldenODT(t *testing.T) {
	t.Parallel()
	body := `<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion></text:changed-region></text:tracked-changes>
<text:table-of-content><text:index-body><text:p>Scope 4</text:p></text:index-body></text:table-of-content>
<text:p text:style-name="Title">Travel rules</text:p><text:h text:outline-level="1">Scope</text:h>
<text:p>For   all <text:span>staff</text:span><text:s text:c="2"/>and guests.<text:span text:style-name="H">hidden</text:span><office:annotation><text:p>comment</text:p></office:annotation>
<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Paid in May.</text:p></text:note-body></text:note></text:p>
<text:list><text:list-item><text:p>first</text:p><text:list><text:list-item><text:p>inner</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>second</text:p></text:list-item></text:list>
<text:section text:display="none"><text:p>hidden section</text:p></text:section>
<text:h text:outline-level="2">Rates</text:h>
<table:table><table:table-column table:number-columns-repeated="2"/><table:table-header-rows><table:table-row><table:table-cell><text:p>City</text:p></table:table-cell><table:table-cell><text:p>Night</text:p></table:table-cell></table:table-row></table:table-header-rows>
<table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>Bonn</text:p></table:table-cell><table:table-cell><text:p>90</text:p></table:table-cell></table:table-row>
<table:table-row><table:covered-table-cell/><table:table-cell><text:p>95</text:p></table:table-cell></table:table-row></table:table>
<text:p><draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box></draw:frame></text:p>`
	golden(t, "travel.odt", read(t, "travel.odt", "", odf(t, "text", hiddenStyles, body, nil)))
}

func TestGoldenODS(t *testing.T) {
	t.Parallel()
	cell := func(s string) string { return `<table:table-cell><text:p>` + s + `</text:p></table:table-cell>` }
	row := func(attrs string, cells ...string) string {
		return `<table:table-row ` + attrs + `>` + strings.Join(cells, "") + `</table:table-row>`
	}
	body := `<table:table table:name="Rates"><table:table-column table:number-columns-repeated="2"/><table:table-column table:visibility="collapse"/><table:table-column table:number-columns-repeated="1021"/>` +
		row("", cell("City"), cell("Night"), cell("secret")) + row("", cell("Bonn"), cell("1.165,50 €"), cell("x"), `<table:table-cell table:number-columns-repeated="1021"/>`) +
		row(`table:visibility="filter"`, cell("hidden"), cell("1")) + row(`table:number-rows-repeated="1048000"`, `<table:table-cell table:number-columns-repeated="1024"/>`) +
		row(`table:number-rows-repeated="2"`, cell("Kiel"), cell("70")) + `</table:table>` +
		`<table:table table:name="Hidden" table:style-name="S">` + row("", cell("hidden sheet")) + `</table:table>`
	golden(t, "rates.ods", read(t, "rates.ods", "", odf(t, "spreadsheet", hiddenStyles, body, nil)))
}

func TestGoldenODP(t *testing.T) {
	t.Parallel()
	page := func(style, title, text, notes string) string {
		frame := func(class, s string) string {
			return `<draw:frame presentation:class="` + class + `"><draw:text-box><text:p>` + s + `</text:p></draw:text-box></draw:frame>`
		}
		return `<draw:page draw:style-name="` + style + `">` + frame("title", title) + frame("outline", text) + `<presentation:notes>` + frame("notes", notes) + `</presentation:notes></draw:page>`
	}
	body := page("x", "Goals", "First point", "Say hello.") + page("D", "Hidden", "slide", "") + page("x", "End", "Thanks", "")
	golden(t, "plan.odp", read(t, "plan.odp", "", odf(t, "presentation", hiddenStyles, body, map[string]string{
		"meta.xml": `<office:document-meta xmlns:office="office" xmlns:dc="dc"><office:meta><dc:title>Plan</dc:title></office:meta></office:document-meta>`})))
}

func TestAnEncryptedOpenDocumentIsRefused(t *testing.T) {
	t.Parallel()
	data := odf(t, "text", "", "\x01\x02", map[string]string{"META-INF/manifest.xml": `<m:manifest xmlns:m="m"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>`})
	_, err := parse.Document(t.Context(), data, "a.odt", "", parse.Options{Limits: limits()})
	require.Equal(t, parse.CodeEncrypted, codeOf(t, err))
}
