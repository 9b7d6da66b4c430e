package parse

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// table writes a table of data with one row a line. One that holds another
// table or headings is layout: its cells are blocks.
func (r *renderer) table(n *html.Node) {
	r.flush()
	layout := attr(n, "role") == "presentation" || find(n, func(d *html.Node) bool {
		switch d.DataAtom {
		case atom.Table, atom.H1, atom.H2, atom.H3, atom.Pre:
			return true
		}
		return false
	}) != nil
	if layout {
		r.children(n)
		r.flush()
		return
	}
	var rows [][]string
	g := grid{}
	header := false
	for d := range n.Descendants() {
		switch d.DataAtom {
		case atom.Caption:
			r.children(d)
			r.flush()
		case atom.Tr:
			row, heads := g.row(d)
			if len(rows) == 0 {
				header = heads || !anyHead(n)
			}
			rows = append(rows, row)
		}
	}
	r.body.table(rows, header)
	r.tight = false
}

// anyHead is true when the table marks some cells as heads.
func anyHead(n *html.Node) bool {
	return find(n, func(d *html.Node) bool { return d.DataAtom == atom.Th }) != nil
}

// grid carries cells that span rows down into the rows below.
type grid map[int]span

type span struct {
	text string
	rows int
}

// maxRepeat is the longest cell, in bytes, that is repeated in each row it spans.
const maxRepeat = 200

// row is the cells of a row; heads is true when all of them are heads, or the row is in the table's head.
func (g grid) row(tr *html.Node) (cells []string, heads bool) {
	heads = true
	down := func() {
		for {
			s, ok := g[len(cells)]
			if !ok || s.rows == 0 {
				return
			}
			g[len(cells)] = span{s.text, s.rows - 1}
			cells = append(cells, s.text)
		}
	}
	for c := tr.FirstChild; c != nil && len(cells) < 1000; c = c.NextSibling {
		if c.DataAtom != atom.Td && c.DataAtom != atom.Th || left(c) {
			continue
		}
		down()
		heads = heads && c.DataAtom == atom.Th
		text := cellText(c)
		if n, err := strconv.Atoi(attr(c, "rowspan")); err == nil && n > 1 && len(text) <= maxRepeat {
			g[len(cells)] = span{text, min(n, 1000) - 1}
		}
		cells = append(cells, text)
	}
	down()
	return cells, len(cells) > 0 && heads || tr.Parent != nil && tr.Parent.DataAtom == atom.Thead
}

// cellText is a cell on one line.
func cellText(n *html.Node) string { return strings.ReplaceAll(flat(n), "|", "/") }

// flat is what n holds, blocks and all, on one line.
func flat(n *html.Node) string {
	c := renderer{body: body{limit: 1 << 30}}
	c.children(n)
	c.flush()
	return strings.Join(strings.Fields(c.body.text.String()), " ")
}
