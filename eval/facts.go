package eval

import "strings"

// KeyFacts is the share of the facts that an answer holds: each is words that
// must occur, ignoring case, and a|b means that either will do. ok is false when there is none.
func KeyFacts(answer string, facts []string) (share float64, ok bool) {
	if len(facts) == 0 {
		return 0, false
	}
	answer = strings.ToLower(squeeze(answer))
	n := 0
	for _, fact := range facts {
		if anyOf(answer, strings.Split(fact, "|")) {
			n++
		}
	}
	return float64(n) / float64(len(facts)), true
}
