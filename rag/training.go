package rag

// What follows is the question path's own words for those who prepare a model
// for it: a training set must look like the prompts that the model will get.

// Compose is the prompt that the question path makes of sources and a
// conversation, passages framed and numbered by Source.Index.
func Compose(sources []Source, messages []Message) []Message { return prompt(sources, messages) }

// Sentences are the sentences, list items, table rows and headings of text, as
// citations are tied to them: trimmed, in order.
func Sentences(text string) []string {
	spans := sentences(text)
	out := make([]string, len(spans))
	for i, sp := range spans {
		out[i] = text[sp.start:sp.end]
	}
	return out
}

// Numbers are the figures of text as the check of citations reads them.
func Numbers(text string) []string { return numbers(text) }

// Covers tells whether the passages support every sentence of an answer to
// question, by the same check that an answer's citations pass.
func Covers(answer, question string, sources []Source, analyze Analyze) bool {
	citations, unsupported := cite(answer, question, sources, analyze)
	for _, c := range citations {
		if c.Verdict != Supported {
			return false
		}
	}
	return len(citations) > 0 && len(unsupported) == 0
}
