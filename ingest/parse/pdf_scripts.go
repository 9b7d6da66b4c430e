package parse

import (
	"math"
	"strings"
	"unicode/utf8"
)

// scripted is true for a page that may hold raised or lowered letters: the reader
// takes many for lines of their own, as in x², CO₂ and formulas.
func scripted(text string) bool {
	short := 0
	for line := range strings.Lines(text) {
		if n := len(strings.TrimSpace(line)); n > 0 && n <= 4 {
			if short++; short == 2 {
				return true
			}
		}
	}
	return false
}

// inLine reads the n characters of a page again: what is raised or lowered stays
// on its line, next to what it belongs to, or with a space before it where the page has one.
func (p *pdf) inLine(text string, page uint64, n int) string {
	var b strings.Builder
	var last glyph
	var line area // of the glyphs since the last line end
	sep, power := "", false
	for i := range n {
		c := p.glyph(page, uint64(i))
		if strings.TrimSpace(c.text) == "" {
			sep += c.text
			continue
		}
		p.loose(page, uint64(i), &c)
		if last.text != "" {
			sep = scriptSep(sep, last, c, line)
		}
		if last.text == "" || strings.Contains(sep, "\n") {
			line = area{bottom: float32(c.bottom), top: float32(c.top)}
		} else {
			line.bottom, line.top = min(line.bottom, float32(c.bottom)), max(line.top, float32(c.top))
		}
		b.WriteString(sep)
		power = sep == "" && (note(last, c) || power && isDigit(c.text) && c.base == last.base)
		if power {
			b.WriteString(superscripts.Replace(c.text))
		} else {
			b.WriteString(c.text)
		}
		last, sep = c, ""
	}
	if strings.ContainsRune(b.String(), utf8.RuneError) {
		return text // a letter of two units
	}
	return b.String()
}

// loose measures a glyph as wide as its font says and as high as its line.
func (p *pdf) loose(page, i uint64, c *glyph) {
	if p.could(opLooseBox, page, i, p.few) {
		c.left, c.top, c.right, c.bottom = float64(p.float(0)), float64(p.float(1)), float64(p.float(2)), float64(p.float(3))
	}
}

// scriptSep is what stands between two glyphs, for which the reader has sep.
func scriptSep(sep string, a, b glyph, line area) string {
	size := max(a.size, b.size, 1)
	gap := (b.left - a.right) / size
	overlap := min(float64(line.top), b.top) - max(float64(line.bottom), b.bottom)
	beside := gap > -0.3 && gap < 1 && overlap > 0.3*min(a.size, b.size)
	shifted := math.Abs(a.size-b.size) > 0.05*size || math.Abs(a.base-b.base) > 0.05*size
	switch {
	case !beside, !shifted && !strings.ContainsAny(sep, "\r\n"):
		return sep
	case gap > 0.04: // after a slanted letter, and between what is raised and what follows
		return " "
	case strings.TrimLeft(sep, "\r\n") != "" && !note(a, b):
		return sep // a space of the page
	}
	return ""
}

// note is true for a raised figure after another.
func note(a, b glyph) bool {
	return isDigit(a.text) && isDigit(b.text) && b.size < 0.85*a.size && b.base > a.base+0.15*a.size
}

// superscripts are the figures of notes and powers. Written as they are, they would make another number of the one before them.
var superscripts = strings.NewReplacer("0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")

func isDigit(s string) bool { return len(s) == 1 && s[0] >= '0' && s[0] <= '9' }
