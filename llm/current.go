package llm

import (
	"context"
	"sync"

	"groundwork/rag"
)

// Current is the chat model as it is served now. Replace puts other servers in
// its place without losing a request: what has begun ends where it began, what
// comes later goes to the new ones. It is rag.Generator and safe for concurrent use.
type Current struct {
	mu  sync.RWMutex
	now *held
}

// held is a Chat and the requests that use it.
type held struct {
	chat *Chat
	used sync.WaitGroup
}

// NewCurrent begins with chat.
func NewCurrent(chat *Chat) *Current { return &Current{now: &held{chat: chat}} }

// take gives the present Chat, which stays open until release.
func (c *Current) take() (chat *Chat, release func()) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	h := c.now
	h.used.Add(1)
	return h.chat, h.used.Done
}

// Chat is the present one, for looks that take no time.
func (c *Current) Chat() *Chat {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now.chat
}

// Replace makes next the present Chat at once, and returns the one before when
// the last request that it had has ended: it can be closed then. When ctx ends
// first, it is returned with what it still has.
func (c *Current) Replace(ctx context.Context, next *Chat) *Chat {
	c.mu.Lock()
	before := c.now
	c.now = &held{chat: next}
	c.mu.Unlock()
	drained := make(chan struct{})
	go func() {
		before.used.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-ctx.Done():
	}
	return before.chat
}

// Name is the model's name for callers.
func (c *Current) Name() string { return c.Chat().Name() }

// Adapters are the names that may stand behind it, after a +.
func (c *Current) Adapters() []string { return c.Chat().Adapters() }

// AdapterTag names an adapter and its version.
func (c *Current) AdapterTag(name string) string {
	a, err := c.Chat().adapter(name)
	if err != nil {
		return name
	}
	return a.Tag()
}

// Limits implements rag.Generator.
func (c *Current) Limits() rag.Limits { return c.Chat().Limits() }

// CountTokens implements rag.Generator.
func (c *Current) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	chat, release := c.take()
	defer release()
	return chat.CountTokens(ctx, texts)
}

// Generate implements rag.Generator.
func (c *Current) Generate(ctx context.Context, p rag.Prompt, emit func(delta string) error) (rag.Usage, error) {
	chat, release := c.take()
	defer release()
	return chat.Generate(ctx, p, emit)
}
