package citetest_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// notations are other ways to write a figure that mean the same.
var notations = []struct {
	from *regexp.Regexp
	to   func(match []string) string
}{
	{regexp.MustCompile(`\b(\d) (hours?|days?|weeks?|months?|years?|minutes?|per cent)\b`), func(m []string) string { return digits[m[1]] + " " + m[2] }},
	{regexp.MustCompile(`\b(two|three|four|five|six|seven|eight|nine) (hours?|days?|weeks?|months?|years?|minutes?)\b`), func(m []string) string { return strconv.Itoa(slices.Index(inWords, m[1])) + " " + m[2] }},
	{regexp.MustCompile(`(\d)\s?(?:%|per cent|percent)`), func(m []string) string { return m[1] + " per cent" }},
	{regexp.MustCompile(`\bEUR (\d)`), func(m []string) string { return "€" + m[1] }},
	{regexp.MustCompile(`\$\s?([\d,.]*\d)(\s?,?\s(?:[a-ln-su-z]|to|the))`), func(m []string) string { return m[1] + " dollars" + m[2] }},
	{regexp.MustCompile(`\b(\d{1,3}),(\d{3})\b`), func(m []string) string { return m[1] + m[2] }},
	{regexp.MustCompile(`\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2}) ?, (\d{4})\b`), func(m []string) string {
		day, _ := strconv.Atoi(m[2])
		return fmt.Sprintf("%s-%02d-%02d", m[3], slices.Index(months, m[1])+1, day)
	}},
	{regexp.MustCompile(`\b(\d):(\d\d) PM\b`), func(m []string) string {
		hour, _ := strconv.Atoi(m[1])
		return fmt.Sprintf("%d:%s", hour+12, m[2])
	}},
	{regexp.MustCompile(`\b(\d{1,2}) (weeks)\b`), func(m []string) string {
		n, _ := strconv.Atoi(m[1])
		return strconv.Itoa(7*n) + " days"
	}},
	{regexp.MustCompile(`\bcannot\b`), func([]string) string { return "can not" }},
	{regexp.MustCompile(`\b(is|are|do|does|did|was|were) not\b`), func(m []string) string { return m[1] + "n't" }},
}

var inWords = strings.Fields("zero one two three four five six seven eight nine")

var digits = func() map[string]string {
	out := map[string]string{}
	for i, w := range inWords {
		out[strconv.Itoa(i)] = w
	}
	return out
}()

// reword gives each right answer once in each other notation that it takes.
func reword(items []item) []item {
	var out []item
	for _, it := range items {
		for _, n := range notations {
			other := n.from.ReplaceAllStringFunc(it.answer, func(part string) string { return n.to(n.from.FindStringSubmatch(part)) })
			if other != it.answer {
				again := it
				again.answer = other
				out = append(out, again)
			}
		}
	}
	return out
}
