package rag

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a stretch of a text in bytes.
type span struct{ start, end int }

// sentences cuts text into sentences, list items, table rows and headings,
// trimmed, in order. A line end within a paragraph does not end a sentence.
func sentences(text string) []span {
	var out []span
	start := 0
	flush := func(end int) {
		s := text[start:end]
		left := len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
		if trimmed := strings.TrimSpace(s); trimmed != "" {
			out = append(out, span{start + left, start + left + len(trimmed)})
		}
		start = end
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		switch r {
		case '\n':
			if newLineEnds(text[start:i], text[i:]) {
				flush(i)
			}
		case '。', '！', '？':
			flush(i)
		case '.', '!', '?':
			for i < len(text) && strings.IndexByte(".!?)]\"'*_", text[i]) >= 0 {
				i++
			}
			if sentenceEnds(text[start:i], text[i:]) {
				flush(i)
			}
		}
	}
	flush(len(text))
	return out
}

// newLineEnds: a blank line, a list item, a table row or a heading on either
// side. A table without bars, as PDFs give it, is known by short lines that end in a figure and its unit.
func newLineEnds(before, after string) bool {
	next, _, _ := strings.Cut(after, "\n")
	next = strings.TrimSpace(next)
	last := strings.TrimSpace(before)
	if i := strings.LastIndexByte(last, '\n'); i >= 0 {
		last = strings.TrimSpace(last[i+1:])
	}
	return next == "" || last == "" || opensBlock(next) || strings.HasPrefix(last, "#") ||
		strings.HasPrefix(last, "|") || strings.HasSuffix(last, ":") || strings.HasPrefix(next, "{%") || strings.Contains(last, " | ") || bareRow(last, next)
}

// maxRow is the longest line in bytes that may be a row of a table without bars; lines of running text are longer.
const maxRow = 56

// bareRow: one of two lines is a row (Hamburg 165) and the next opens with a capital or a figure.
func bareRow(last, next string) bool {
	opens, _ := utf8.DecodeRuneInString(next)
	return len(last) <= maxRow && (unicode.IsUpper(opens) || unicode.IsDigit(opens)) &&
		(endsInFigure(last) || len(next) <= maxRow && endsInFigure(next))
}

// endsInFigure: a figure is among the last three words, as in "36 V DC".
func endsInFigure(line string) bool {
	words := strings.Fields(line)
	return slices.ContainsFunc(words[max(0, len(words)-3):], opensWithDigit)
}

// opensWithDigit: 36, ±5 or €20, but not AX-220.
func opensWithDigit(word string) bool {
	word = strings.TrimLeft(word, "±+-−–~(€$£")
	return word != "" && word[0] >= '0' && word[0] <= '9'
}

func opensBlock(line string) bool {
	for _, p := range []string{"- ", "* ", "+ ", "• ", "#", "|", ">", "```"} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	digits := 0
	for digits < len(line) && line[digits] >= '0' && line[digits] <= '9' {
		digits++
	}
	return digits > 0 && digits < 4 && len(line) > digits+1 && (line[digits] == '.' || line[digits] == ')') && line[digits+1] == ' '
}

// sentenceEnds: white space follows, then something that can open a sentence,
// and the full stop is not that of an abbreviation or a list number.
func sentenceEnds(before, after string) bool {
	if after == "" {
		return true
	}
	rest := strings.TrimLeftFunc(after, unicode.IsSpace)
	if len(rest) == len(after) {
		return false
	}
	next, _ := utf8.DecodeRuneInString(rest)
	return !unicode.IsLower(next) && !abbreviated(before)
}

func abbreviated(before string) bool {
	word := before[strings.LastIndexAny(before, " \n\t(")+1:]
	switch strings.ToLower(word) {
	case "e.g.", "i.e.", "etc.", "vs.", "no.", "mr.", "mrs.", "ms.", "dr.", "approx.", "fig.", "sec.", "art.", "u.s.", "inc.", "st.", "cf.":
		return true
	}
	number := strings.TrimSuffix(word, ".")
	return len(before) == len(word) && number != "" && strings.Trim(number, "0123456789") == "" || len(word) == 2 && unicode.IsUpper(rune(word[0]))
}
