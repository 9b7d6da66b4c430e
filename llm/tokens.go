package llm

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"groundwork/rag"
)

// shape is a way to count tokens.
type shape string

// The shapes that servers know, and the estimate for those that know none.
const (
	shapeCounts   shape = "counts"    // the project's embedding server: {"input": […]} → {"counts": […]}
	shapeLlama    shape = "llama.cpp" // {"content": …} → {"tokens": […]}
	shapeVLLM     shape = "vllm"      // {"model", "prompt"} → {"count"}
	shapeEstimate shape = "estimate"
)

const (
	textsPerCall = 256
	callsAtOnce  = 4
)

// separator is a row of token ids between texts. No end of it is also its
// beginning, so it is found where it was put, whatever surrounds it.
var separator = []int{0, 0, 1}

// errShape says that the server does not count in this shape.
var errShape = errors.New("the server does not count tokens this way")

// tokenizer counts with the server's tokenizer, in the first shape it knows.
type tokenizer struct {
	client *client
	model  string
	shapes []shape

	mu    sync.Mutex
	known shape
}

func newTokenizer(c *client, model string, shapes ...shape) *tokenizer {
	return &tokenizer{client: c, model: model, shapes: append(shapes, shapeEstimate)}
}

// Shape is the one in use; empty before the first count.
func (t *tokenizer) shape() shape {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known
}

// forget makes the next count look for the shape again.
func (t *tokenizer) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = ""
}

// count counts with the tokenizer of one server, or of the next when it does not answer.
func (p *pool) count(ctx context.Context, texts []string) ([]int, error) {
	var failed error
	for _, s := range p.forCalls() {
		done, err := s.breaker.Allow()
		if err != nil {
			done = func(error) {} // none is up: one may have just come back
		}
		counts, err := s.tokens.count(ctx, texts)
		if ctx.Err() != nil || ours(err) {
			done(errNotCounted)
			return counts, err
		}
		if !sick(err) {
			done(nil)
			return counts, err
		}
		done(err)
		p.noticed(s, err)
		failed = err
	}
	return nil, failed
}

// forCalls are the servers for a short call: those that are up, exact
// tokenizers and little load first; when none is up, the first of all.
func (p *pool) forCalls() []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*server
	for _, s := range p.servers {
		if s.up() {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return p.servers[:1]
	}
	if len(out) > 1 {
		slices.SortStableFunc(out, func(a, b *server) int {
			if x, y := a.tokens.shape() == shapeEstimate, b.tokens.shape() == shapeEstimate; x != y {
				return map[bool]int{true: 1, false: -1}[x]
			}
			return cmp.Compare(a.load(0), b.load(0))
		})
	}
	return out
}

func (t *tokenizer) count(ctx context.Context, texts []string) ([]int, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	if known := t.shape(); known != "" {
		return t.countAs(ctx, known, texts)
	}
	for _, s := range t.shapes {
		counts, err := t.countAs(ctx, s, texts)
		if unsupported(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		t.known = s
		t.mu.Unlock()
		return counts, nil
	}
	return nil, errShape // the estimate always works
}

// unsupported tells "this server has no such route" from "this server is down".
func unsupported(err error) bool {
	var status *statusCause
	if errors.As(err, &status) {
		return slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed,
			http.StatusUnprocessableEntity, http.StatusNotImplemented}, status.Status)
	}
	return errors.Is(err, errShape) || errors.Is(err, errNotJSON)
}

func (t *tokenizer) countAs(ctx context.Context, s shape, texts []string) ([]int, error) {
	out := make([]int, 0, len(texts))
	for batch := range slices.Chunk(texts, textsPerCall) {
		counts, err := t.batch(ctx, s, batch)
		if err != nil {
			return nil, err
		}
		out = append(out, counts...)
	}
	return out, nil
}

func (t *tokenizer) batch(ctx context.Context, s shape, texts []string) ([]int, error) {
	switch s {
	case shapeCounts:
		return t.counts(ctx, texts)
	case shapeLlama:
		if counts, ok, err := t.joined(ctx, texts); err != nil || ok {
			return counts, err
		}
		return t.each(ctx, texts, t.llama)
	case shapeVLLM:
		return t.each(ctx, texts, t.vllm)
	}
	counts := make([]int, len(texts))
	for i, text := range texts {
		counts[i] = estimate(text)
	}
	return counts, nil
}

func (t *tokenizer) post(ctx context.Context, in, out any) error {
	return t.client.call(ctx, t.client.root+"/tokenize", in, out)
}

func (t *tokenizer) counts(ctx context.Context, texts []string) ([]int, error) {
	var out struct {
		Counts []int `json:"counts"`
	}
	if err := t.post(ctx, map[string]any{"model": t.model, "input": texts}, &out); err != nil {
		return nil, err
	}
	if len(out.Counts) != len(texts) {
		return nil, errShape
	}
	return out.Counts, nil
}

// joined counts all texts in one call: llama.cpp takes texts and token ids in
// a row and tokenizes each text by itself. ok is false when the separators do
// not add up.
func (t *tokenizer) joined(ctx context.Context, texts []string) (counts []int, ok bool, err error) {
	var content []any
	for i, text := range texts {
		if i > 0 {
			for _, id := range separator {
				content = append(content, id)
			}
		}
		content = append(content, text)
	}
	tokens, err := t.tokens(ctx, content)
	if err != nil {
		return nil, false, err
	}
	counts = split(tokens)
	return counts, len(counts) == len(texts), nil
}

// split measures the stretches between separators.
func split(tokens []int) []int {
	var out []int
	n := 0
	for i := 0; i < len(tokens); i++ {
		if i+len(separator) <= len(tokens) && slices.Equal(tokens[i:i+len(separator)], separator) {
			out, n = append(out, n), 0
			i += len(separator) - 1
			continue
		}
		n++
	}
	return append(out, n)
}

func (t *tokenizer) tokens(ctx context.Context, content any) ([]int, error) {
	var out struct {
		Tokens *[]int `json:"tokens"`
	}
	if err := t.post(ctx, map[string]any{"content": content}, &out); err != nil {
		return nil, err
	}
	if out.Tokens == nil {
		return nil, errShape
	}
	return *out.Tokens, nil
}

func (t *tokenizer) llama(ctx context.Context, text string) (int, error) {
	tokens, err := t.tokens(ctx, text)
	return len(tokens), err
}

func (t *tokenizer) vllm(ctx context.Context, text string) (int, error) {
	var out struct {
		Count *int `json:"count"`
	}
	err := t.post(ctx, map[string]any{"model": t.model, "prompt": text, "add_special_tokens": false}, &out)
	if err != nil {
		return 0, err
	}
	if out.Count == nil {
		return 0, errShape
	}
	return *out.Count, nil
}

// each counts text by text, a few at a time; the first error wins.
func (t *tokenizer) each(ctx context.Context, texts []string, one func(context.Context, string) (int, error)) ([]int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	counts := make([]int, len(texts))
	slots := make(chan struct{}, callsAtOnce)
	var work sync.WaitGroup
	var once sync.Once
	var failed error
	for i, text := range texts {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			n, err := one(ctx, text)
			if err != nil {
				once.Do(func() { failed = err; cancel(err) })
			}
			counts[i] = n
		})
	}
	work.Wait()
	return counts, failed
}

// estimate is on the high side for prose: a token for each 3 letters or
// blanks, for each digit and sign, and one and a half for each other character.
func estimate(text string) int {
	letters, signs, others := 0, 0, 0
	for _, r := range text {
		switch {
		case r >= utf8.RuneSelf:
			others++
		case unicode.IsLetter(r) || r == ' ':
			letters++
		default:
			signs++
		}
	}
	return (letters+2)/3 + signs + (3*others+1)/2
}

var _ rag.Generator = (*Chat)(nil)
