package parse

import (
	"encoding/xml"
	"net/url"
	"path"
	"strings"
)

// readEPUB gives the chapters of an e-book in their order; tables of contents
// and covers, which are not in it, are left out.
func readEPUB(data []byte, l Limits) (Text, error) {
	a, err := openZip(data, l)
	if err != nil {
		return Text{}, err
	}
	b := epub{items: map[string]item{}}
	locked := false
	for _, step := range []struct {
		part string
		read func(*xmlReader) error
	}{
		{"META-INF/encryption.xml", func(x *xmlReader) error { return protected(x, &locked) }},
		{"META-INF/container.xml", b.container},
	} {
		if err := a.xml(step.part, l.Depth, step.read); err != nil {
			return Text{}, err
		}
	}
	if locked {
		return Text{}, encrypted()
	}
	if err := a.xml(b.packed, l.Depth, b.list); err != nil {
		return Text{}, err
	}
	out := body{limit: l.Text}
	read := map[string]bool{}
	for _, id := range b.order {
		part := b.items[id].part
		if read[part] || strings.Contains(" "+b.items[id].properties+" ", " nav ") {
			continue // one that is listed twice is shown once
		}
		read[part] = true
		page, err := a.read(part)
		if err != nil {
			return Text{}, err
		}
		text, err := htmlText(decodeHTML(page, "application/xhtml+xml"), l)
		if e, ok := isLimit(err); ok && e.Code != CodeEmpty {
			return Text{}, err
		}
		if err == nil {
			out.append(text, 0)
		}
		if out.full() {
			return Text{}, tooLarge(l.Text)
		}
	}
	return out.done(b.title)
}

type epub struct {
	packed string // the part that lists the others
	items  map[string]item
	order  []string
	title  string
}

type item struct{ part, properties string }

// protected is set when more than fonts are encrypted.
func protected(x *xmlReader, locked *bool) error {
	return x.children(func(e xml.StartElement) error {
		if e.Name.Local == "CipherReference" {
			name := strings.ToLower(attrOf(e, "URI"))
			*locked = *locked || strings.HasSuffix(name, "html") || strings.HasSuffix(name, "htm")
		}
		return protected(x, locked)
	}, nil)
}

func (b *epub) container(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		if e.Name.Local == "rootfile" && b.packed == "" {
			b.packed = path.Clean(attrOf(e, "full-path"))
		}
		return b.container(x)
	}, nil)
}

// list reads what there is, and in which order.
func (b *epub) list(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "title":
			text, err := x.text()
			if b.title == "" {
				b.title = oneLine(text)
			}
			return err
		case "item":
			name, err := url.PathUnescape(attrOf(e, "href"))
			if err == nil {
				b.items[attrOf(e, "id")] = item{part: path.Join(path.Dir(b.packed), name), properties: attrOf(e, "properties")}
			}
			return x.skip()
		case "itemref":
			if attrOf(e, "linear") != "no" {
				b.order = append(b.order, attrOf(e, "idref"))
			}
			return x.skip()
		}
		return b.list(x)
	}, nil)
}
