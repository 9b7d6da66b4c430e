package parse

import (
	"cmp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// renderer writes a tree of elements as text, block by block.
type renderer struct {
	body   body
	inline strings.Builder // the block in progress, white space collapsed
	space  bool            // white space is due before the next word
	prefix string          // of the next block: bullet or number of a list item
	lists  []list          // the lists that are open
	tight  bool            // the next block follows the last without an empty line
}

type list struct {
	ordered bool
	next    int
}

func (r *renderer) walk(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		r.words(n.Data)
		return
	case html.ElementNode:
		if left(n) && n.DataAtom != atom.Main && n.DataAtom != atom.Body {
			if n.DataAtom == atom.Header {
				r.pageTitle(n)
			}
			return
		}
	}
	switch n.DataAtom {
	case atom.Br:
		r.inline.WriteByte('\n')
		r.space = false
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		r.heading(n)
	case atom.Ul, atom.Ol, atom.Menu, atom.Dir:
		r.list(n)
	case atom.Li:
		r.item(n)
	case atom.Dt, atom.Dd:
		r.flush()
		r.children(n)
		r.flush()
		r.tight = n.NextSibling != nil
	case atom.Table:
		r.table(n)
	case atom.Pre:
		r.pre(n)
	case atom.Hr:
		r.flush()
	default:
		if !isBlock(n) {
			r.children(n)
			return
		}
		r.flush()
		r.children(n)
		r.flush()
	}
}

func (r *renderer) children(n *html.Node) {
	if r.body.full() {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.walk(c)
	}
}

// words appends text with white space collapsed.
func (r *renderer) words(text string) {
	for i, word := range strings.FieldsFunc(text, htmlSpace) {
		if r.inline.Len() > 0 && (i > 0 || r.space || htmlSpace(rune(text[0]))) && !strings.HasSuffix(r.inline.String(), "\n") {
			r.inline.WriteByte(' ')
		}
		r.space = false
		r.inline.WriteString(word)
	}
	if text != "" && htmlSpace(rune(text[len(text)-1])) {
		r.space = true
	}
}

func htmlSpace(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// flush ends the block in progress.
func (r *renderer) flush() {
	text := strings.TrimSpace(r.inline.String())
	r.inline.Reset()
	r.space = false
	if text == "" {
		return
	}
	if len(r.lists) > 0 {
		indent := strings.Repeat("  ", min(len(r.lists)-1, 8))
		text = indent + cmp.Or(r.prefix, "  ") + strings.ReplaceAll(text, "\n", "\n"+indent+"  ")
	}
	if r.tight || len(r.lists) > 0 && r.prefix == "" {
		r.body.line(text)
	} else {
		r.body.block(text)
	}
	r.prefix, r.tight = "", len(r.lists) > 0
}

func (r *renderer) heading(n *html.Node) {
	r.flush()
	r.body.heading(int(n.Data[1]-'0'), flat(n))
	r.prefix, r.tight = "", false
}

// pageTitle keeps the h1 of a page's banner, which is left out otherwise.
func (r *renderer) pageTitle(n *html.Node) {
	if h := find(n, func(d *html.Node) bool { return d.DataAtom == atom.H1 }); h != nil {
		r.heading(h)
	}
}

func (r *renderer) list(n *html.Node) {
	r.flush()
	l := list{ordered: n.DataAtom == atom.Ol, next: 1}
	if start, err := strconv.Atoi(attr(n, "start")); err == nil && l.ordered {
		l.next = start
	}
	r.lists = append(r.lists, l)
	r.children(n)
	r.flush()
	r.lists = r.lists[:len(r.lists)-1]
	r.prefix, r.tight = "", len(r.lists) > 0
}

func (r *renderer) item(n *html.Node) {
	r.flush()
	r.prefix = "- "
	if len(r.lists) > 0 {
		if l := &r.lists[len(r.lists)-1]; l.ordered {
			r.prefix = strconv.Itoa(l.next) + ". "
			l.next++
		}
	}
	r.children(n)
	r.flush()
}

// pre keeps white space. With code in it, it is a code block; else it may be
// a whole text set in a fixed-width font.
func (r *renderer) pre(n *html.Node) {
	r.flush()
	var b strings.Builder
	for d := range n.Descendants() {
		switch {
		case d.Type == html.TextNode:
			b.WriteString(d.Data)
		case d.DataAtom == atom.Br, d.DataAtom == atom.Div && b.Len() > 0:
			b.WriteByte('\n')
		}
	}
	text := strings.ReplaceAll(b.String(), "\r\n", "\n")
	if attr(n, "class") != "" || find(n, func(d *html.Node) bool { return d.DataAtom == atom.Code }) != nil {
		r.body.code(text)
	} else {
		r.body.block(text)
	}
	r.tight = false
}

func isBlock(n *html.Node) bool {
	switch n.DataAtom {
	case atom.A, atom.Abbr, atom.B, atom.Bdi, atom.Bdo, atom.Big, atom.Cite, atom.Code, atom.Data, atom.Del, atom.Dfn, atom.Em,
		atom.Font, atom.I, atom.Img, atom.Ins, atom.Kbd, atom.Label, atom.Mark, atom.Q, atom.Rb, atom.Ruby, atom.S, atom.Samp,
		atom.Small, atom.Span, atom.Strike, atom.Strong, atom.Sub, atom.Sup, atom.Time, atom.Tt, atom.U, atom.Var, atom.Wbr,
		atom.Math, atom.Nobr, atom.Output:
		return false
	}
	return n.Type == html.ElementNode && n.Namespace == ""
}
