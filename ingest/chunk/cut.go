package chunk

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// piece is the smallest stretch that packing keeps whole.
type piece struct {
	start, end int
	tokens     int
	path       []*Mark // headings above it, outermost first
	table      *Mark   // the table it is a row of
	lead       string  // the line that introduces the list it belongs to, when that is not part of it
	list       bool
	heading    bool // a heading's own line
	slide      bool // the first of a slide, which shares its chunks with no other
}

func labels(path []*Mark) []string {
	out := make([]string, len(path))
	for i, m := range path {
		out[i] = m.Label
	}
	return out
}

// cut walks over the lines of the body and makes a piece of every heading,
// paragraph, list item, table row and code block. Pieces hold no outer white space.
func cut(doc Doc) []piece {
	c := cutter{body: doc.Body}
	for i := range doc.Marks {
		switch m := &doc.Marks[i]; m.Kind {
		case Heading:
			c.headings = append(c.headings, m)
		case Table:
			c.tables = append(c.tables, m)
		case Code:
			c.codes = append(c.codes, m)
		case Page:
			c.breaks = append(c.breaks, m)
		}
	}
	for at := 0; at < len(doc.Body); {
		end := len(doc.Body)
		if nl := strings.IndexByte(doc.Body[at:], '\n'); nl >= 0 {
			end = at + nl + 1
		}
		c.line(at, end)
		at = end
	}
	c.flush()
	return c.out
}

type cutter struct {
	body                    string
	headings, tables, codes []*Mark
	breaks                  []*Mark // pages
	slide                   bool    // the next piece is the first of a slide
	path                    []*Mark
	open                    piece // paragraph in progress; empty when end == 0
	intro                   string
	out                     []piece
}

func (c *cutter) line(start, end int) {
	for len(c.breaks) > 0 && c.breaks[0].Start <= start {
		c.flush() // a page's first line starts a piece, so that pages are exact
		if c.breaks[0].Label != "" {
			c.slide, c.path, c.intro = true, nil, ""
		}
		c.breaks = c.breaks[1:]
	}
	text := strings.TrimSpace(c.body[start:end])
	if h := take(&c.headings, start, end); h != nil {
		c.flush()
		c.enter(h)
		c.open = piece{start: start, end: end, path: c.path, heading: true}
		if h.End <= end {
			c.flush()
		}
		return
	}
	if t := inside(&c.tables, start); t != nil {
		c.flush()
		c.add(piece{start: start, end: end, path: c.path, table: t})
		return
	}
	code := inside(&c.codes, start)
	switch {
	case text == "" && code == nil:
		c.flush()
	case c.open.end > 0 && (code != nil || !startsItem(text)):
		c.open.end = end
	default:
		c.flush()
		c.open = piece{start: start, end: end, path: c.path, list: startsItem(text)}
	}
}

// enter makes h the innermost heading.
func (c *cutter) enter(h *Mark) {
	path := make([]*Mark, 0, len(c.path)+1)
	for _, p := range c.path {
		if p.Level < h.Level {
			path = append(path, p)
		}
	}
	path = append(path, h)
	c.path, c.intro = path, ""
}

func (c *cutter) flush() {
	if c.open.end > 0 {
		c.add(c.open)
	}
	c.open = piece{}
}

// add trims p and appends it. A paragraph that ends with a colon introduces the list after it.
func (c *cutter) add(p piece) {
	text := c.body[p.start:p.end]
	p.start += len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
	p.end = p.start + len(strings.TrimSpace(text))
	if p.start >= p.end {
		return
	}
	switch text = c.body[p.start:p.end]; {
	case p.list:
		p.lead = c.intro
	case p.heading || p.table != nil:
		c.intro = ""
	case strings.HasSuffix(text, ":"):
		c.intro = lastSentence(text)
	default:
		c.intro = ""
	}
	p.slide, c.slide = c.slide, false
	c.out = append(c.out, p)
}

func lastSentence(text string) string {
	ends := sentenceEnds(text)
	start := 0
	for _, e := range ends {
		if e < len(text) {
			start = e
		}
	}
	if text = strings.Join(strings.Fields(text[start:]), " "); len(text) > 240 {
		return ""
	}
	return text
}

// take removes and returns the first mark that starts in [start, end).
func take(marks *[]*Mark, start, end int) *Mark {
	for len(*marks) > 0 && (*marks)[0].Start < end {
		m := (*marks)[0]
		*marks = (*marks)[1:]
		if m.Start >= start {
			return m
		}
	}
	return nil
}

// inside gives the mark that covers at, and forgets those before it: lines come in order.
func inside(marks *[]*Mark, at int) *Mark {
	for len(*marks) > 0 && (*marks)[0].End <= at {
		*marks = (*marks)[1:]
	}
	if len(*marks) > 0 && (*marks)[0].Start <= at {
		return (*marks)[0]
	}
	return nil
}

// startsItem is true for "- x", "* x", "+ x", "• x", "1. x", "a) x".
func startsItem(line string) bool {
	for _, bullet := range []string{"- ", "* ", "+ ", "• ", "◦ ", "▪ "} {
		if strings.HasPrefix(line, bullet) {
			return true
		}
	}
	dot := strings.IndexAny(line, ".)")
	if dot < 1 || dot > 3 || !strings.HasPrefix(line[dot+1:], " ") {
		return false
	}
	for _, r := range line[:dot] {
		if !unicode.IsDigit(r) && (dot > 1 || !unicode.IsLetter(r)) {
			return false
		}
	}
	return true
}

// sentenceEnds returns the byte offsets after each sentence, the last being
// len(text). A sentence ends with . ! ? or a CJK full stop, closing quotes and
// brackets included, before white space and something that is not lower case.
func sentenceEnds(text string) []int {
	var ends []int
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		if r == '。' || r == '！' || r == '？' {
			ends = append(ends, i)
			continue
		}
		if r != '.' && r != '!' && r != '?' {
			continue
		}
		for i < len(text) && strings.ContainsRune(`.!?)]"'*_`, rune(text[i])) {
			i++
		}
		rest := strings.TrimLeftFunc(text[i:], unicode.IsSpace)
		next, _ := utf8.DecodeRuneInString(rest)
		if len(rest) < len(text[i:]) && rest != "" && !unicode.IsLower(next) && !abbreviation(text[:i]) {
			ends = append(ends, len(text)-len(rest))
		}
	}
	if len(ends) == 0 || ends[len(ends)-1] < len(text) {
		ends = append(ends, len(text))
	}
	return ends
}

// abbreviation is true when text ends with something like "e.g." or "J.".
func abbreviation(text string) bool {
	word := text[strings.LastIndexAny(strings.TrimRight(text, "."), " \n\t(")+1:]
	switch strings.ToLower(strings.Trim(word, "()\"'")) {
	case "e.g.", "i.e.", "etc.", "vs.", "no.", "mr.", "mrs.", "ms.", "dr.", "approx.", "fig.", "sec.", "art.", "u.s.", "inc.", "st.", "cf.":
		return true
	}
	return len(word) == 2 && unicode.IsUpper(rune(word[0]))
}
