package parse_test

import (
	"fmt"
	"strings"
	"testing"
)

const rels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>`

// pptx packs a presentation of slides, each the inside of its tree of shapes;
// parts are added, those below slides by their names.
func pptx(t testing.TB, slides []string, more map[string]string) []byte {
	t.Helper()
	const names = `xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	parts := map[string]string{"_rels/.rels": fmt.Sprintf(rels, `<Relationship Id="rId1" Type="x/officeDocument" Target="ppt/presentation.xml"/>`)}
	var order, links strings.Builder
	for i, s := range slides {
		show := ""
		if inside, hidden := strings.CutPrefix(s, "hidden:"); hidden {
			s, show = inside, ` show="0"`
		}
		// The parts are numbered backwards: their names are not their order.
		part := fmt.Sprintf("slides/slide%d.xml", len(slides)-i)
		parts["ppt/"+part] = fmt.Sprintf(`<p:sld %s%s><p:cSld><p:spTree>%s</p:spTree></p:cSld></p:sld>`, names, show, s)
		fmt.Fprintf(&order, `<p:sldId id="%d" r:id="rId%d"/>`, 256+i, i+1)
		fmt.Fprintf(&links, `<Relationship Id="rId%d" Type="x/slide" Target="%s"/>`, i+1, part)
	}
	parts["ppt/presentation.xml"] = fmt.Sprintf(`<p:presentation %s><p:sldIdLst>%s</p:sldIdLst><p:sldSz cx="1000" cy="500"/></p:presentation>`, names, order.String())
	parts["ppt/_rels/presentation.xml.rels"] = fmt.Sprintf(rels, links.String())
	for name, content := range more {
		parts[name] = strings.ReplaceAll(content, "NAMES", names)
	}
	return zipped(t, parts)
}

// box is a shape with paragraphs; placeholder is its kind, as in XML.
func box(placeholder, place string, paragraphs ...string) string {
	var b strings.Builder
	for _, p := range paragraphs {
		if !strings.HasPrefix(p, "<") {
			p = "<a:r><a:t>" + p + "</a:t></a:r>"
		}
		b.WriteString("<a:p>" + p + "</a:p>")
	}
	return `<p:sp><p:nvSpPr><p:cNvPr id="2" name="x"/><p:nvPr>` + placeholder + `</p:nvPr></p:nvSpPr><p:spPr>` + place + `</p:spPr><p:txBody>` + b.String() + `</p:txBody></p:sp>`
}

func TestGoldenPPTX(t *testing.T) {
	t.Parallel()
	place := func(x, y int) string {
		return fmt.Sprintf(`<a:xfrm><a:off x="%d" y="%d"/><a:ext cx="100" cy="100"/></a:xfrm>`, x, y)
	}
	cell := func(attrs, text string) string {
		return `<a:tc ` + attrs + `><a:txBody><a:p><a:r><a:t>` + text + `</a:t></a:r></a:p></a:txBody></a:tc>`
	}
	frame := func(inside string) string {
		return `<p:graphicFrame><a:graphic><a:graphicData>` + inside + `</a:graphicData></a:graphic></p:graphicFrame>`
	}
	slides := []string{
		box(`<p:ph type="ctrTitle"/>`, "", "Plan for spring") + box(`<p:ph type="subTitle"/>`, "", "Finance") +
			box("", place(2000, 0), "beside the slide") + box("", place(0, -200), "above the slide"),
		box(`<p:ph idx="1"/>`, "", "First point", `<a:pPr lvl="1"/><a:r><a:t>Detail</a:t></a:r><a:br/><a:r><a:rPr sz="100"/><a:t>tiny</a:t></a:r>`, "Second") +
			box(`<p:ph type="title"/>`, "", "Goals") + box(`<p:ph type="sldNum"/>`, "", "2") +
			strings.Replace(box("", "", "never seen"), `name="x"`, `name="x" hidden="1"`, 1) +
			`<p:grpSp>` + box("", place(5000, 0), "In a group") + `</p:grpSp>`,
		"hidden:" + box("", "", "A hidden slide"),
		box(`<p:ph type="title"/>`, "", "Figures") +
			frame(`<a:tbl><a:tr>`+cell("", "Team")+cell("", "Cost")+`</a:tr><a:tr>`+cell(`rowSpan="2"`, "Ops")+cell("", "12 €")+`</a:tr><a:tr>`+cell(`vMerge="1"`, "")+cell("", "14 €")+`</a:tr></a:tbl>`) +
			frame(`<c:chart xmlns:c="c" r:id="rId9"/>`) + frame(`<d:relIds xmlns:d="d" r:dm="rId8"/>`),
	}
	ser := func(name string, values ...string) string {
		pts := func(v []string) string {
			return "<c:pt><c:v>" + strings.Join(v, "</c:v></c:pt><c:pt><c:v>") + "</c:v></c:pt>"
		}
		return `<c:ser><c:tx><c:v>` + name + `</c:v></c:tx><c:cat>` + pts([]string{"2024", "2025"}) + `</c:cat><c:val>` + pts(values) + `</c:val></c:ser>`
	}
	data := pptx(t, slides, map[string]string{
		"ppt/slides/_rels/slide1.xml.rels": fmt.Sprintf(rels, `<Relationship Id="rId9" Type="x/chart" Target="../charts/chart1.xml"/><Relationship Id="rId8" Type="x/diagramData" Target="../diagrams/data1.xml"/>`),
		"ppt/slides/_rels/slide3.xml.rels": fmt.Sprintf(rels, `<Relationship Id="rId1" Type="x/notesSlide" Target="../notesSlides/n.xml"/><Relationship Id="rId2" Type="x/comments" Target="../comments/c.xml"/>`),
		"ppt/notesSlides/n.xml":            `<p:notes NAMES><p:cSld><p:spTree>` + box(`<p:ph type="sldImg"/>`, "", "picture") + box(`<p:ph type="body"/>`, "", "Say hello.") + `</p:spTree></p:cSld></p:notes>`,
		"ppt/comments/c.xml":               `<p:cmLst NAMES><p:cm><p:text>a comment</p:text></p:cm></p:cmLst>`,
		"ppt/charts/chart1.xml":            `<c:chartSpace xmlns:c="c" NAMES><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Cost by year</a:t></a:r></a:p></c:rich></c:tx></c:title><c:plotArea>` + ser("Ops", "1", "2") + ser("Dev", "3", "4") + `</c:plotArea></c:chart></c:chartSpace>`,
		"ppt/diagrams/data1.xml":           `<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" NAMES><dgm:pt><dgm:t><a:p><a:r><a:t>Plan, do, check</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:dataModel>`,
		"docProps/core.xml":                `<cp:coreProperties xmlns:cp="c" xmlns:dc="d"><dc:title>PowerPoint Presentation</dc:title></cp:coreProperties>`,
	})
	golden(t, "plan.pptx", read(t, "plan.pptx", "", data))
}
