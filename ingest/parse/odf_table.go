package parse

import (
	"encoding/xml"
	"strings"
)

// maxRepeated is how often a row or cell that holds something is repeated;
// programs write the empty rest of a sheet as one row, a million times.
const maxRepeated = 1000

// sheets reads a spreadsheet.
func (o *odf) sheets(x *xmlReader) error {
	return x.children(func(e xml.StartElement) error {
		if e.Name.Local != "table" || o.hidden["table "+attrOf(e, "style-name")] {
			return x.skip()
		}
		s := sheet{out: &o.out, name: attrOf(e, "name")}
		err := o.rows(x, s.row)
		s.flush()
		return err
	}, nil)
}

// table reads a table in running text.
func (o *odf) table(x *xmlReader) (rows [][]string, err error) {
	err = o.rows(x, func(cells []string) { rows = append(rows, cells) })
	for _, row := range rows {
		for i := range row {
			row[i] = cellLine(row[i])
		}
	}
	return rows, err
}

// rows calls each for every visible row.
func (o *odf) rows(x *xmlReader, each func([]string)) error {
	var hidden []bool // columns
	above := map[int]span{}
	var read func() error
	read = func() error {
		return x.children(func(e xml.StartElement) error {
			switch e.Name.Local {
			case "table-column":
				for n := o.repeated(e, "number-columns-repeated"); n > 0; n-- {
					hidden = append(hidden, attrOf(e, "visibility") != "" && attrOf(e, "visibility") != "visible")
				}
				return x.skip()
			case "table-row":
				cells, err := o.row(x, above, hidden)
				if err != nil || attrOf(e, "visibility") != "" && attrOf(e, "visibility") != "visible" {
					return err
				}
				n := 1
				if words(cells) > 0 {
					n = o.repeated(e, "number-rows-repeated")
				}
				for ; n > 0; n-- {
					if o.cells -= len(cells) + 1; o.cells < 0 {
						return tooManyCells(o.limits.Cells)
					}
					if o.out.full() {
						return tooLarge(o.limits.Text)
					}
					each(append([]string(nil), cells...))
				}
				return nil
			case "table-columns", "table-column-group", "table-header-columns", "table-rows", "table-row-group", "table-header-rows":
				return read()
			}
			return x.skip() // forms, shapes, captions of programs
		}, nil)
	}
	return read()
}

func (o *odf) repeated(e xml.StartElement, name string) int {
	return int(min(max(intOf(e, name), 1), maxRepeated))
}

// row is the cells of a row, those of hidden columns empty. Above holds cells that span rows.
func (o *odf) row(x *xmlReader, above map[int]span, hidden []bool) (cells []string, err error) {
	err = x.children(func(e xml.StartElement) error {
		covered := e.Name.Local == "covered-table-cell"
		if e.Name.Local != "table-cell" && !covered {
			return x.skip()
		}
		lines, err := o.cell(x)
		text := strings.Join(lines, " ")
		if s := above[len(cells)]; covered && s.rows > 0 && text == "" {
			text = s.text
			above[len(cells)] = span{s.text, s.rows - 1}
		} else if n := intOf(e, "number-rows-spanned"); n > 1 && len(text) <= maxRepeat {
			above[len(cells)] = span{text, int(min(n, maxRepeated)) - 1}
		}
		n := o.repeated(e, "number-columns-repeated")
		if len(cells)+n > o.cells {
			return tooManyCells(o.limits.Cells)
		}
		for ; n > 0; n-- {
			if len(cells) < len(hidden) && hidden[len(cells)] {
				cells = append(cells, "")
			} else {
				cells = append(cells, text)
			}
		}
		return err
	}, nil)
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return cells, err
}

// cell is the lines of a cell; a table in it gives a line for each row.
func (o *odf) cell(x *xmlReader) (lines []string, err error) {
	err = x.children(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "p", "h":
			p := odfText{o: o}
			err := p.read(x)
			if !o.hidden["paragraph "+attrOf(e, "style-name")] {
				lines = append(append(append(lines, p.text.String()), p.boxes...), p.notes...)
			}
			return err
		case "table":
			rows, err := o.table(x)
			for _, row := range rows {
				lines = append(lines, strings.Join(row, ", "))
			}
			return err
		case "list", "list-item", "section":
			more, err := o.cell(x)
			lines = append(lines, more...)
			return err
		}
		return x.skip()
	}, nil)
	return lines, err
}
