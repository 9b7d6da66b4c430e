package llm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"groundwork/rag"
)

// Health is the state of one model server, for people and programs.
type Health struct {
	OK     bool
	Detail string         // one line
	Fix    string         // what to do; empty when OK
	Facts  map[string]any // measured and learned figures
}

// Health asks the chat servers whether they are ready and have the model. It
// generates nothing. One good server makes it OK.
func (c *Chat) Health(ctx context.Context) Health {
	limits := c.Limits()
	h := Health{Facts: map[string]any{
		"model":           limits.Model,
		"quantisation":    limits.Quantisation,
		"context_tokens":  limits.ContextTokens,
		"context_budget":  limits.ContextBudget,
		"prefill_per_sec": limits.PrefillPerSec,
		"decode_per_sec":  limits.DecodePerSec,
	}}
	errs := c.pool.ask(ctx, c.fit)
	var all []map[string]any
	for i, s := range c.pool.servers {
		all = append(all, c.describe(s, errs[i]))
	}
	h.Facts["servers"], h.Facts["tokenizer"] = all, all[0]["tokenizer"]
	detail := fmt.Sprintf("%s, window %d tokens, budget %d tokens", limits.Model, limits.ContextTokens, limits.ContextBudget)
	if limits.PrefillPerSec > 0 {
		detail += fmt.Sprintf(", reads %.0f and writes %.0f tokens/s", limits.PrefillPerSec, limits.DecodePerSec)
	}
	return h.of(errs, detail)
}

// fit tells whether a server is ready and has the model.
func (c *Chat) fit(ctx context.Context, s *server) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	f := facts{}
	if _, err := c.askModels(ctx, s, &f); err != nil {
		return err
	}
	// llama.cpp serves its one model whatever the name; the others do not.
	if c.pool.factsOf(s).kind == serverLlama {
		return nil
	}
	return missing(f.models, c.opts.Model, "llm.chat")
}

// describe tells what is known of one server.
func (c *Chat) describe(s *server, err error) map[string]any {
	f := c.pool.factsOf(s)
	known, _ := c.speed(s)
	out := map[string]any{
		"host": s.address.Host, "ok": err == nil, "server": f.kind, "context_tokens": f.window, "slots": f.slots,
		"tokenizer": string(s.tokens.shape()), "lora": f.lora, "log_probabilities": known.Logprobs,
		"prefill_per_sec": known.Prefill, "decode_per_sec": known.Decode,
	}
	if err != nil {
		out["error"] = Health{}.broken(err).Detail
	}
	return out
}

// Health asks the embedding servers whether they are ready, have the model, and
// give the same vectors of the configured kind. One good server makes it OK.
func (e *Embedder) Health(ctx context.Context) Health {
	h := Health{Facts: map[string]any{"model": e.opts.Name, "dimensions": e.Dimensions()}}
	errs := e.pool.ask(ctx, e.examine)
	var all []map[string]any
	for i, s := range e.pool.servers {
		all = append(all, map[string]any{"host": s.address.Host, "ok": errs[i] == nil, "tokenizer": string(s.tokens.shape())})
		if errs[i] != nil {
			all[i]["error"] = Health{}.broken(errs[i]).Detail
		}
	}
	h.Facts["servers"], h.Facts["tokenizer"] = all, all[0]["tokenizer"]
	h.Facts["dimensions"] = e.Dimensions()
	return h.of(errs, fmt.Sprintf("%s, %d dimensions", e.opts.Name, e.Dimensions()))
}

// ask asks every server at once; one error a server, in their order.
func (p *pool) ask(ctx context.Context, one func(context.Context, *server) error) []error {
	errs := make([]error, len(p.servers))
	var work sync.WaitGroup
	for i, s := range p.servers {
		work.Go(func() { errs[i] = one(ctx, s) })
	}
	work.Wait()
	return errs
}

// of is the verdict over all servers.
func (h Health) of(errs []error, detail string) Health {
	good := 0
	var bad error
	for _, err := range errs {
		if err == nil {
			good++
		} else if bad == nil {
			bad = err
		}
	}
	if good == 0 {
		return h.broken(bad)
	}
	h.OK, h.Detail = true, detail
	if len(errs) > 1 {
		h.Detail += fmt.Sprintf(", %d of %d servers answer", good, len(errs))
	}
	if bad != nil {
		h.Detail += "; " + Health{}.broken(bad).Detail
	}
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
