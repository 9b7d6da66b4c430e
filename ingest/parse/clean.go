package parse

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const softHyphen = '\u00AD'

// clean makes valid UTF-8 with \n line ends and takes out what nobody sees:
// control characters, zero-width and bidirectional controls, tag characters.
// Joiners stay where a script or an emoji needs them. soft drops soft hyphens.
func clean(s string, soft bool) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	var last rune // the last one kept
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == '\r':
			if i < len(s) && s[i] == '\n' {
				continue
			}
			r = '\n'
		case isLineEnd(r):
			r = '\n'
		case r == '\u200C' || r == '\u200D':
			if next, _ := utf8.DecodeRuneInString(s[i:]); !joins(last) || !joins(next) {
				continue
			}
		case isSelector(r) && (isSelector(last) || last < 0x20):
			continue // one selects a glyph; more of them hide data
		case r == softHyphen && soft, isInvisible(r):
			continue
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

func isClean(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x7F || c < 0x20 && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// isLineEnd is true for vertical tab, form feed, NEL and the Unicode separators of lines and paragraphs.
func isLineEnd(r rune) bool {
	return r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

func isInvisible(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7F && r < 0xA0:
		return true
	case r == '\u200B', r == '\u200E', r == '\u200F', r == '\u061C', r == '\u180E', r == '\uFEFF':
		return true
	case r >= '\u202A' && r <= '\u202E', r >= '\u2060' && r <= '\u206F', r >= '\uFFF9' && r <= '\uFFFB':
		return true
	case r&0xFFFE == 0xFFFE, r >= 0xFDD0 && r <= 0xFDEF: // not characters
		return true
	}
	return r >= 0xE0000 && r <= 0xE00FF // tags
}

func isSelector(r rune) bool {
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF
}

// joins is true for what a zero-width joiner may stand next to: letters and
// marks of other scripts than Latin, and emoji.
func joins(r rune) bool {
	return r > 0x2AF && r != utf8.RuneError && !unicode.IsSpace(r) && !isInvisible(r)
}

// oneLine is s cleaned, on one line, with single spaces, cut at 500 bytes.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(clean(s, true)), " ")
	if len(s) > 500 {
		s = s[:500]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
		s = strings.TrimSpace(s)
	}
	return s
}
