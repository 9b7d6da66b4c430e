package llm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"groundwork/rag"
)

// Health is the state of one model server, for people and programs.
type Health struct {
	OK     bool
	Detail string         // one line
	Fix    string         // what to do; empty when OK
	Facts  map[string]any // measured and learned figures
}

// Health asks the chat server whether it is ready and has the model. It generates nothing.
func (c *Chat) Health(ctx context.Context) Health {
	limits := c.Limits()
	h := Health{Facts: map[string]any{
		"model":           limits.Model,
		"quantisation":    limits.Quantisation,
		"context_tokens":  limits.ContextTokens,
		"context_budget":  limits.ContextBudget,
		"prefill_per_sec": limits.PrefillPerSec,
		"decode_per_sec":  limits.DecodePerSec,
		"tokenizer":       string(c.tokens.shape()),
	}}
	if err := c.client.ready(ctx); err != nil {
		return h.broken(err)
	}
	f := facts{}
	if _, err := c.askModels(ctx, &f); err != nil {
		return h.broken(err)
	}
	// llama.cpp serves its one model whatever the name; the others do not.
	if !c.llama.Load() {
		if missing := missing(f.models, c.opts.Model, "llm.chat"); missing != nil {
			return h.broken(missing)
		}
	}
	h.OK = true
	h.Detail = fmt.Sprintf("%s, window %d tokens, budget %d tokens", limits.Model, limits.ContextTokens, limits.ContextBudget)
	if limits.PrefillPerSec > 0 {
		h.Detail += fmt.Sprintf(", reads %.0f and writes %.0f tokens/s", limits.PrefillPerSec, limits.DecodePerSec)
	}
	return h
}

// Health asks the embedding server whether it is ready, has the model, and
// gives vectors of the configured kind.
func (e *Embedder) Health(ctx context.Context) Health {
	h := Health{Facts: map[string]any{"model": e.opts.Name, "dimensions": e.Dimensions()}}
	if err := e.client.ready(ctx); err != nil {
		return h.broken(err)
	}
	var list modelList
	if err := e.client.call(ctx, e.client.base+"/models", nil, &list); err != nil {
		return h.broken(err)
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	if missing := missing(names, e.opts.Model, "llm.embed"); missing != nil {
		return h.broken(missing)
	}
	if _, err := e.EmbedQuery(ctx, "Is the embedding model ready?"); err != nil { // cached after the first time
		return h.broken(err)
	}
	h.OK = true
	h.Facts["dimensions"], h.Facts["tokenizer"] = e.Dimensions(), string(e.tokens.shape())
	h.Detail = fmt.Sprintf("%s, %d dimensions", e.opts.Name, e.Dimensions())
	return h
}

func (h Health) broken(err error) Health {
	h.OK, h.Detail = false, err.Error()
	var known *rag.Error
	if errors.As(err, &known) {
		h.Detail, h.Fix = known.Message, known.Message
		if cause, fix, found := strings.Cut(known.Message, "; "); found {
			h.Detail, h.Fix = cause, fix
		}
	}
	return h
}

// ready asks /health where the server has one; a loading llama.cpp says 503 there.
func (c *client) ready(ctx context.Context) error {
	var ignored any
	err := c.call(ctx, c.root+"/health", nil, &ignored)
	if unsupported(err) { // no such route, or vLLM's empty body
		return nil
	}
	return err
}

func missing(have []string, want, section string) error {
	// Ollama adds :latest to a name without a tag.
	if len(have) == 0 || slices.Contains(have, want) || slices.Contains(have, want+":latest") {
		return nil
	}
	shown := strings.Join(have[:min(len(have), 5)], ", ")
	return rag.Fail(rag.CodeUnavailable, fmt.Sprintf("The model server has no model %q, only %s; set %s.model to one of them.", want, shown, section))
}
