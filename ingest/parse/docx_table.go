package parse

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// table reads rows as cells of one line each. Header is true when the first
// row can stand for the columns.
func (d *docx) table(x *xmlReader) (rows [][]string, header bool, err error) {
	d.covered++
	defer func() { d.covered-- }()
	above := map[int]string{}
	var read func() error
	read = func() error {
		return x.children(func(e xml.StartElement) error {
			switch e.Name.Local {
			case "tr":
				row, err := d.row(x, above)
				rows = append(rows, row)
				return err
			case "tblPr", "tblGrid", "del", "Fallback":
				return x.skip()
			}
			return read() // content controls and insertions around rows
		}, nil)
	}
	err = read()
	return rows, len(rows) > 1, err
}

// row reads one w:tr. Above holds cells that span rows, by column.
func (d *docx) row(x *xmlReader, above map[int]string) (cells []string, err error) {
	column, deleted := 0, false
	var read func() error
	read = func() error {
		return x.children(func(e xml.StartElement) error {
			switch e.Name.Local {
			case "tc":
				c, err := d.cell(x)
				if err != nil {
					return err
				}
				switch {
				case c.merge == "restart":
					above[column] = c.text
				case c.merge != "" && c.text == "" && len(above[column]) <= maxRepeat:
					c.text = above[column]
				case c.merge == "":
					delete(above, column)
				}
				column += c.columns
				cells = append(cells, c.text)
				return nil
			case "trPr":
				return x.children(func(e xml.StartElement) error {
					deleted = deleted || e.Name.Local == "del"
					return x.skip()
				}, nil)
			case "tblPrEx", "del", "Fallback":
				return x.skip()
			}
			return read()
		}, nil)
	}
	if err = read(); deleted {
		return nil, err
	}
	return cells, err
}

type cell struct {
	text    string
	columns int
	merge   string // "", "restart" or "continue"
}

func (d *docx) cell(x *xmlReader) (cell, error) {
	c := cell{columns: 1}
	var lines []string
	err := x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "tcPr":
			return x.children(func(e xml.StartElement) error {
				switch e.Name.Local {
				case "gridSpan":
					if n, err := strconv.Atoi(attrOf(e, "val")); err == nil {
						c.columns = min(max(n, 1), 1000)
					}
				case "vMerge":
					if c.merge = attrOf(e, "val"); c.merge == "" {
						c.merge = "continue"
					}
				}
				return x.skip()
			}, nil)
		case "p":
			p, err := d.paragraph(x)
			lines = append(lines, p.lines(d)...)
			return err
		case "tbl":
			rows, _, err := d.table(x)
			for _, row := range rows {
				lines = append(lines, strings.Join(row, ", "))
			}
			return err
		case "del", "Fallback":
			return x.skip()
		}
		more, err := d.blocks(x, false)
		lines = append(lines, more...)
		return err
	}, nil)
	c.text = strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(lines, " "), "|", "/")), " ")
	return c, err
}
