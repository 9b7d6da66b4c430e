package parse

import (
	"encoding/xml"
	"strings"
)

// frame reads a table, a chart or a diagram.
func (p *pptx) frame(x *xmlReader, s *shapes) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "graphic", "graphicData", "AlternateContent", "Choice":
			return p.frame(x, s)
		case "tbl":
			b, err := p.table(x)
			s.blocks = append(s.blocks, b)
			return err
		case "chart":
			b, err := p.chart(p.related[refOf(e, "id")].part)
			s.blocks = append(s.blocks, b...)
			if err != nil {
				return err
			}
		case "relIds":
			var lines []string
			if err := p.diagram(p.related[refOf(e, "dm")].part, &lines); err != nil {
				return err
			}
			s.blocks = append(s.blocks, slideBlock{lines: lines})
		}
		return x.skip()
	}, nil)
}

func (p *pptx) table(x *xmlReader) (slideBlock, error) {
	b := slideBlock{header: true, rows: [][]string{}}
	above := map[int]string{}
	err := x.children(func(e xml.StartElement) error {
		if e.Name.Local != "tr" {
			return x.skip()
		}
		var row []string
		err := x.children(func(e xml.StartElement) error {
			if e.Name.Local != "tc" {
				return x.skip()
			}
			var lines []string
			err := x.children(func(e xml.StartElement) error {
				if e.Name.Local == "txBody" {
					return p.paragraphs(x, &lines, false)
				}
				return x.skip()
			}, nil)
			text, column := cellLine(strings.Join(lines, " ")), len(row)
			switch {
			case isTrue(attrOf(e, "vMerge")):
				text = above[column]
			case intOf(e, "rowSpan") > 1 && len(text) <= maxRepeat:
				above[column] = text
			}
			row = append(row, text)
			return err
		}, nil)
		b.rows = append(b.rows, row)
		return err
	}, nil)
	return b, err
}

// chart gives the title of a chart and its figures as a table.
func (p *pptx) chart(part string) ([]slideBlock, error) {
	var c chart
	if err := p.zip.xml(part, p.limits.Depth, c.read); err != nil {
		return nil, err
	}
	var out []slideBlock
	if c.title != "" {
		out = append(out, slideBlock{lines: []string{c.title}})
	}
	if rows := c.rows(); len(rows) > 1 {
		out = append(out, slideBlock{rows: rows, header: true})
	}
	return out, nil
}

type chart struct {
	title  string
	series []series
}

type series struct{ name, labels, values []string }

func (c *chart) read(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "title":
			var words []string
			err := values(x, "t", &words)
			if c.title == "" {
				c.title = oneLine(strings.Join(words, ""))
			}
			return err
		case "ser":
			var s series
			err := x.children(func(e xml.StartElement) error {
				switch e.Name.Local {
				case "tx":
					return values(x, "v", &s.name)
				case "cat", "xVal":
					return values(x, "v", &s.labels)
				case "val", "yVal":
					return values(x, "v", &s.values)
				}
				return x.skip()
			}, nil)
			c.series = append(c.series, s)
			return err
		case "valAx", "catAx", "dateAx", "serAx", "legend", "spPr", "txPr", "extLst", "externalData":
			return x.skip()
		}
		return c.read(x)
	}, nil)
}

// maxValues is far more than a chart can show.
const maxValues = 100_000

// values gathers the text of all elements of a name.
func values(x *xmlReader, name string, out *[]string) error {
	return x.children(func(e xml.StartElement) error {
		if e.Name.Local != name {
			return values(x, name, out)
		}
		text, err := x.text()
		if len(*out) < maxValues {
			*out = append(*out, text)
		}
		return err
	}, nil)
}

// maxSeries is far more columns than a chart can show.
const maxSeries = 256

// rows has a line for each label and a column for each series.
func (c *chart) rows() [][]string {
	if len(c.series) == 0 || len(c.series) > maxSeries {
		return nil
	}
	head := []string{""}
	longest := 0
	for _, s := range c.series {
		head = append(head, cellLine(strings.Join(s.name, " ")))
		longest = max(longest, len(s.values), len(s.labels))
	}
	rows := [][]string{head}
	for i := range longest {
		row := []string{""}
		for _, s := range c.series {
			if row[0] == "" && i < len(s.labels) {
				row[0] = cellLine(s.labels[i])
			}
			value := ""
			if i < len(s.values) {
				value = cellLine(s.values[i])
			}
			row = append(row, value)
		}
		rows = append(rows, row)
	}
	return rows
}

// diagram gives the texts of a drawing made of words.
func (p *pptx) diagram(part string, lines *[]string) error {
	return p.zip.xml(part, p.limits.Depth, func(x *xmlReader) error {
		var walk func() error
		walk = func() error {
			return x.children(func(e xml.StartElement) error {
				if e.Name.Local == "t" && strings.HasSuffix(e.Name.Space, "/diagram") {
					return p.paragraphs(x, lines, false)
				}
				return walk()
			}, nil)
		}
		return walk()
	})
}
