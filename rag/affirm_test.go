package rag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func TestADenialThatWasLeftOutIsNoticed(t *testing.T) {
	t.Parallel()
	for answer, source := range map[string]string{
		"The pandemic longer controls our lives.":                       "The pandemic no longer controls our lives.",
		"They are bad guys.":                                            "They are not bad guys.",
		"You can receive overtime or comp time at that salary.":         "At that salary you cannot receive overtime or comp time.",
		"The fixed buffer is 72 hours, longer with fewer sensors.":      "The fixed buffer is 72 hours. It is not longer with fewer sensors.",
		"The alarm of the brigade is working time, with limit.":         "The alarm of the brigade is working time, without limit.",
		"A swollen cell is always sent, wherever it is swollen.":        "A swollen cell is never sent, wherever it is swollen.",
		"Employees do get paid for overtime in their first month.":      "Employees don't get paid for overtime in their first month.",
		"I will do that about the truth.":                               "I will not do that about the truth.",
		"The mermaid is an exhibit, so it is a real mermaid, of course": "The mermaid is an exhibit, so it is not a real mermaid, of course.",
	} {
		require.NotEqual(t, rag.Supported, verdict(t, answer, source), answer)
		require.Equal(t, rag.Supported, verdict(t, source, source), source)
	}
	for answer, sources := range map[string][]string{
		"You may bring dogs to the office on Fridays.":        {"You may not bring dogs to the office on Mondays.", "You may bring dogs to the office on Fridays."},
		"Receipts are kept for six years.":                    {"Receipts are not only kept for six years, they are also counted."},
		"Later she told him: Don't come around here no more.": {"Later she told him, Do n't come around here no more."},
		"The form must be sent to the help desk.":             {"The form must not be sent to the help desk unless it is signed. The form must be sent to the help desk when it is signed."},
	} {
		require.Equal(t, rag.Supported, verdict(t, answer, sources...), answer)
	}
}

// verdict is the first one of an answer over sources.
func verdict(t *testing.T, answer string, sources ...string) rag.Verdict {
	t.Helper()
	b := setup(t, answer)
	b.shelf.passages = nil
	for i, text := range sources {
		b.shelf.passages = append(b.shelf.passages, passage("d", i, text))
	}
	a, err := b.Ask(t.Context(), ask(answer), new(stream).emit)
	require.NoError(t, err)
	require.NotEmpty(t, a.Citations, answer)
	return a.Citations[0].Verdict
}
