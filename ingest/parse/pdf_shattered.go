package parse

import (
	"math"
	"strings"
)

// shattered is true for a page whose words came out letter by letter: some
// programs place each glyph closer to the last than its font says, which the
// reader takes for a step back to a new line.
func shattered(text string) bool {
	lines, short := 0, 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines++
			if len(line) <= 4 {
				short++
			}
		}
	}
	return lines >= 10 && short*4 >= lines*3
}

// rejoin reads the n characters of a page again by their places: what stands on one
// line becomes one.
func (p *pdf) rejoin(text uint64, n int) string {
	var b strings.Builder
	var last glyph
	sep := ""
	for i := range n {
		c := p.glyph(text, uint64(i))
		if strings.TrimSpace(c.text) == "" {
			if strings.ContainsAny(c.text, "\r\n") || sep == "" {
				sep = c.text
			}
			continue
		}
		if last.text != "" {
			if strings.ContainsAny(sep, "\r\n") {
				sep = between(last, c)
			}
			b.WriteString(sep)
		}
		b.WriteString(c.text)
		last, sep = c, ""
	}
	return b.String()
}

// A glyph, its place and the size of its font.
type glyph struct {
	text                                 string
	left, bottom, right, top, base, size float64
}

func (p *pdf) glyph(text, i uint64) glyph {
	c := glyph{size: math.Float64frombits(p.call(opCharSize, text, i))}
	if r := p.count(opUnicode, text, i); r != 0 {
		c.text = string(rune(r))
	}
	p.call(opCharOrigin, text, i, p.few, p.few+8)
	c.base = p.double(1)
	p.call(opCharBox, text, i, p.few, p.few+8, p.few+16, p.few+24)
	c.left, c.right, c.bottom, c.top = p.double(0), p.double(1), p.double(2), p.double(3)
	return c
}

// between is what separates two glyphs, by their distance in sizes of the font.
func between(a, b glyph) string {
	size := 10.0
	if b.size > 1 {
		size = b.size
	}
	up := math.Abs(a.bottom-b.bottom) / size
	gap := (b.left - a.right) / size
	switch {
	case up > 0.5, b.left < a.left, gap > 3:
		return "\n"
	case gap > 0.17:
		return " "
	}
	return ""
}
