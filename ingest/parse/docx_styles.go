package parse

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
)

// style is what matters of a paragraph style.
type style struct {
	name     string
	basedOn  string
	level    int // of a heading from 1; 0: none, or as the style it is based on
	list     listRef
	title    bool
	contents bool // an entry of the table of contents
	resolved bool
}

var headingName = regexp.MustCompile(`^heading ([1-9])$`)

// readStyles reads paragraph styles. The names of the built-in ones are
// English in every language of Word; only their ids are translated.
func (d *docx) readStyles(x *xmlReader) error {
	d.styles, d.unseen = map[string]*style{}, map[string]bool{}
	return each(x, func(e xml.StartElement) error {
		switch {
		case e.Name.Local == "style" && attrOf(e, "type") == "character":
			return d.readCharacterStyle(x, attrOf(e, "styleId"))
		case e.Name.Local != "style" || attrOf(e, "type") != "paragraph":
			return x.skip()
		}
		s := &style{}
		d.styles[attrOf(e, "styleId")] = s
		err := x.children(func(e xml.StartElement) error {
			switch e.Name.Local {
			case "name":
				s.name = strings.ToLower(attrOf(e, "val"))
			case "basedOn":
				s.basedOn = attrOf(e, "val")
			case "pPr":
				p := paragraph{outline: -1}
				err := d.paragraphProperties(x, &p)
				s.level, s.list = p.outline+1, p.list
				return err
			}
			return x.skip()
		}, nil)
		if m := headingName.FindStringSubmatch(s.name); m != nil && s.level == 0 {
			s.level, _ = strconv.Atoi(m[1]) // one digit
		}
		s.title = s.name == "title"
		s.contents = strings.HasPrefix(s.name, "toc ") || s.name == "table of figures"
		return err
	})
}

func (d *docx) readCharacterStyle(x *xmlReader, id string) error {
	return x.children(func(e xml.StartElement) error {
		if e.Name.Local != "rPr" {
			return x.skip()
		}
		hidden, err := d.look(x, &paragraph{}, false)
		d.unseen[id] = hidden
		return err
	}, nil)
}

// style is the style of an id with what it takes from those it is based on.
func (d *docx) style(id string) style {
	s := d.styles[id]
	if s == nil {
		return style{}
	}
	if !s.resolved {
		s.resolved = true // first, for styles that are based on themselves
		if base := d.style(s.basedOn); s.basedOn != "" {
			if s.level == 0 {
				s.level = base.level
			}
			if s.list.id == "" {
				s.list = base.list
			}
			s.title, s.contents = s.title || base.title, s.contents || base.contents
		}
	}
	return *s
}
