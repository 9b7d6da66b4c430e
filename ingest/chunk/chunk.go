// Package chunk cuts a document's text into spans for search. It is pure: text
// and marks in, spans out; nothing is copied, joined or rewritten, so that
// Body[Start:End] is the chunk, always.
package chunk

import (
	"fmt"
	"strings"
)

// Doc is a parsed document.
type Doc struct {
	Body  string // valid UTF-8
	Title string // may be empty
	Path  string // relative path in its store
	Marks []Mark // in order of Start; offsets are bytes on rune boundaries
}

// Kind is the kind of a Mark.
type Kind string

// The kinds of marks that matter to chunking.
const (
	Heading Kind = "heading" // covers the heading's own lines
	Page    Kind = "page"    // covers a whole page
	Table   Kind = "table"   // covers a whole table
	Code    Kind = "code"    // covers a whole code block
)

// Mark says what a stretch of Body is.
type Mark struct {
	Kind       Kind
	Start, End int    // bytes
	Level      int    // of a heading, 1 to 6
	Page       int    // of a page, from 1
	Label      string // of a heading: its text; of a table: its header row; of a page: a slide's title, empty for pages that text flows over
}

// Span is one chunk. Invariants: 0 <= Start < End <= len(Body), both on rune
// boundaries; spans are in order and do not overlap; what lies between them is
// white space only.
type Span struct {
	Start, End int // bytes
	Page       int // the page it starts on; 0 without pages
	Heading    []string
	Header     string // title, path words, heading path, table header row: for search and prompt, never cited
}

// Options sizes the chunks.
type Options struct {
	Tokens int // aim for one chunk
	Max    int // most chunks of one document
}

// Counter counts the tokens of each text.
type Counter func(texts []string) ([]int, error)

// TooManyError says that a document gives more chunks than Options.Max.
type TooManyError struct{ Max int }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("the document gives more than %d chunks", e.Max)
}

// Split cuts doc into chunks of about opt.Tokens tokens along its structure:
// sections first, then paragraphs, list items, table rows and code lines, then
// sentences, then words. Neighbouring small pieces of the same section share a
// chunk; so do tiny sections of the same parent. A document without text gives no chunk.
func Split(doc Doc, opt Options, count Counter) ([]Span, error) {
	pieces := cut(doc)
	if len(pieces) == 0 {
		return nil, nil
	}
	if err := weigh(doc.Body, pieces, count); err != nil {
		return nil, err
	}
	pieces, err := shrink(doc.Body, pieces, opt.Tokens, count)
	if err != nil {
		return nil, err
	}
	groups := pack(pieces, opt.Tokens)
	if len(groups) > opt.Max {
		return nil, &TooManyError{Max: opt.Max}
	}
	spans := make([]Span, len(groups))
	for i, g := range groups {
		spans[i] = span(doc, g)
	}
	return spans, nil
}

func span(doc Doc, g []piece) Span {
	first, last := g[0], g[len(g)-1]
	headings := commonPath(g)
	s := Span{Start: first.start, End: last.end, Heading: headings, Page: pageAt(doc.Marks, first.start)}
	s.Header = header(doc, headings, first)
	return s
}

// header is the context that a reader of the page would have: document, section, table header.
func header(doc Doc, headings []string, first piece) string {
	lines := make([]string, 0, len(headings)+3)
	title := doc.Title
	if title == "" {
		title = pathWords(doc.Path)
	}
	add := func(s string) {
		s = strings.Join(strings.Fields(s), " ")
		if s != "" && (len(lines) == 0 || !strings.EqualFold(lines[len(lines)-1], s)) {
			lines = append(lines, s)
		}
	}
	add(title)
	for _, h := range headings {
		add(h)
	}
	out := strings.Join(lines, " > ")
	if first.table != nil && first.start > first.table.Start && first.table.Label != "" {
		out += "\n" + strings.TrimSpace(first.table.Label)
	}
	if first.lead != "" {
		out += "\n" + first.lead
	}
	return out
}

// pathWords turns guides/travel-leave.md into "guides travel leave".
func pathWords(path string) string {
	if dot := strings.LastIndexByte(path, '.'); dot > strings.LastIndexByte(path, '/') {
		path = path[:dot]
	}
	return strings.Join(strings.FieldsFunc(path, func(r rune) bool {
		return r == '/' || r == '-' || r == '_' || r == '.' || r == ' '
	}), " ")
}

func pageAt(marks []Mark, at int) int {
	page := 0
	for _, m := range marks {
		if m.Kind == Page && m.Start <= at {
			page = m.Page
		}
	}
	return page
}

// commonPath is the heading path that all pieces share.
func commonPath(g []piece) []string {
	path := g[0].path
	for _, p := range g[1:] {
		n := 0
		for n < len(path) && n < len(p.path) && path[n] == p.path[n] {
			n++
		}
		path = path[:n]
	}
	return labels(path)
}
