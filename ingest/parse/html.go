package parse

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// readHTML gives the readable text of the main content: headings, paragraphs,
// lists, tables and code; no scripts, navigation, banners or hidden parts.
func readHTML(data []byte, mediaType string, l Limits) (Text, error) {
	page := decodeHTML(data, mediaType)
	title := ""
	if end := frontMatter(strings.ReplaceAll(page[:min(len(page), headSize)], "\r\n", "\n")); end > 0 {
		page = strings.ReplaceAll(page, "\r\n", "\n")
		title, page = matterTitle(page[:end]), page[end:]
	}
	text, err := htmlText(page, l)
	if title != "" {
		text.Title = oneLine(title)
	}
	return text, err
}

// htmlText reads a page that is decoded already.
func htmlText(page string, l Limits) (Text, error) {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		if strings.Contains(err.Error(), "exceeds") {
			return Text{}, tooDeep(l.Depth)
		}
		return Text{}, err
	}
	if deeper(doc, l.Depth) {
		return Text{}, tooDeep(l.Depth)
	}
	r := renderer{body: body{limit: l.Text}}
	r.walk(mainContent(doc))
	r.flush()
	title := htmlTitle(doc)
	if title == "" {
		title = firstHeading(r.body.marks)
	}
	return r.body.done(title)
}

// decodeHTML follows byte-order mark, declared charset and meta tags, as
// browsers do; without them, what the bytes look like.
func decodeHTML(data []byte, mediaType string) string {
	if _, rest := byMark(data); rest != nil || wide(data) != "" {
		return decode(data, mediaType)
	}
	_, name, certain := charset.DetermineEncoding(data, mediaType)
	guessed := name == "windows-1252" && !certain && !bytes.Contains(bytes.ToLower(data[:min(len(data), 1024)]), []byte("charset"))
	if guessed || name == "replacement" || name == "utf-8" && !utf8.Valid(data) {
		return decode(data, "")
	}
	return decodeAs(data, name)
}

// deeper walks without recursion: the tree may be as deep as the parser allows.
func deeper(root *html.Node, limit int) bool {
	depth := 0
	for n := root; n != nil; {
		if depth > limit {
			return true
		}
		if n.FirstChild != nil {
			n, depth = n.FirstChild, depth+1
			continue
		}
		for n != root && n.NextSibling == nil {
			n, depth = n.Parent, depth-1
		}
		if n == root {
			return false
		}
		n = n.NextSibling
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func find(n *html.Node, match func(*html.Node) bool) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(d) {
			return d
		}
	}
	return nil
}

// mainContent is <main>, else the only <article>, else <body>. One that holds
// hardly anything of the page's text is not taken: it is a shell or a teaser.
func mainContent(doc *html.Node) *html.Node {
	page := find(doc, func(n *html.Node) bool { return n.DataAtom == atom.Body })
	if page == nil {
		return doc
	}
	best := find(page, func(n *html.Node) bool { return n.DataAtom == atom.Main || attr(n, "role") == "main" })
	if best == nil {
		articles := 0
		for n := range page.Descendants() {
			if n.DataAtom == atom.Article {
				best = n
				articles++
			}
		}
		if articles != 1 {
			return page
		}
	}
	if visible(best)*5 < visible(page) {
		return page
	}
	return best
}

// visible counts the bytes of words that would be read out of n.
func visible(n *html.Node) int {
	if n.Type == html.TextNode {
		return len(strings.TrimSpace(n.Data))
	}
	if n.Type == html.ElementNode && left(n) {
		return 0
	}
	sum := 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		sum += visible(c)
	}
	return sum
}

func htmlTitle(doc *html.Node) string {
	n := find(doc, func(n *html.Node) bool { return n.DataAtom == atom.Title && n.Namespace == "" })
	if n == nil || n.FirstChild == nil {
		return ""
	}
	return n.FirstChild.Data
}

// left is true for elements that are left out with all they hold.
func left(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Nav, atom.Iframe, atom.Svg, atom.Object, atom.Embed,
		atom.Button, atom.Select, atom.Textarea, atom.Input, atom.Canvas, atom.Audio, atom.Video, atom.Map, atom.Dialog,
		atom.Head, atom.Datalist, atom.Rt, atom.Rp:
		return true
	case atom.Header, atom.Footer, atom.Aside:
		return !within(n, atom.Article, atom.Main, atom.Section)
	case atom.Sup:
		return reference(n)
	case atom.Ul:
		return languages(n)
	}
	switch attr(n, "role") {
	case "navigation", "search", "banner", "contentinfo", "menu", "menubar", "toolbar", "dialog", "alertdialog":
		return true
	}
	for _, a := range n.Attr {
		switch a.Key {
		case "hidden":
			return true
		case "aria-hidden":
			if strings.EqualFold(a.Val, "true") {
				return true
			}
		case "style":
			if style := strings.ToLower(strings.ReplaceAll(a.Val, " ", "")); unseen.MatchString(style) || white.MatchString(style) && !covered(n) {
				return true
			}
		case "class":
			for _, class := range strings.Fields(a.Val) {
				switch class {
				case "mw-editsection", "noprint", "navbox", "sr-only", "visually-hidden", "screen-reader-text", "skip-link":
					return true
				}
			}
		}
	}
	return false
}

var (
	unseen = regexp.MustCompile(`display:none|visibility:(hidden|collapse)|(^|;)font-size:0*(\.0+)?(px|pt|em|rem|%)?(;|!|$)|(^|;)opacity:0*(\.0+)?(;|!|$)|(text-indent|left|top|right|margin-left|margin-top):-\d{3,}|clip:rect\((0(px)?,?){4}\)|mso-hide:all`)
	white  = regexp.MustCompile(`(^|;)color:(white|#fff|#ffffff|#ffffffff|rgb\(255,255,255\)|transparent|rgba\(\d+,\d+,\d+,0\))(;|!|$)`)
)

// covered is true where something of a colour may lie behind a text: an element
// around it has a background, or a class that may give it one.
func covered(n *html.Node) bool {
	for p := n; p != nil; p = p.Parent {
		if attr(p, "class") != "" || attr(p, "bgcolor") != "" || attr(p, "background") != "" || strings.Contains(strings.ToLower(attr(p, "style")), "background") {
			return true
		}
	}
	return false
}

func within(n *html.Node, atoms ...atom.Atom) bool {
	for p := range n.Ancestors() {
		for _, a := range atoms {
			if p.DataAtom == a {
				return true
			}
		}
	}
	return false
}

// reference is true for a raised "[12]" that links to a note: it would look
// like one of our own citations.
func reference(n *html.Node) bool {
	text := strings.TrimSpace(textOf(n))
	return strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") && len(text) <= 20 &&
		find(n, func(d *html.Node) bool { return d.DataAtom == atom.A }) != nil
}

// languages is true for a list of links to the same page in other languages.
func languages(n *html.Node) bool {
	items, links := 0, 0
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom == atom.Li {
			items++
			if find(c, func(d *html.Node) bool { return d.DataAtom == atom.A && attr(d, "hreflang") != "" }) != nil {
				links++
			}
		}
	}
	return items > 1 && links == items
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && b.Len() < 100 {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
