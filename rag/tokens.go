package rag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind says what a token is.
type tokenKind byte

const (
	word tokenKind = iota
	numeral
	identifier // letters with digits: AX-210, SEV1
	mark       // any other character, one each
)

// token is a piece of a text between white space, finer than a word: 20mg is two.
type token struct {
	span
	kind tokenKind
	low  string // lower-cased
}

// tokens cuts text.
func tokens(text string) []token {
	out := make([]token, 0, len(text)/5+1)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsDigit(r):
			end := endOfNumber(text, i)
			out = append(out, token{span{i, end}, numeral, text[i:end]})
			i = end
		case unicode.IsLetter(r):
			end, kind := endOfWord(text, i)
			out = append(out, token{span{i, end}, kind, strings.ToLower(text[i:end])})
			i = end
		case unicode.IsSpace(r):
			i += n
		default:
			out = append(out, token{span{i, i + n}, mark, text[i : i+n]})
			i += n
		}
	}
	return out
}

// endOfNumber: a point, comma or colon between two digits belongs to the number.
func endOfNumber(text string, i int) int {
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsDigit(r) && (strings.IndexByte(".,:", text[i]) < 0 || !digitAt(text, i+1)) {
			break
		}
		i += n
	}
	return i
}

// endOfWord: an apostrophe between letters belongs to the word, and digits make
// it an identifier, also behind a hyphen when the letters are capitals.
func endOfWord(text string, start int) (end int, kind tokenKind) {
	i, capitals := start, true
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		next, _ := utf8.DecodeRuneInString(text[i+n:])
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r):
			capitals = capitals && (unicode.IsUpper(r) || kind == identifier)
		case unicode.IsDigit(r):
			kind = identifier
		case (r == '\'' || r == '’') && unicode.IsLetter(next):
		case r == '-' && capitals && (unicode.IsDigit(next) || kind == identifier && unicode.IsUpper(next)):
		default:
			return i, kind
		}
		i += n
	}
	return i, kind
}

func digitAt(text string, i int) bool {
	r, _ := utf8.DecodeRuneInString(text[min(i, len(text)):])
	return unicode.IsDigit(r)
}
