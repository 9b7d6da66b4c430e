// Package analyze turns text into index terms: words stemmed, numbers and
// identifiers kept whole and in parts. Both indexes and all checks use it, so
// that a term means the same everywhere.
package analyze

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kljensen/snowball/english"
)

// maxTerm is the longest term in bytes; longer runs (base64, hashes) are cut.
const maxTerm = 64

// Terms returns the index terms of text, in order, with repetitions. Words are
// lower-cased and stemmed (Snowball English); stop words are left out; numbers
// lose their thousands separators; compounds such as AX-210, snake_case and
// camelCase give their parts and the whole.
func Terms(text string) []string {
	var out []string
	each(text, func(word string) {
		out = appendTerms(out, word)
	})
	return out
}

// Words returns the lower-cased words of text without stemming or stop words.
func Words(text string) []string {
	var out []string
	each(text, func(word string) { out = append(out, strings.ToLower(word)) })
	return out
}

// Stem is the term of one word.
func Stem(word string) string {
	word = strings.ToLower(word)
	if hasDigit(word) || !ascii(word) {
		return word
	}
	if stem, ok := stems.get(word); ok {
		return stem
	}
	stem := english.Stem(word, false)
	stems.put(word, stem)
	return stem
}

// IsStop reports whether word carries no meaning of its own.
func IsStop(word string) bool { return stop[strings.ToLower(word)] }

// each calls yield with every maximal run of letters, digits and marks; single
// characters of -_./:'’,& between two of them belong to the run.
func each(text string, yield func(word string)) {
	start := -1
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r > unicode.MaxLatin1 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
			if start >= 0 {
				yield(text[start:i])
				start = -1
			}
			yield(text[i : i+n]) // no spaces between words there: one term a character
		case wordRune(r):
			if start < 0 {
				start = i
			}
		case start >= 0 && (!joins(r) || !wordAfter(text[i+n:])):
			yield(text[start:i])
			start = -1
		}
		i += n
	}
	if start >= 0 {
		yield(text[start:])
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

func joins(r rune) bool { return strings.ContainsRune("-_./'’,", r) }

func wordAfter(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return wordRune(r) && r != utf8.RuneError
}

func appendTerms(out []string, run string) []string {
	if plain(run) {
		return appendPlain(out, strings.ToLower(run))
	}
	for _, word := range split(run, "'’,/") {
		out = appendWord(out, word)
	}
	return out
}

// plain is true for most words: ASCII letters, and no capital after a small one. They need no cutting.
func plain(run string) bool {
	small := false
	for i := range len(run) {
		switch c := run[i]; {
		case c >= 'a' && c <= 'z':
			small = true
		case c < 'A' || c > 'Z' || small:
			return false
		}
	}
	return true
}

// split cuts run at seps, except that digits keep a comma between them and an
// apostrophe takes its ending (employee's) with it.
func split(run, seps string) []string {
	if number := strings.ReplaceAll(run, ",", ""); digitsOnly(number) {
		return []string{number}
	}
	var out []string
	for _, part := range strings.FieldsFunc(run, func(r rune) bool { return r == ',' || r == '/' }) {
		if i := strings.IndexAny(part, "'’"); i > 0 {
			part = part[:i]
		}
		out = append(out, strings.Trim(part, seps))
	}
	return out
}

func appendWord(out []string, word string) []string {
	if digitsOnly(word) {
		return appendTerm(out, word)
	}
	parts := pieces(word)
	if len(parts) > 1 {
		whole := strings.Join(strings.FieldsFunc(word, func(r rune) bool { return !wordRune(r) }), "")
		out = appendTerm(out, strings.ToLower(whole))
	}
	for _, part := range parts {
		out = appendPlain(out, strings.ToLower(part))
	}
	return out
}

// appendPlain appends the stem of a lower-cased word that means something.
func appendPlain(out []string, low string) []string {
	if stop[low] {
		return out
	}
	return appendTerm(out, Stem(low))
}

func appendTerm(out []string, term string) []string {
	if len(term) > maxTerm {
		cut := maxTerm
		for !utf8.RuneStart(term[cut]) {
			cut--
		}
		term = term[:cut]
	}
	if term == "" {
		return out
	}
	return append(out, term)
}

// pieces cuts a compound at separators, at lower→Upper and at letter↔digit.
func pieces(word string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(word, func(r rune) bool { return !wordRune(r) }) {
		start, last := 0, rune(0)
		for i, r := range part {
			camel := unicode.IsLower(last) && unicode.IsUpper(r)
			kind := i > 0 && unicode.IsDigit(last) != unicode.IsDigit(r)
			if camel || kind {
				out = append(out, part[start:i])
				start = i
			}
			last = r
		}
		out = append(out, part[start:])
	}
	return out
}

// digitsOnly is true for 1500 and 3.5.
func digitsOnly(s string) bool {
	dots := 0
	for _, r := range s {
		switch {
		case r == '.':
			dots++
		case r < '0' || r > '9':
			return false
		}
	}
	return s != "" && dots <= 1
}

func hasDigit(s string) bool { return strings.ContainsFunc(s, unicode.IsDigit) }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

var stop = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields(`a about above after again against all also am an and any are as at be because been before being
		below between both but by can could did do does doing down during each few for from further get gets had has have having he her here hers
		him his how i if in into is it its itself just me more most my no nor not of off on once only or other our ours out over own
		please same shall she should so some such than that the their theirs them then there these they this those through to too under
		until up us very was we were what when where which while who whom why will with would you your yours
		s t d ll re ve m don doesn didn isn aren wasn weren won wouldn shouldn couldn hasn haven hadn`) {
		words[w] = true
	}
	return words
}()
