package eval

import "strings"

// Right reports whether an answer holds everything that it must.
func Right(q Question, answer string) bool {
	answer = strings.ToLower(squeeze(answer))
	for _, must := range q.MustContain {
		if !anyOf(answer, strings.Split(must, "|")) {
			return false
		}
	}
	return true
}

func anyOf(answer string, choices []string) bool {
	for _, c := range choices {
		if strings.Contains(answer, strings.ToLower(squeeze(c))) {
			return true
		}
	}
	return false
}
