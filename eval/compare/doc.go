// Package compare tells what fine-tuning and retrieval each bring: the same
// questions asked of a base model and a tuned one, each with and without a
// store's documents. It is pure: stored outcomes go in, a report comes out.
package compare

import (
	"strings"

	"groundwork/rag"
)

// Plain is the system prompt of the cells without retrieval. It says no more of
// the task than the server's own prompt does, and names the sentence to refuse with.
const Plain = "You answer questions about an organisation's own rules, people and products. " +
	"Answer in one to three short sentences with exact numbers, names and conditions. " +
	"If you do not know, answer exactly: " + rag.Abstention

// refusals are what models say instead of the sentence they were given.
var refusals = []string{
	"i do not know", "i don't know", "i cannot answer", "i can't answer", "i am not able to answer", "i'm not able to answer", "i do not have information",
	"i don't have information", "i do not have access", "i don't have access", "i do not have the information", "i don't have the information",
}

// Refuses reports whether an answer of a cell without retrieval only says that it has none: with the
// sentence of the prompt, or with other words in at most 200 characters.
func Refuses(answer string) bool {
	said := strings.ToLower(strings.ReplaceAll(answer, "’", "'"))
	if strings.Contains(said, strings.ToLower(strings.TrimSuffix(rag.Abstention, "."))) {
		return true
	}
	if len([]rune(said)) > 200 {
		return strings.TrimSpace(said) == ""
	}
	for _, r := range refusals {
		if strings.Contains(said, r) {
			return true
		}
	}
	return strings.TrimSpace(said) == ""
}
