package llm

import (
	"context"
	"time"

	"groundwork/rag"
)

const (
	plainToken = 5               // bytes of a token of prose, at most on average
	wideToken  = 8               // bytes that tokens of any text stay below on average
	leastLeft  = 1024            // tokens that a window is never taken for less than
	cutAfter   = 3 * time.Second // that the look may take; without it the coarser bound decides
)

// wasCut reports whether the server read fewer tokens than the prompt has: its window is
// smaller than it said, and it dropped the rest without a word, as Ollama does. Prompts that
// were read at the length of prose are not looked at; the others are counted by the
// server's own tokenizer, and where it has none, only what no tokenizer could make of them tells.
func (c *Chat) wasCut(ctx context.Context, done outcome, p rag.Prompt) bool {
	read, size := done.usage.PromptTokens, 0
	texts := make([]string, len(p.Messages))
	for i, m := range p.Messages {
		texts[i] = m.Content
		size += len(m.Content)
	}
	if read == 0 || read*plainToken >= size { // 0: the server does not say
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, cutAfter)
	defer cancel()
	counts, err := done.server.tokens.count(ctx, texts)
	if err != nil || done.server.tokens.shape() == shapeEstimate {
		return read*wideToken < size
	}
	sent := 0
	for _, n := range counts {
		sent += n
	}
	return read < sent
}

// narrow takes what a server read of a prompt that it cut for its window, until it is asked
// again what it is, so that later prompts fit.
func (c *Chat) narrow(done outcome) {
	f := c.pool.factsOf(done.server)
	read := max(done.usage.PromptTokens, leastLeft)
	if read >= f.window { // unknown ones are 0
		return
	}
	c.opts.Log.Warn("the chat model server cut a prompt without a word; its window is taken for smaller from now on",
		"server", done.server.address.Host, "told", f.window, "taken", read)
	f.window = read
	c.pool.learn(done.server, f)
	c.publish()
}
