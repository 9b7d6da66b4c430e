package llm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"groundwork/rag"
)

// Adapter is a fine-tuned variant that the chat servers have beside the base.
type Adapter struct {
	Name    string // for callers: MODEL+Name
	Version int    // from 1
	Slot    int    // its place in llama.cpp's list of adapters
	Model   string // the name vLLM serves it under; empty: it is llama.cpp that has it
}

// Tag names the adapter and its version in an answer's fingerprint.
func (a Adapter) Tag() string { return a.Name + "-v" + strconv.Itoa(a.Version) }

// ErrContaminated is a reply of one adapter that was computed from another's cache.
var ErrContaminated = errors.New("the model server used the cache of one adapter for another")

// contaminated is the error for a server that cached tokens tells on.
func (c speaker) contaminated(tokens int, before, now string) error {
	e := c.fail(rag.CodeUnavailable, fmt.Errorf("%w: %d tokens of %s for %s", ErrContaminated, tokens, before, now),
		"The %s model server mixes adapters up: it answered from another adapter's cache. Start it without a prompt cache that outlives a change of adapter (llama.cpp: --cache-ram 0).", c.kind)
	e.RetryAfter = 0
	return e
}

// Adapters are the names that callers may put behind the model's.
func (c *Chat) Adapters() []string {
	out := make([]string, len(c.opts.Adapters))
	for i, a := range c.opts.Adapters {
		out[i] = a.Name
	}
	return out
}

// adapter finds one by name; the zero Adapter is the base.
func (c *Chat) adapter(name string) (Adapter, error) {
	if name == "" {
		return Adapter{}, nil
	}
	for _, a := range c.opts.Adapters {
		if a.Name == name {
			return a, nil
		}
	}
	return Adapter{}, &rag.Error{Code: rag.CodeModel, Param: "model", Message: fmt.Sprintf("%s has no adapter %q any more. GET /v1/models lists the models you may use.", c.opts.Name, name)}
}

// adapterFields choose a (the zero Adapter: the base) in a request. A server
// that has adapters is always told about all of them: what is left out keeps
// the state of the request before.
func (c *Chat) adapterFields(a Adapter) map[string]any {
	if a.Model != "" {
		return map[string]any{"model": a.Model}
	}
	var list []map[string]any
	for _, other := range c.opts.Adapters {
		if other.Model != "" {
			continue
		}
		scale := 0.0
		if other.Name == a.Name {
			scale = 1
		}
		list = append(list, map[string]any{"id": other.Slot, "scale": scale})
	}
	if list == nil {
		return nil
	}
	return map[string]any{"lora": list}
}

// forwardFields are what a passed-through request for the caller's model name gets.
func (c *Chat) forwardFields(model string) (fields map[string]any, adapter string, err error) {
	name, _ := strings.CutPrefix(strings.TrimPrefix(model, c.opts.Name), "+")
	if model == c.opts.Name || !strings.HasPrefix(model, c.opts.Name+"+") {
		name = ""
	}
	a, err := c.adapter(name)
	fields = map[string]any{"model": c.opts.Model}
	for k, v := range c.adapterFields(a) {
		fields[k] = v
	}
	return fields, name, err
}

// maxShared is how many tokens a server may say it had cached of a prompt that it has never seen.
const maxShared = 8

// CheckAdapters proves on every server, by its own counters, that no adapter's
// answer is computed from another's cache: the same new prompt goes to the base
// and to each adapter in turn, and each time the server must read it anew.
// ErrContaminated says that one did not. A server that reports no counts is
// believed only where it serves each adapter under a name of its own.
func (c *Chat) CheckAdapters(ctx context.Context) error {
	if len(c.opts.Adapters) == 0 {
		return nil
	}
	for _, s := range c.pool.known() {
		if err := c.checkAdapters(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chat) checkAdapters(ctx context.Context, s *server) error {
	zero := 0.0
	prompt := rag.Prompt{
		Messages: []rag.Message{{Role: "user", Content: strconv.FormatInt(time.Now().UnixNano(), 36) + " " + probeText}},
		Sampling: rag.Sampling{MaxTokens: 1, Temperature: &zero},
	}
	before := "nothing"
	turns := append([]Adapter{{}}, c.opts.Adapters...)
	llama := c.pool.factsOf(s).kind == serverLlama
	if llama { // one slot, one state: the base must not see the last adapter's either
		turns = append(turns, Adapter{})
	}
	for _, a := range turns {
		name := a.Tag()
		if a.Name == "" {
			name = "the base"
		}
		fields := c.adapterFields(a)
		if fields == nil {
			fields = map[string]any{}
		}
		if llama {
			fields["id_slot"] = 0 // the one that has just read it
		}
		done, err := c.generate(ctx, request{prompt: prompt, fields: fields, send: s.direct}, func(string) error { return nil })
		if err != nil {
			return fmt.Errorf("try %s: %w", name, err)
		}
		if err := c.judgeCache(done, before, name, a.Name == "" && before == "nothing"); err != nil {
			return err
		}
		before = name
	}
	return nil
}

// judgeCache looks at what a server says it had cached.
func (c *Chat) judgeCache(done outcome, before, now string, first bool) error {
	cached := max(done.usage.CachedTokens, done.timings.CacheN)
	if cached > maxShared && !first {
		return c.pool.contaminated(cached, before, now)
	}
	return nil
}
