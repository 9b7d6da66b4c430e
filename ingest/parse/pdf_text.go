package parse

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

var ligatures = strings.NewReplacer("ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "st", "ﬆ", "st")

// pageText tidies what the reader gives for a page: words that a line end cut
// in two are joined (the reader marks the place), ligatures become letters,
// white space before line ends goes.
func pageText(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	s = ligatures.Replace(joinHyphens(s))
	var b strings.Builder
	b.Grow(len(s))
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRightFunc(line, unicode.IsSpace))
		b.WriteByte('\n')
	}
	return strings.Trim(b.String(), "\n")
}

// hyphens are what the reader writes for a hyphen at a line end.
const hyphens = "\x02\uFFFE"

// joinHyphens puts the second half of a cut word on the line of the first.
func joinHyphens(s string) string {
	if !strings.ContainsAny(s, hyphens) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexAny(s, hyphens)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		if s = strings.TrimPrefix(s[i:], "\x02"); len(s) > 0 && strings.HasPrefix(s, "\uFFFE") {
			s = s[len("\uFFFE"):]
		}
		rest, cut := strings.CutPrefix(s, "\n")
		if after, _ := utf8.DecodeRuneInString(rest); !unicode.IsLetter(before) || !unicode.IsLower(after) {
			b.WriteByte('-') // a number, an identifier, a name: the hyphen is its own
		}
		if !cut {
			continue
		}
		word, after := rest, ""
		if end := strings.IndexAny(rest, " \n"); end >= 0 {
			word, after = rest[:end], rest[end+1:]
		}
		b.WriteString(word)
		b.WriteByte('\n')
		s = after
	}
}
