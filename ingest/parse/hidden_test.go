package parse_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHiddenTextOfHTMLIsLeftOut(t *testing.T) {
	t.Parallel()
	for style, seen := range map[string]bool{
		"display: none": false, "visibility:hidden": false, "font-size:0": false, "font-size: 0px; color: red": false, "font-size:0.9em": true, "opacity: 0": false,
		"opacity:0.5": true, "position:absolute; left:-9999px": false, "left:-1px": true, "color: #FFF": false, "color:white": false, "color:#fffff0": true,
		"background:#000;color:white": true, "background-color: white": true, "color: transparent": false,
	} {
		text := read(t, "a.html", "", []byte(`<html><body><p>first</p><p style="`+style+`">words</p></body></html>`))
		require.Equal(t, map[bool]string{true: "first\n\nwords", false: "first"}[seen], text.Body, style)
	}
	const onBlue = `<html><body><table><tr><td bgcolor=blue><span style="color:#fff">one</span></td></tr></table><div class=dark><b style="color:white">two</b></div></body></html>`
	require.Equal(t, "one\n\ntwo", read(t, "a.html", "", []byte(onBlue)).Body)
}

func TestHiddenTextOfDOCXIsLeftOut(t *testing.T) {
	t.Parallel()
	run := func(properties string) string {
		return `<w:p><w:r><w:t>first</w:t></w:r><w:r><w:rPr>` + properties + `</w:rPr><w:t> words</w:t></w:r></w:p>`
	}
	styles := map[string]string{"word/styles.xml": `<w:styles xmlns:w="w"><w:style w:type="character" w:styleId="h"><w:rPr><w:vanish/></w:rPr></w:style></w:styles>`}
	for properties, seen := range map[string]bool{
		`<w:vanish/>`: false, `<w:vanish w:val="0"/>`: true, `<w:sz w:val="2"/>`: false, `<w:sz w:val="20"/>`: true, `<w:color w:val="FFFFFF"/>`: false,
		`<w:color w:val="FF0000"/>`: true, `<w:color w:val="FFFFFF"/><w:shd w:fill="000000"/>`: true, `<w:color w:val="ffffff"/><w:highlight w:val="blue"/>`: true,
		`<w:color w:val="FFFFFF"/><w:shd w:fill="auto"/>`: false, `<w:rStyle w:val="h"/>`: false,
	} {
		text := read(t, "a.docx", "", docx(t, run(properties), styles))
		require.Equal(t, map[bool]string{true: "first words", false: "first"}[seen], text.Body, properties)
	}
	inTable := `<w:tbl><w:tr><w:tc>` + run(`<w:color w:val="FFFFFF"/>`) + `</w:tc></w:tr></w:tbl>`
	require.Equal(t, "first words", read(t, "a.docx", "", docx(t, inTable, nil)).Body, "a row of names is often white on a colour")
}
