package parse

import (
	"encoding/xml"
	"errors"
	"io"

	"golang.org/x/text/encoding/htmlindex"
)

// xmlReader walks over a document by elements, no deeper than limit.
type xmlReader struct {
	dec   *xml.Decoder
	depth int
	limit int
}

func newXML(r io.Reader, limit int) *xmlReader {
	dec := xml.NewDecoder(r)
	dec.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(input), nil
	}
	return &xmlReader{dec: dec, limit: limit}
}

// children calls each for every child element of the one that was just
// entered, and text, which may be nil, for the characters between them. Each
// must read its element to the end: with children, or with skip.
func (x *xmlReader) children(each func(xml.StartElement) error, text func(xml.CharData)) error {
	for {
		token, err := x.dec.Token()
		if errors.Is(err, io.EOF) && x.depth == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if x.depth++; x.depth > x.limit {
				return tooDeep(x.limit)
			}
			if err := each(t); err != nil {
				return err
			}
			x.depth--
		case xml.EndElement:
			return nil
		case xml.CharData:
			if text != nil {
				text(t)
			}
		}
	}
}

// skip reads over the element that was just entered.
func (x *xmlReader) skip() error {
	return x.children(func(xml.StartElement) error { return x.skip() }, nil)
}

// text is the characters directly in the element that was just entered.
func (x *xmlReader) text() (string, error) {
	var s []byte
	err := x.children(func(xml.StartElement) error { return x.skip() }, func(c xml.CharData) { s = append(s, c...) })
	return string(s), err
}

// attrOf is an attribute by its name without name space.
func attrOf(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
