package parse

import (
	"cmp"
	"encoding/xml"
	"path"
	"strings"
)

// readDOCX gives the text of a Word document: paragraphs, headings, lists with
// their numbers, tables, notes. Headers, footers, comments, deleted text,
// hidden text and the table of contents are left out.
func readDOCX(data []byte, l Limits) (Text, error) {
	a, err := openZip(data, l)
	if err != nil {
		return Text{}, err
	}
	d := &docx{zip: a, limits: l, out: body{limit: l.Text}, notes: map[string]string{}}
	main := "word/document.xml"
	if !a.has(main) {
		if main, err = a.document(l.Depth); err != nil {
			return Text{}, err
		}
	}
	dir := path.Dir(main)
	steps := []struct {
		part string
		read func(*xmlReader) error
	}{
		{dir + "/styles.xml", d.readStyles},
		{dir + "/numbering.xml", d.readNumbering},
		{dir + "/footnotes.xml", d.readNotes},
		{dir + "/endnotes.xml", d.readNotes},
		{"docProps/core.xml", d.readProperties},
		{main, d.readBody},
	}
	for _, s := range steps {
		if err := d.part(s.part, s.read); err != nil {
			return Text{}, err
		}
	}
	title := cmp.Or(d.title, d.property)
	if title == "" && len(d.out.marks) > 0 && d.out.marks[0].Start < titleWithin {
		title = firstHeading(d.out.marks)
	}
	return d.out.done(title)
}

// titleWithin is how far from the start, in bytes, a heading may stand for the title.
const titleWithin = 300

type docx struct {
	zip      *archive
	limits   Limits
	out      body
	styles   map[string]*style
	unseen   map[string]bool // styles of characters that hide them
	covered  int             // more than 0 where something of a colour may lie behind the text: in tables and boxes
	numbers  numbering
	inList   bool              // the last paragraph written was a list item
	notes    map[string]string // text of foot- and endnotes, by "footnote 3"
	title    string            // the paragraph in the style Title
	property string            // the title in the document's properties
}

// part reads one XML part; one that is missing is passed over.
func (d *docx) part(name string, read func(*xmlReader) error) error {
	return d.zip.xml(name, d.limits.Depth, read)
}

// each calls f for the children of the document's root element.
func each(x *xmlReader, f func(xml.StartElement) error) error {
	return x.children(func(xml.StartElement) error { return x.children(f, nil) }, nil)
}

func (d *docx) readProperties(x *xmlReader) error { return readTitle(x, &d.property) }

// readNotes keeps the text of each note until the place that refers to it.
func (d *docx) readNotes(x *xmlReader) error {
	return each(x, func(e xml.StartElement) error {
		if kind := attrOf(e, "type"); kind != "" && kind != "normal" {
			return x.skip() // separators
		}
		paragraphs, err := d.blocks(x, false)
		d.notes[e.Name.Local+" "+attrOf(e, "id")] = strings.Join(paragraphs, " ")
		return err
	})
}

func (d *docx) readBody(x *xmlReader) error {
	return each(x, func(e xml.StartElement) error {
		if e.Name.Local == "background" && !strings.EqualFold(attrOf(e, "color"), "FFFFFF") {
			d.covered++
		}
		if e.Name.Local != "body" {
			return x.skip()
		}
		_, err := d.blocks(x, true)
		return err
	})
}
