package parse

import (
	"strings"
	"unicode/utf16"
)

// readRTF gives paragraphs, headings and tables of an RTF document. Headers,
// footers, pictures, comments, hidden and deleted text are left out.
func readRTF(data []byte, l Limits) (Text, error) {
	r := &rtf{in: data, limits: l, out: body{limit: l.Text}, fonts: map[int]string{}, styles: map[int]int{}}
	r.state = rtfState{skipAfter: 1, charset: "windows-1252"}
	if err := r.read(); err != nil {
		return Text{}, err
	}
	r.paragraph()
	r.endTable()
	return r.out.done(r.title)
}

// rtfText is the text of a message that is there as RTF only.
func rtfText(data []byte) string {
	text, err := readRTF(data, Limits{Text: maxUnpackedRTF, Depth: 256})
	if err != nil {
		return ""
	}
	return text.Body
}

// rtfState is what a group inherits and gives back at its end.
type rtfState struct {
	skip      bool   // nothing in this group is text
	into      string // where text goes: "" the document; "info", "title", "fonts", "styles"
	hidden    bool
	deleted   bool
	tiny      bool
	skipAfter int // characters that stand for one in Unicode, after it
	charset   string
	font      int
	fresh     bool // no control word of the group has been seen yet
	starred   bool // it began with \*
}

type rtf struct {
	in     []byte
	at     int
	limits Limits
	state  rtfState
	stack  []rtfState
	out    body

	text    strings.Builder // of the paragraph
	raw     []byte          // bytes in the charset of the font, not yet decoded
	high    rune            // first half of a character beyond the basic plane
	skipped int             // characters still to be passed over after \u
	style   int             // of the paragraph
	outline int             // its level; 0: none
	inTable bool
	cells   []string
	rows    [][]string

	charset string         // of the document
	fonts   map[int]string // their charsets
	styles  map[int]int    // heading levels
	named   strings.Builder
	title   string
}

func (r *rtf) read() error {
	for r.at < len(r.in) {
		c := r.in[r.at]
		r.at++
		switch c {
		case '{':
			r.flush()
			if len(r.stack) >= r.limits.Depth {
				return tooDeep(r.limits.Depth)
			}
			r.stack = append(r.stack, r.state)
			r.state.fresh, r.state.starred = true, false
			r.skipped = 0
		case '}':
			r.flush()
			r.endGroup()
		case '\\':
			r.control()
		case '\r', '\n', 0:
		default:
			r.state.fresh = false
			r.char(c)
		}
		if r.out.full() || r.text.Len() > r.limits.Text {
			return tooLarge(r.limits.Text)
		}
	}
	r.flush()
	return nil
}

func (r *rtf) endGroup() {
	if len(r.stack) == 0 {
		return
	}
	name := strings.TrimRight(r.named.String(), "; ")
	switch outer := r.stack[len(r.stack)-1].into; {
	case r.state.into == "title" && outer != "title":
		r.title = oneLine(name)
		r.named.Reset()
	case r.state.into == "styles" && name != "":
		r.styleName(name)
		r.named.Reset()
	}
	if r.state.into == "styles" {
		r.style = 0
	}
	r.state = r.stack[len(r.stack)-1]
	r.stack = r.stack[:len(r.stack)-1]
	r.skipped = 0
}

// styleName notes the level of a style named "heading 2".
func (r *rtf) styleName(name string) {
	if m := headingName.FindStringSubmatch(strings.ToLower(strings.TrimSpace(name))); m != nil {
		r.styles[r.style] = int(m[1][0] - '0')
	}
}

// char takes one byte of text.
func (r *rtf) char(c byte) {
	if r.skipped > 0 {
		r.skipped--
		return
	}
	r.raw = append(r.raw, c)
}

// flush decodes the bytes that wait.
func (r *rtf) flush() {
	if len(r.raw) == 0 {
		return
	}
	s := string(r.raw)
	if !isClean(s) {
		s = decodeAs(r.raw, r.state.charset)
	}
	r.raw = r.raw[:0]
	r.write(s)
}

func (r *rtf) write(s string) {
	switch {
	case r.state.skip:
	case r.state.into != "":
		if r.named.Len() < 1000 {
			r.named.WriteString(s)
		}
	case !r.state.hidden && !r.state.deleted && !r.state.tiny:
		r.text.WriteString(s)
	}
}

// unicode takes a \u, which may be half of a character.
func (r *rtf) unicode(n int) {
	r.flush()
	c := rune(uint16(n))
	r.skipped = r.state.skipAfter
	switch {
	case utf16.IsSurrogate(c) && c < 0xDC00:
		r.high = c
		return
	case utf16.IsSurrogate(c):
		c = utf16.DecodeRune(r.high, c)
	}
	r.write(string(c))
}

// paragraph ends the paragraph in progress.
func (r *rtf) paragraph() {
	r.flush()
	text := strings.TrimSpace(r.text.String())
	if r.inTable {
		r.text.WriteByte('\n')
		return
	}
	r.endTable()
	r.text.Reset()
	level := r.outline
	if level == 0 {
		level = r.styles[r.style]
	}
	switch {
	case text == "":
	case level > 0:
		r.out.heading(level, text)
	default:
		r.out.block(text)
	}
}

func (r *rtf) cell() {
	r.flush()
	r.cells = append(r.cells, cellLine(r.text.String()))
	r.text.Reset()
}

func (r *rtf) row() {
	if len(r.cells) > 0 {
		r.rows = append(r.rows, r.cells)
	}
	r.cells = nil
}

func (r *rtf) endTable() {
	r.row()
	if len(r.rows) > 0 {
		r.out.table(r.rows, true)
	}
	r.rows = nil
}
