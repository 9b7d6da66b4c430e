package parse

import (
	"encoding/xml"
	"strings"
)

// shapes is what a slide shows, in the order of its shapes.
type shapes struct {
	title  string
	blocks []slideBlock
	notes  bool // only the body of a page of notes matters
}

// slideBlock is a table, or lines of text.
type slideBlock struct {
	rows   [][]string
	header bool
	lines  []string
}

// group reads a tree or a group of shapes. The places of shapes are those of the slide only outside groups.
func (p *pptx) group(x *xmlReader, s *shapes, outer bool) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "sp":
			return p.shape(x, s, outer)
		case "grpSp":
			return p.group(x, s, false)
		case "graphicFrame":
			return p.frame(x, s)
		case "AlternateContent", "Choice":
			return p.group(x, s, outer)
		}
		return x.skip()
	}, nil)
}

// shape is one box of text.
type shape struct {
	placeholder string // its kind; "-": none
	hidden      bool
	lines       []string
}

func (p *pptx) shape(x *xmlReader, s *shapes, outer bool) error {
	sh := shape{placeholder: "-"}
	err := x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "nvSpPr":
			return sh.properties(x)
		case "spPr":
			return p.place(x, &sh, outer)
		case "txBody":
			return p.paragraphs(x, &sh.lines, sh.placeholder == "body" || sh.placeholder == "obj" || sh.placeholder == "")
		}
		return x.skip()
	}, nil)
	text := strings.TrimSpace(strings.Join(sh.lines, "\n"))
	if err != nil || sh.hidden || text == "" {
		return err
	}
	switch sh.placeholder {
	case "sldNum", "dt", "ftr", "hdr", "sldImg":
		return nil
	case "title", "ctrTitle":
		if s.title == "" && !s.notes {
			s.title = oneLine(text)
			return nil
		}
	}
	if !s.notes || sh.placeholder == "body" {
		s.blocks = append(s.blocks, slideBlock{lines: sh.lines})
	}
	return nil
}

// properties says what a shape is for, and whether it is hidden.
func (sh *shape) properties(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "cNvPr":
			sh.hidden = sh.hidden || isTrue(attrOf(e, "hidden"))
		case "ph":
			sh.placeholder = attrOf(e, "type")
		case "nvPr":
			return sh.properties(x)
		}
		return x.skip()
	}, nil)
}

// place hides what lies beside the slide.
func (p *pptx) place(x *xmlReader, sh *shape, outer bool) error {
	return x.children(func(e xml.StartElement) error {
		if e.Name.Local != "xfrm" || !outer || p.width <= 0 || p.height <= 0 {
			return x.skip()
		}
		var left, top, width, height int64
		err := x.children(func(e xml.StartElement) error {
			switch e.Name.Local {
			case "off":
				left, top = intOf(e, "x"), intOf(e, "y")
			case "ext":
				width, height = intOf(e, "cx"), intOf(e, "cy")
			}
			return x.skip()
		}, nil)
		sh.hidden = sh.hidden || left >= p.width || top >= p.height || left+width <= 0 && left < 0 || top+height <= 0 && top < 0
		return err
	}, nil)
}

// paragraphs reads the text of a box, a line for each paragraph. With listed, several paragraphs are the items of a list.
func (p *pptx) paragraphs(x *xmlReader, lines *[]string, listed bool) error {
	var all []slideParagraph
	err := x.children(func(e xml.StartElement) error {
		if e.Name.Local != "p" {
			return x.skip()
		}
		g := slideParagraph{bullet: listed}
		err := g.runs(x, p.limits.Text)
		if strings.TrimSpace(g.text.String()) != "" {
			all = append(all, g)
		}
		return err
	}, nil)
	for _, g := range all {
		text := strings.TrimSpace(g.text.String())
		if g.bullet && len(all) > 1 {
			text = strings.Repeat("  ", min(g.level, 8)) + "- " + text
		}
		*lines = append(*lines, text)
	}
	return err
}

type slideParagraph struct {
	text   strings.Builder
	level  int
	bullet bool
}

func (g *slideParagraph) runs(x *xmlReader, limit int) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "pPr":
			g.level = int(intOf(e, "lvl"))
			return x.children(func(e xml.StartElement) error {
				switch e.Name.Local {
				case "buNone":
					g.bullet = false
				case "buChar", "buAutoNum", "buBlip":
					g.bullet = true
				}
				return x.skip()
			}, nil)
		case "r", "fld":
			return g.run(x, limit)
		case "br":
			g.text.WriteByte('\n')
		case "m", "AlternateContent", "Choice", "oMath", "oMathPara":
			return g.runs(x, limit)
		}
		return x.skip()
	}, nil)
}

// run reads a stretch of text of one look; nobody can read one of less than two points.
func (g *slideParagraph) run(x *xmlReader, limit int) error {
	tiny := false
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "rPr":
			tiny = attrOf(e, "sz") != "" && intOf(e, "sz") < 200
		case "t":
			text, err := x.text()
			if !tiny && g.text.Len() <= limit {
				g.text.WriteString(text)
			}
			return err
		}
		return x.skip()
	}, nil)
}
