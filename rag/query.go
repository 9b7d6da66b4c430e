package rag

import "strings"

// followUps are the words that point back at an earlier turn.
var followUps = map[string]bool{
	"it": true, "its": true, "they": true, "them": true, "their": true, "that": true, "this": true, "those": true, "these": true,
	"he": true, "she": true, "him": true, "her": true, "there": true, "same": true, "one": true, "ones": true,
}

// selfContained makes the last message searchable on its own: one that points
// back ("and for contractors?", "how long does it take?") gets the question
// before it in front. No model is asked.
func selfContained(messages []Message, analyze Analyze) string {
	var asked []string
	for _, m := range messages {
		if m.Role == "user" && strings.TrimSpace(m.Content) != "" {
			asked = append(asked, strings.TrimSpace(m.Content))
		}
	}
	if len(asked) == 0 {
		return ""
	}
	last := asked[len(asked)-1]
	if len(asked) == 1 || !pointsBack(last, analyze) {
		return last
	}
	return asked[len(asked)-2] + " " + last
}

func pointsBack(text string, analyze Analyze) bool {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 || len(words) > 12 {
		return false
	}
	if first := strings.Trim(words[0], ",.?!"); first == "and" || first == "what" && len(words) > 1 && words[1] == "about" || len(analyze(text)) < 2 {
		return true
	}
	for _, w := range words {
		if followUps[strings.Trim(w, ",.?!'\"")] {
			return true
		}
	}
	return false
}
