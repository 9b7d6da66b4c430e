package parse

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// readPPTX gives the slides in their order: title as heading, text, tables,
// charts as tables, notes. A slide's number is its page. Hidden slides and
// shapes, what lies beside the slide, comments, numbers, dates and footers are left out.
func readPPTX(data []byte, l Limits) (Text, error) {
	a, err := openZip(data, l)
	if err != nil {
		return Text{}, err
	}
	p := &pptx{zip: a, limits: l, out: body{limit: l.Text}}
	slides, err := p.order()
	if err != nil {
		return Text{}, err
	}
	if len(slides) > l.Pages {
		return Text{}, fail(CodeLimit, "the presentation has %d slides and at most %d are read; split it", len(slides), l.Pages)
	}
	for i, part := range slides {
		if err := p.slide(i+1, part); err != nil {
			return Text{}, err
		}
	}
	title := ""
	err = a.xml("docProps/core.xml", l.Depth, func(x *xmlReader) error { return readTitle(x, &title) })
	if err != nil {
		return Text{}, err
	}
	if placeholderTitle(title) {
		title = ""
	}
	return p.out.done(cmp.Or(title, firstHeading(p.out.marks)))
}

// placeholderTitle is true for what the programs write when nobody gave a title.
func placeholderTitle(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "powerpoint presentation", "powerpoint-präsentation", "présentation powerpoint", "presentación de powerpoint", "untitled":
		return true
	}
	return false
}

// readTitle reads the title out of an Office package's properties.
func readTitle(x *xmlReader, title *string) error {
	return each(x, func(e xml.StartElement) error {
		text, err := x.text()
		if e.Name.Local == "title" {
			*title = oneLine(text)
		}
		return err
	})
}

type pptx struct {
	zip           *archive
	limits        Limits
	out           body
	width, height int64 // of a slide; 0: not told
	related       map[string]relation
}

// order is the parts of the slides as they are shown.
func (p *pptx) order() (slides []string, err error) {
	main, err := p.zip.document(p.limits.Depth)
	if err != nil {
		return nil, err
	}
	related, err := p.zip.relations(main, p.limits.Depth)
	if err != nil {
		return nil, err
	}
	return slides, p.zip.xml(main, p.limits.Depth, func(x *xmlReader) error {
		return each(x, func(e xml.StartElement) error {
			switch e.Name.Local {
			case "sldSz":
				p.width, p.height = intOf(e, "cx"), intOf(e, "cy")
			case "sldIdLst":
				return x.children(func(e xml.StartElement) error {
					slides = append(slides, related[refOf(e, "id")].part)
					return x.skip()
				}, nil)
			}
			return x.skip()
		})
	})
}

func intOf(e xml.StartElement, name string) int64 {
	n, _ := strconv.ParseInt(attrOf(e, name), 10, 64) // 0 without one
	return n
}

// slide writes one slide and its notes.
func (p *pptx) slide(page int, part string) (err error) {
	if p.related, err = p.zip.relations(part, p.limits.Depth); err != nil {
		return err
	}
	var s shapes
	hidden := false
	err = p.zip.xml(part, p.limits.Depth, func(x *xmlReader) error {
		return x.children(func(root xml.StartElement) error {
			hidden = attrOf(root, "show") == "0" || attrOf(root, "show") == "false"
			return p.tree(x, &s)
		}, nil)
	})
	if err != nil || hidden {
		return err
	}
	start := p.out.text.Len()
	p.out.heading(1, s.title)
	for _, b := range s.blocks {
		if b.rows != nil {
			p.out.table(b.rows, b.header)
		} else {
			p.out.block(strings.Join(b.lines, "\n"))
		}
	}
	if err := p.notes(); err != nil {
		return err
	}
	p.out.page(page, start, cmp.Or(s.title, fmt.Sprintf("Slide %d", page)))
	if p.out.full() {
		return tooLarge(p.limits.Text)
	}
	return nil
}

// tree reads what a slide holds, to the first tree of shapes.
func (p *pptx) tree(x *xmlReader, s *shapes) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "cSld":
			return p.tree(x, s)
		case "spTree":
			return p.group(x, s, true)
		}
		return x.skip()
	}, nil)
}

// notes writes what the speaker's notes of the slide say.
func (p *pptx) notes() error {
	for _, r := range p.related {
		if r.kind != "notesSlide" {
			continue
		}
		var s shapes
		s.notes = true
		err := p.zip.xml(r.part, p.limits.Depth, func(x *xmlReader) error {
			return x.children(func(xml.StartElement) error { return p.tree(x, &s) }, nil)
		})
		if err != nil {
			return err
		}
		for i, b := range s.blocks {
			if text := strings.TrimSpace(strings.Join(b.lines, "\n")); text != "" {
				if i == 0 {
					text = "Notes: " + text
				}
				p.out.block(text)
			}
		}
	}
	return nil
}
