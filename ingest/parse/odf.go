package parse

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"strings"
)

// readODF reads OpenDocument text, spreadsheets and presentations: headings,
// paragraphs, lists, tables, notes. Headers, footers, comments, deleted and
// hidden text, hidden sheets, rows and columns, and indexes are left out.
func readODF(data []byte, l Limits) (Text, error) {
	a, err := openZip(data, l)
	if err != nil {
		return Text{}, err
	}
	o := &odf{limits: l, out: body{limit: l.Text}, hidden: map[string]bool{}, cells: l.Cells}
	title, locked := "", false
	for _, step := range []struct {
		part string
		read func(*xmlReader) error
	}{
		{"META-INF/manifest.xml", func(x *xmlReader) error { return anyElement(x, "encryption-data", &locked) }},
		{"styles.xml", o.styles},
		{"content.xml", o.styles},
		{"meta.xml", func(x *xmlReader) error {
			return x.children(func(xml.StartElement) error { return readTitle(x, &title) }, nil)
		}},
		{"content.xml", o.content},
	} {
		if err := a.xml(step.part, l.Depth, step.read); err != nil {
			return Text{}, err
		}
		if locked {
			return Text{}, encrypted()
		}
	}
	return o.out.done(cmp.Or(title, o.title, firstHeading(o.out.marks)))
}

// anyElement looks for an element of a name.
func anyElement(x *xmlReader, name string, found *bool) error {
	return x.children(func(e xml.StartElement) error {
		*found = *found || e.Name.Local == name
		return anyElement(x, name, found)
	}, nil)
}

type odf struct {
	limits Limits
	out    body
	hidden map[string]bool // styles of what is not shown, by family and name
	title  string
	listed bool // the last paragraph was an item of a list
	page   int
	cells  int // that may still be read
}

// styles notes which styles hide what they are put on.
func (o *odf) styles(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "style":
			return o.style(x, attrOf(e, "family")+" "+attrOf(e, "name"))
		case "document-styles", "document-content", "styles", "automatic-styles":
			return o.styles(x)
		}
		return x.skip()
	}, nil)
}

func (o *odf) style(x *xmlReader, name string) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "text-properties":
			size := attrOf(e, "font-size")
			if attrOf(e, "display") == "none" || strings.HasPrefix(size, "0") || size == "1pt" {
				o.hidden[name] = true
			}
		case "table-properties":
			if attrOf(e, "display") == "false" {
				o.hidden[name] = true
			}
		case "drawing-page-properties":
			if attrOf(e, "visibility") == "hidden" {
				o.hidden[name] = true
			}
		}
		return x.skip()
	}, nil)
}

// content reads the body of the document.
func (o *odf) content(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "document-content", "body":
			return o.content(x)
		case "text":
			return o.blocks(x, 0)
		case "spreadsheet":
			return o.sheets(x)
		case "presentation", "drawing":
			return o.slides(x)
		}
		return x.skip()
	}, nil)
}

// blocks reads what follows each other on a page; list is how deep in lists it is.
func (o *odf) blocks(x *xmlReader, list int) error {
	first := true
	return x.children(func(e xml.StartElement) error {
		if o.out.full() {
			return tooLarge(o.limits.Text)
		}
		switch e.Name.Local {
		case "h", "p":
			err := o.paragraph(x, e, list, first)
			first = false
			return err
		case "list", "list-item", "list-header":
			return o.blocks(x, list+map[bool]int{true: 1}[e.Name.Local == "list"])
		case "section":
			if attrOf(e, "display") == "none" {
				return x.skip()
			}
			return o.blocks(x, list)
		case "table":
			rows, err := o.table(x)
			o.out.table(rows, len(rows) > 1)
			return err
		case "numbered-paragraph", "frame", "text-box", "g", "custom-shape", "rect", "index-body":
			return o.blocks(x, list)
		}
		return x.skip() // comments, tracked changes, indexes, forms, pictures
	}, nil)
}

func (o *odf) paragraph(x *xmlReader, e xml.StartElement, list int, first bool) error {
	p := odfText{o: o}
	if err := p.read(x); err != nil {
		return err
	}
	text := strings.TrimSpace(p.text.String())
	style := attrOf(e, "style-name")
	switch {
	case text == "" || o.hidden["paragraph "+style]:
	case e.Name.Local == "h":
		level := intOf(e, "outline-level")
		o.out.heading(int(min(max(level, 1), 6)), text)
	case style == "Title" && o.title == "":
		o.title = oneLine(text)
		o.out.block(text)
	case list > 0 && first:
		text = strings.Repeat("  ", min(list-1, 8)) + "- " + text
		if o.listed {
			o.out.line(text)
		} else {
			o.out.block(text)
		}
	default:
		o.out.block(text)
	}
	o.listed = list > 0 && len(p.boxes)+len(p.notes) == 0
	for _, more := range append(p.boxes, p.notes...) {
		o.out.block(more)
	}
	return nil
}

// slides reads the pages of a presentation; their numbers are those of the pages.
func (o *odf) slides(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		if e.Name.Local != "page" {
			return x.skip()
		}
		if o.page++; o.page > o.limits.Pages {
			return fail(CodeLimit, "the presentation has more than %d slides; split it", o.limits.Pages)
		}
		if o.hidden["drawing-page "+attrOf(e, "style-name")] {
			return x.skip()
		}
		start := o.out.text.Len()
		err := o.slide(x)
		o.out.page(o.page, start, fmt.Sprintf("Slide %d", o.page))
		return err
	}, nil)
}

func (o *odf) slide(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch {
		case e.Name.Local == "notes":
			lines, err := o.lines(x)
			if text := strings.Join(lines, "\n"); text != "" {
				o.out.block("Notes: " + text)
			}
			return err
		case attrOf(e, "class") == "title":
			lines, err := o.lines(x)
			o.out.heading(1, strings.Join(lines, " "))
			return err
		case e.Name.Local == "frame" || e.Name.Local == "g" || e.Name.Local == "custom-shape" || e.Name.Local == "rect":
			return o.blocks(x, 0)
		}
		return x.skip()
	}, nil)
}

// lines are the paragraphs below the element that was just entered.
func (o *odf) lines(x *xmlReader) (lines []string, err error) {
	err = x.children(func(e xml.StartElement) error {
		if e.Name.Local == "annotation" || e.Name.Local == "page-thumbnail" {
			return x.skip()
		}
		if e.Name.Local != "p" && e.Name.Local != "h" {
			more, err := o.lines(x)
			lines = append(lines, more...)
			return err
		}
		p := odfText{o: o}
		err := p.read(x)
		if text := strings.TrimSpace(p.text.String()); text != "" && !o.hidden["paragraph "+attrOf(e, "style-name")] {
			lines = append(lines, text)
		}
		return err
	}, nil)
	return lines, err
}

// odfText is a paragraph in the making.
type odfText struct {
	o            *odf
	text         strings.Builder
	boxes, notes []string
}

func (p *odfText) read(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "s":
			p.text.WriteString(strings.Repeat(" ", int(min(max(intOf(e, "c"), 1), 100))))
		case "tab":
			p.text.WriteByte('\t')
		case "line-break":
			p.text.WriteByte('\n')
		case "span", "a", "meta", "ruby", "ruby-base", "bookmark-ref", "date", "time", "sequence", "reference-ref", "meta-field", "text-input", "placeholder", "database-display", "variable-set", "expression":
			if p.o.hidden["text "+attrOf(e, "style-name")] {
				return x.skip()
			}
			return p.read(x)
		case "note":
			return x.children(func(e xml.StartElement) error {
				if e.Name.Local != "note-body" {
					return x.skip()
				}
				lines, err := p.o.lines(x)
				p.notes = append(p.notes, lines...)
				return err
			}, nil)
		case "frame", "custom-shape", "text-box":
			lines, err := p.o.lines(x)
			p.boxes = append(p.boxes, lines...)
			return err
		}
		return x.skip()
	}, func(c xml.CharData) {
		if p.text.Len() <= p.o.limits.Text {
			p.text.WriteString(collapsed(string(c)))
		}
	})
}

// collapsed has one space for each stretch of white space, at the ends too.
func collapsed(s string) string {
	words := strings.FieldsFunc(s, htmlSpace)
	if len(words) == 0 {
		return strings.Repeat(" ", min(len(s), 1))
	}
	out := strings.Join(words, " ")
	if htmlSpace(rune(s[0])) {
		out = " " + out
	}
	if htmlSpace(rune(s[len(s)-1])) {
		out += " "
	}
	return out
}
