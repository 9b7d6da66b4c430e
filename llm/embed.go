package llm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/llms/openai"

	"groundwork/rag"
)

// priorityHeader lets a question pass documents in the embedding server's queue.
const (
	priorityHeader   = "X-Groundwork-Priority"
	priorityQuestion = "question"
)

// EmbedOptions says where the embedding model is and what its vectors are like.
type EmbedOptions struct {
	BaseURLs      []string      // http://host:port/v1; several servers of one model share the load
	APIKey        string        // empty: none is sent
	Model         string        // its name at the server
	Name          string        // its name for callers; empty: Model
	Dimensions    int           // of a vector; 0: those of the first vector that comes
	QueryPrefix   string        // put before a query, never before a passage
	PassagePrefix string        // put before a passage; most models want none
	Batch         int           // texts in one request; default 32
	CachedQuery   int           // query vectors kept; default 256
	Timeout       time.Duration // of one batch; default 1 min
	QueryTimeout  time.Duration // of one query; default 15 s
	Propagate     Propagate     // nil: nothing
	Pool          PoolOptions   // defaults here: 32 at once on each server, 1024 waiting for as long as Timeout
}

func (o EmbedOptions) withDefaults() EmbedOptions {
	if o.Name == "" {
		o.Name = o.Model
	}
	if o.Batch <= 0 {
		o.Batch = 32
	}
	if o.CachedQuery <= 0 {
		o.CachedQuery = 256
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.QueryTimeout <= 0 {
		o.QueryTimeout = 15 * time.Second
	}
	o.Pool.Parallel, o.Pool.Waiting = cmp.Or(o.Pool.Parallel, 32), cmp.Or(o.Pool.Waiting, 1024)
	o.Pool.MaxWait = cmp.Or(o.Pool.MaxWait, o.Timeout)
	return o
}

// Embedder is an embedding model behind a server. It is safe for concurrent use.
type Embedder struct {
	opts       EmbedOptions
	pool       *pool
	queries    *vectorCache
	sentences  *vectorCache
	dimensions atomic.Int64 // 0 until known
}

// NewEmbedder makes an Embedder and talks to nobody yet. Close it after use.
func NewEmbedder(opts EmbedOptions) (*Embedder, error) {
	opts = opts.withDefaults()
	if opts.Model == "" {
		return nil, errors.New("llm.embed.model must name the model")
	}
	p, err := newPool(kindEmbed, opts.BaseURLs, opts.APIKey, opts.Timeout, opts.Pool)
	if err != nil {
		return nil, err
	}
	for _, s := range p.servers {
		s.propagate = opts.Propagate
		s.tokens = newTokenizer(s.client, opts.Model, shapeCounts, shapeLlama, shapeVLLM)
	}
	e := &Embedder{opts: opts, pool: p, queries: newVectorCache(opts.CachedQuery), sentences: newVectorCache(cachedSentences)}
	e.dimensions.Store(int64(opts.Dimensions))
	p.check = e.examine
	return e, nil
}

// Close turns away what waits and closes connections.
func (e *Embedder) Close() { e.pool.close() }

// Name is the model's name for callers.
func (e *Embedder) Name() string { return e.opts.Name }

// Dimensions of a vector; 0 while unknown.
func (e *Embedder) Dimensions() int { return int(e.dimensions.Load()) }

// EmbedQuery implements rag.Embedder. Vectors of recent queries are kept.
func (e *Embedder) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	if v, ok := e.queries.get(text); ok {
		return v, nil
	}
	out, err := e.embed(ctx, []string{e.opts.QueryPrefix + text}, e.opts.QueryTimeout, true)
	if err != nil {
		return nil, err
	}
	e.queries.put(text, out[0])
	return slices.Clone(out[0]), nil
}

// EmbedPassages implements ingest.Embedder: in batches of texts of like
// length, so that a server that pads wastes little; results in the order of texts.
func (e *Embedder) EmbedPassages(ctx context.Context, texts []string) ([][]float32, error) {
	order := make([]int, len(texts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(texts[a]), len(texts[b])) })
	out := make([][]float32, len(texts))
	for places := range slices.Chunk(order, e.opts.Batch) {
		batch := make([]string, len(places))
		for i, place := range places {
			batch[i] = e.opts.PassagePrefix + texts[place]
		}
		vectors, err := e.embed(ctx, batch, e.opts.Timeout, false)
		if err != nil {
			return nil, err
		}
		for i, place := range places {
			out[place] = vectors[i]
		}
	}
	return out, nil
}

// CountTokens implements ingest.Embedder.
func (e *Embedder) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	return e.pool.count(ctx, texts)
}

// embed runs one request and checks what comes back. What is urgent passes the rest.
func (e *Embedder) embed(ctx context.Context, texts []string, timeout time.Duration, urgent bool) ([][]float32, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTotal)
	defer cancel()
	d := demand{urgent: urgent, whole: true}
	return e.vectors(ctx, texts, urgent, func(req *http.Request) (*http.Response, error) {
		resp, _, err := e.pool.do(req, d)
		return resp, err
	})
}

func (e *Embedder) vectors(ctx context.Context, texts []string, urgent bool, send func(*http.Request) (*http.Response, error)) ([][]float32, error) {
	x := &vectorExchange{words: e.pool.speaker, send: send, urgent: urgent, want: len(texts)}
	model, err := openai.New(
		openai.WithToken("none"), // must not be empty; client.send sets the real one
		openai.WithEmbeddingModel(e.opts.Model),
		openai.WithModel(e.opts.Model),
		openai.WithBaseURL(anyServer),
		openai.WithOrganization(""),
		openai.WithHTTPClient(x),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the embedding client: %w", err)
	}
	embedder, err := embeddings.NewEmbedder(model, embeddings.WithStripNewLines(false), embeddings.WithBatchSize(len(texts)))
	if err != nil {
		return nil, fmt.Errorf("set up the embedding client: %w", err)
	}
	vectors, err := embedder.EmbedDocuments(ctx, texts)
	if x.err != nil {
		return nil, x.err
	}
	if err != nil {
		return nil, e.pool.badVectors(err)
	}
	return vectors, e.check(vectors)
}

// vectorExchange is one request for vectors; langchaingo sends it through it.
type vectorExchange struct {
	words  speaker
	send   func(*http.Request) (*http.Response, error)
	urgent bool
	want   int
	err    error // langchaingo hides the cause
}

// Do implements langchaingo's Doer.
func (x *vectorExchange) Do(req *http.Request) (*http.Response, error) {
	if x.urgent {
		req.Header.Set(priorityHeader, priorityQuestion)
	}
	resp, err := x.send(req)
	if err == nil {
		defer resp.Body.Close()
		var raw []byte
		if raw, err = readAll(resp.Body); err != nil {
			err = x.words.transportError(req.Context(), err)
		} else if raw, err = inOrder(raw, x.want); err != nil {
			err = x.words.badVectors(err)
		} else {
			resp.Body = io.NopCloser(bytes.NewReader(raw))
		}
	}
	if err != nil {
		x.err = err
		return nil, err
	}
	return resp, nil
}

// inOrder checks that a reply has want vectors and sorts them by their index,
// which langchaingo does not look at.
func inOrder(raw []byte, want int) ([]byte, error) {
	type item struct {
		Index     *int            `json:"index"`
		Embedding json.RawMessage `json:"embedding"`
	}
	var reply struct {
		Data []item `json:"data"`
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, fmt.Errorf("decode vectors: %w", err)
	}
	if len(reply.Data) != want {
		return nil, fmt.Errorf("%d vectors for %d texts", len(reply.Data), want)
	}
	sorted, seen := true, make([]bool, want)
	for i := range reply.Data {
		d := &reply.Data[i]
		if d.Index == nil {
			d.Index = &i
		}
		at := *d.Index
		if at < 0 || at >= want || seen[at] {
			return nil, fmt.Errorf("vector index %d for %d texts", at, want)
		}
		seen[at], sorted = true, sorted && at == i
	}
	if sorted {
		return raw, nil
	}
	slices.SortFunc(reply.Data, func(a, b item) int { return cmp.Compare(*a.Index, *b.Index) })
	return json.Marshal(reply)
}

var _ rag.Embedder = (*Embedder)(nil)
