package parse

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// blocks reads paragraphs and tables in the element that was just entered.
// With write they go to the text; without, they come back as lines.
func (d *docx) blocks(x *xmlReader, write bool) (lines []string, err error) {
	err = x.children(func(e xml.StartElement) error {
		if d.out.text.Len() > d.limits.Text {
			return tooLarge(d.limits.Text)
		}
		switch e.Name.Local {
		case "p":
			p, err := d.paragraph(x)
			if err != nil {
				return err
			}
			if write {
				d.write(p)
				return nil
			}
			lines = append(lines, p.lines(d)...)
			return nil
		case "tbl":
			rows, header, err := d.table(x)
			if err != nil {
				return err
			}
			if write {
				d.inList = false
				d.out.table(rows, header)
				return nil
			}
			for _, row := range rows {
				lines = append(lines, strings.Join(row, " "))
			}
			return nil
		case "del", "moveFrom", "Fallback", "sectPr", "sdtPr", "tcPr", "annotation":
			return x.skip()
		}
		more, err := d.blocks(x, write) // content controls, insertions, alternatives
		lines = append(lines, more...)
		return err
	}, nil)
	return lines, err
}

// paragraph is one w:p. Text in boxes that hang on it comes after it.
type paragraph struct {
	text    strings.Builder
	style   string
	outline int // -1: as the style says
	shaded  bool
	list    listRef
	boxes   []string
	notes   []string
}

func (p *paragraph) lines(d *docx) []string {
	var out []string
	if text := strings.TrimSpace(p.text.String()); text != "" {
		out = append(out, d.label(p)+text)
	}
	return append(append(out, p.boxes...), p.notes...)
}

func (d *docx) paragraph(x *xmlReader) (*paragraph, error) {
	p := &paragraph{outline: -1}
	return p, d.runs(x, p, false)
}

// write puts a paragraph into the text.
func (d *docx) write(p *paragraph) {
	text := strings.TrimSpace(p.text.String())
	s := d.style(p.style)
	level := s.level
	if p.outline >= 0 {
		level = p.outline + 1
	}
	item := false
	switch {
	case text == "" || s.contents:
	case level >= 1 && level <= 9:
		d.out.heading(level, d.label(p)+text)
	case s.title && d.title == "":
		d.title = oneLine(text)
		d.out.block(text)
	default:
		label := d.label(p)
		if item = label != ""; item && d.inList {
			d.out.line(label + text)
		} else {
			d.out.block(label + text)
		}
	}
	for _, more := range append(p.boxes, p.notes...) {
		d.out.block(more)
		item = false
	}
	d.inList = item
}

// runs reads what a paragraph, or an element inside one, holds.
func (d *docx) runs(x *xmlReader, p *paragraph, hidden bool) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "pPr":
			return d.paragraphProperties(x, p)
		case "rPr":
			var err error
			hidden, err = d.look(x, p, hidden)
			return err
		case "r":
			return d.runs(x, p, false) // its own rPr says whether it is hidden
		case "t":
			text, err := x.text()
			if !hidden && err == nil && p.text.Len() <= d.limits.Text {
				p.text.WriteString(text)
			}
			return err
		case "tab", "ptab":
			p.text.WriteByte('\t')
		case "br", "cr":
			p.text.WriteByte('\n')
		case "noBreakHyphen":
			p.text.WriteByte('-')
		case "footnoteReference", "endnoteReference":
			note := strings.TrimSuffix(e.Name.Local, "Reference") + " " + attrOf(e, "id")
			if text := d.notes[note]; text != "" {
				p.notes = append(p.notes, text)
			}
		case "txbxContent":
			d.covered++
			lines, err := d.blocks(x, false)
			d.covered--
			p.boxes = append(p.boxes, lines...)
			return err
		case "del", "moveFrom", "Fallback", "instrText", "rt", "delText", "annotation", "softHyphen":
		default:
			return d.runs(x, p, hidden)
		}
		return x.skip()
	}, nil)
}

// look reads run properties: whether the text is hidden, or cannot be seen,
// being smaller than two points or white without anything behind it.
func (d *docx) look(x *xmlReader, p *paragraph, hidden bool) (bool, error) {
	white, shaded := false, p.shaded || d.covered > 0
	err := x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "vanish":
			hidden = on(e)
		case "rStyle":
			hidden = hidden || d.unseen[attrOf(e, "val")]
		case "sz":
			hidden = hidden || attrOf(e, "val") != "" && intOf(e, "val") < 4 // half points
		case "color":
			white = strings.EqualFold(attrOf(e, "val"), "FFFFFF")
		case "highlight":
			shaded = shaded || attrOf(e, "val") != "none" && attrOf(e, "val") != "white"
		case "shd":
			shaded = shaded || shade(e)
		}
		return x.skip()
	}, nil)
	return hidden || white && !shaded, err
}

// shade is true for a background of a colour.
func shade(e xml.StartElement) bool {
	switch strings.ToUpper(attrOf(e, "fill")) {
	case "", "AUTO", "FFFFFF":
		return attrOf(e, "themeFill") != ""
	}
	return true
}

// on is the value of a switch such as <w:vanish/>.
func on(e xml.StartElement) bool {
	v := attrOf(e, "val")
	return v != "0" && v != "false" && v != "off"
}

func (d *docx) paragraphProperties(x *xmlReader, p *paragraph) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "pStyle":
			p.style = attrOf(e, "val")
		case "outlineLvl":
			p.outline = outline(e)
		case "shd":
			p.shaded = p.shaded || shade(e)
		case "numPr":
			return p.list.read(x)
		}
		return x.skip()
	}, nil)
}

// outline is a level counted from 0; 9 and more are body text.
func outline(e xml.StartElement) int {
	n, err := strconv.Atoi(attrOf(e, "val"))
	if err != nil || n < 0 {
		return -1
	}
	return n
}
