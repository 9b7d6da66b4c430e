package rag

// marginTokens is what a tokenizer may add to a text, such as a mark of its beginning.
const marginTokens = 16

// atMost is the most tokens that text can be: a token stands for one byte at
// least, in the tokenizers of all chat models that fall back on bytes.
func atMost(text string) int { return len(text) + marginTokens }

// fitsUncounted gives all of ranked as sources when they fit into budget
// tokens beside the frame however they are cut into tokens. Then nobody needs
// to ask the model server, which costs two calls a question; on fast servers,
// whose budget is large, that is the usual case.
func fitsUncounted(ranked []Ranked, frame string, budget int) ([]Source, bool) {
	budget -= atMost(frame)
	if budget < minPassage {
		return nil, false
	}
	sources := make([]Source, len(ranked))
	for i, r := range ranked {
		if budget -= atMost(passageText(i+1, r.Passage)); budget < 0 {
			return nil, false
		}
		sources[i] = Source{Index: i + 1, Passage: r.Passage, Score: r.Score}
	}
	return sources, true
}
