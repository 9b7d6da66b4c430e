package eval

import (
	"strings"
	"unicode"
)

// TokenF1 is how much an answer's words are those of the expected one: the
// harmonic mean of precision and recall over the words with their counts, lower
// case, without punctuation and articles, as SQuAD scores. Two texts without words are equal.
func TokenF1(answer, expected string) float64 {
	got, want := tokens(answer), tokens(expected)
	if len(got) == 0 || len(want) == 0 {
		if len(got) == len(want) {
			return 1
		}
		return 0
	}
	left := map[string]int{}
	for _, w := range want {
		left[w]++
	}
	same := 0
	for _, w := range got {
		if left[w] > 0 {
			left[w]--
			same++
		}
	}
	if same == 0 {
		return 0
	}
	precision, recall := float64(same)/float64(len(got)), float64(same)/float64(len(want))
	return 2 * precision * recall / (precision + recall)
}

// tokens are the words of a text, articles left out. A dot or comma between digits belongs to the number.
func tokens(text string) []string {
	runes := []rune(strings.ToLower(text))
	var b strings.Builder
	for i, r := range runes {
		inNumber := (r == '.' || r == ',') && i > 0 && i+1 < len(runes) && unicode.IsDigit(runes[i-1]) && unicode.IsDigit(runes[i+1])
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || inNumber && r == '.':
			b.WriteRune(r)
		case inNumber: // 1,500 is 1500
		default:
			b.WriteByte(' ')
		}
	}
	var out []string
	for _, w := range strings.Fields(b.String()) {
		if w != "a" && w != "an" && w != "the" {
			out = append(out, w)
		}
	}
	return out
}
