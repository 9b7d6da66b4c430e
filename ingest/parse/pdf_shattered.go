package parse

import (
	"math"
	"strings"

	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"
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

// rejoin reads a page again by the places of its glyphs: what stands on one
// line becomes one.
func (p *pdf) rejoin(page requests.Page) (string, error) {
	got, err := p.reader.GetPageTextStructured(&requests.GetPageTextStructured{
		Page: page, Mode: requests.GetPageTextStructuredModeChars, CollectFontInformation: true,
	})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	var last *responses.GetPageTextStructuredChar
	sep := ""
	for _, c := range got.Chars {
		if strings.TrimSpace(c.Text) == "" {
			if strings.ContainsAny(c.Text, "\r\n") || sep == "" {
				sep = c.Text
			}
			continue
		}
		if last != nil {
			if strings.ContainsAny(sep, "\r\n") {
				sep = between(last, c)
			}
			b.WriteString(sep)
		}
		b.WriteString(c.Text)
		last, sep = c, ""
	}
	return b.String(), nil
}

// between is what separates two glyphs, by their distance in sizes of the font.
func between(a, b *responses.GetPageTextStructuredChar) string {
	size := 10.0
	if b.FontInformation != nil && b.FontInformation.Size > 1 {
		size = b.FontInformation.Size
	}
	up := math.Abs(a.PointPosition.Bottom-b.PointPosition.Bottom) / size
	gap := (b.PointPosition.Left - a.PointPosition.Right) / size
	switch {
	case up > 0.5, b.PointPosition.Left < a.PointPosition.Left, gap > 3:
		return "\n"
	case gap > 0.17:
		return " "
	}
	return ""
}
