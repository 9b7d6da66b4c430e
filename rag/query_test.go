package rag

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag/analyze"
)

// Turns are the user's and the assistant's by turns; the last is what the query must be.
func TestFollowUpsTakeOverWhatWasAsked(t *testing.T) {
	t.Parallel()
	for _, turns := range [][]string{
		{"How much leave do I get?", "How much leave do I get?"},
		// another case of the same question
		{"How long is probation in Tampere?", "Four months.", "And in Hamburg?", "How long is probation in Hamburg?"},
		{"How soon is the entry due for a SEV1, at night?", "20 minutes.", "And for a SEV2?", "How soon is the entry due for a SEV2, at night?"},
		{"How deep can a PX-35 measure?", "10 m.", "What about the PX-31?", "How deep can a PX-31 measure?"},
		{"How deep can a PX-35 measure?", "10 m.", "What about harbours?", "How deep can a PX-35 measure? What about harbours?"},
		// what a pronoun stands for
		{"How do I request leave?", "Ask your manager.", "How long before it?", "How do I request leave? How long before it?"},
		{"Who answers journalists?", "Veera Lindholm.", "And when she is away?", "Who answers journalists? Veera Lindholm. And when she is away?"},
		{"How deep can a PX-35 measure?", "10 m.", "Can it hang in salt water?", "Yes.", "And the PX-31?", "How deep can a PX-31 measure? Can it hang in salt water?"},
		// a new subject, though such words occur in it
		{"How do I request leave?", "Ask your manager.", "Is there a limit for gifts from suppliers?", "Is there a limit for gifts from suppliers?"},
		{"How do I request leave?", "Ask your manager.", "Which form is it that gets a supplier into the system?", "Which form is it that gets a supplier into the system?"},
		{"How do I request leave?", "Ask your manager.", "How many trainings this year can one person book?", "How many trainings this year can one person book?"},
		{"How do I request leave?", "Ask your manager.", "Which hotels may be booked through the travel desk?", "Which hotels may be booked through the travel desk?"},
	} {
		messages := []Message{{Role: "system", Content: "And it?"}}
		for i, text := range turns[:len(turns)-1] {
			messages = append(messages, Message{Role: []string{"user", "assistant"}[i%2], Content: text})
		}
		require.Equal(t, turns[len(turns)-1], selfContained(messages, analyze.Terms), "%v", turns)
	}
	require.Empty(t, selfContained([]Message{{Role: "assistant", Content: "Hello"}}, analyze.Terms))
}
