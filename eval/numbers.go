package eval

import (
	"regexp"
	"strings"
)

// number is 1,500 or 3.5 or 2026; a sign, unit or currency is not part of it.
var number = regexp.MustCompile(`\d+(?:[.,]\d+)*`)

// NumbersRight is the share of the expected answer's distinct numbers that the
// answer gives digit for digit, thousands separators aside. ok is false when no
// number is expected: there is nothing to score then.
func NumbersRight(answer, expected string) (share float64, ok bool) {
	want, got := numbersOf(expected), numbersOf(answer)
	if len(want) == 0 {
		return 0, false
	}
	n := 0
	for v := range want {
		if got[v] {
			n++
		}
	}
	return float64(n) / float64(len(want)), true
}

func numbersOf(text string) map[string]bool {
	out := map[string]bool{}
	for _, s := range number.FindAllString(text, -1) {
		out[plainNumber(s)] = true
	}
	return out
}

// plainNumber takes out commas that part thousands (1,500,000); any other comma is a decimal one.
func plainNumber(s string) string {
	parts := strings.Split(s, ",")
	for _, p := range parts[1:] {
		if digits, _, _ := strings.Cut(p, "."); len(digits) != 3 || len(parts[0]) > 3 {
			return strings.Join(parts, ".")
		}
	}
	return strings.Join(parts, "")
}
