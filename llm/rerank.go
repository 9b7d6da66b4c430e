package llm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"groundwork/rag"
)

// RerankOptions says where the reranking model is and how much it is asked.
type RerankOptions struct {
	BaseURLs  []string      // http://host:port/v1; several servers of one model share the load
	APIKey    string        // empty: none is sent
	Model     string        // its name at the server
	MaxTokens int           // window of the model, question and passage together; default 512
	Timeout   time.Duration // of one request; default 3 s
	Kept      int           // scores kept, of recent pairs of question and passage; default 4096
	Propagate Propagate     // nil: nothing
	Pool      PoolOptions   // defaults here: 4 at once on each server, 64 waiting for as long as Timeout
}

func (o RerankOptions) withDefaults() RerankOptions {
	o.MaxTokens, o.Timeout, o.Kept = cmp.Or(o.MaxTokens, 512), cmp.Or(o.Timeout, 3*time.Second), cmp.Or(o.Kept, 4096)
	o.Pool.Parallel, o.Pool.Waiting = cmp.Or(o.Pool.Parallel, 4), cmp.Or(o.Pool.Waiting, 64)
	o.Pool.MaxWait = cmp.Or(o.Pool.MaxWait, o.Timeout)
	return o
}

// Reranker is a cross-encoder behind a server that speaks /v1/rerank (Jina's
// and Cohere's shape, as llama.cpp and vLLM have it) or TEI's /rerank. It is safe for concurrent use.
type Reranker struct {
	opts RerankOptions
	pool *pool
	kept *lru.Cache[[sha256.Size]byte, float64]
	tei  atomic.Bool // the servers speak TEI's dialect
}

// NewReranker makes a Reranker and talks to nobody yet. Close it after use.
func NewReranker(opts RerankOptions) (*Reranker, error) {
	opts = opts.withDefaults()
	if opts.Model == "" {
		return nil, errors.New("llm.rerank.model must name the model")
	}
	p, err := newPool(kindRerank, opts.BaseURLs, opts.APIKey, opts.Timeout, opts.Pool)
	if err != nil {
		return nil, err
	}
	kept, err := lru.New[[sha256.Size]byte, float64](opts.Kept)
	if err != nil {
		return nil, fmt.Errorf("make room for scores: %w", err)
	}
	for _, s := range p.servers {
		s.propagate = opts.Propagate
	}
	r := &Reranker{opts: opts, pool: p, kept: kept}
	p.check = r.examine
	return r, nil
}

// Close turns away what waits and closes connections.
func (r *Reranker) Close() { r.pool.close() }

// Rerank implements rag.Reranker. Texts are cut to the model's window, and
// scores of recent pairs are kept. While no server answers it fails at once.
func (r *Reranker) Rerank(ctx context.Context, query string, texts []string) ([]float64, error) {
	query, texts = r.fitted(query, texts)
	scores, keys := make([]float64, len(texts)), make([][sha256.Size]byte, len(texts))
	var missing []int
	var ask []string
	for i, text := range texts {
		keys[i] = sha256.Sum256([]byte(query + "\x00" + text))
		kept, ok := r.kept.Get(keys[i])
		if scores[i] = kept; !ok {
			missing, ask = append(missing, i), append(ask, text)
		}
	}
	if len(ask) == 0 {
		return scores, nil
	}
	if err := r.pool.out(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.opts.Timeout, errTotal)
	defer cancel()
	made, err := r.score(ctx, query, ask, func(req *http.Request, accept func([]byte) error) error {
		_, _, err := r.pool.do(req, demand{urgent: true, whole: true, accept: accept}) //nolint:bodyclose // whole replies are read and closed there
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, at := range missing {
		scores[at] = made[i]
		r.kept.Add(keys[at], made[i])
	}
	return scores, nil
}

// pairTokens is what a model puts around a question and a passage.
const pairTokens = 8

// fitted cuts the question to half of the window at most, and each text to what is left. Tokens are
// estimated, on the high side: a call to count them would cost more than the cut stretch is worth.
func (r *Reranker) fitted(query string, texts []string) (string, []string) {
	query = within(query, r.opts.MaxTokens/2-pairTokens)
	room := r.opts.MaxTokens - pairTokens - estimate(query)
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = within(text, room)
	}
	return query, out
}

// within is the beginning of text that is estimated at no more than so many tokens.
func within(text string, tokens int) string {
	if estimate(text) <= tokens {
		return text
	}
	runes := []rune(text)
	fits, over := 0, len(runes) // the first fits, the second does not
	for over-fits > 1 {
		if middle := (fits + over) / 2; estimate(string(runes[:middle])) <= tokens {
			fits = middle
		} else {
			over = middle
		}
	}
	return string(runes[:fits])
}

// Health asks the servers whether they are ready, have the model and rerank. One good server makes it OK.
func (r *Reranker) Health(ctx context.Context) Health {
	h := Health{Facts: map[string]any{"model": r.opts.Model}}
	errs := r.pool.ask(ctx, r.examine)
	return h.of(errs, r.opts.Model)
}

// examine tells whether a server is ready and scores. It is asked to score once in a life of it.
func (r *Reranker) examine(ctx context.Context, s *server) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	r.pool.mu.Lock()
	tried := s.sample != nil && s.sampledIn == s.life
	r.pool.mu.Unlock()
	if tried {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.opts.Timeout, errTotal)
	defer cancel()
	made, err := r.score(ctx, sampleText, []string{sampleText}, func(req *http.Request, accept func([]byte) error) error {
		_, err := s.reply(req, demand{whole: true, accept: accept}) //nolint:bodyclose // likewise
		return err
	})
	if err != nil {
		return err
	}
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	s.sample, s.sampledIn = []float32{float32(made[0])}, s.life
	return nil
}

// Stats tells how the reranking servers are used.
func (r *Reranker) Stats() Stats { return r.pool.stats() }

var _ rag.Reranker = (*Reranker)(nil)
