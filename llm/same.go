package llm

import (
	"context"
	"fmt"
	"net/http"

	"groundwork/rag"
)

// sampleText is what servers are compared by.
const sampleText = "Is the embedding model ready?"

// sameVector is the least cosine of two servers' vectors of one text. Releases
// of a runtime differ by up to 0.004 on int8 models, models by far more.
const sameVector = 0.99

// examine tells whether a server is ready, has the model, and gives the vectors
// that the others give. The vector is asked for once in a server's life.
func (e *Embedder) examine(ctx context.Context, s *server) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	var list modelList
	if err := s.call(ctx, s.base+"/models", nil, &list); err != nil {
		return err
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	if err := missing(names, e.opts.Model, "llm.embed"); err != nil {
		return err
	}
	sample := e.sampled(s)
	if sample == nil {
		ctx, cancel := context.WithTimeoutCause(ctx, e.opts.QueryTimeout, errTotal)
		defer cancel()
		vectors, err := e.vectors(ctx, []string{e.opts.QueryPrefix + sampleText}, true, s.wholeReply)
		if err != nil {
			return err
		}
		sample = vectors[0]
	}
	return e.compare(s, sample)
}

// wholeReply sends a request to this server, past the line.
func (s *server) wholeReply(req *http.Request) (*http.Response, error) {
	return s.reply(req, demand{whole: true})
}

// sampled is the vector that a server gave in this life of it.
func (e *Embedder) sampled(s *server) []float32 {
	e.pool.mu.Lock()
	defer e.pool.mu.Unlock()
	if s.sampledIn != s.life {
		return nil
	}
	return s.sample
}

// compare keeps a server's vector, unless another server gave a different one.
func (e *Embedder) compare(s *server, sample []float32) error {
	e.pool.mu.Lock()
	defer e.pool.mu.Unlock()
	for _, other := range e.pool.servers {
		if other == s || other.sample == nil {
			continue
		}
		var cosine float64
		for i := range min(len(sample), len(other.sample)) {
			cosine += float64(sample[i]) * float64(other.sample[i])
		}
		if cosine < sameVector {
			return rag.Fail(rag.CodeEmbedding, fmt.Sprintf("The embedding servers %s and %s give different vectors for one text (cosine %.3f); start the same model on all of llm.embed.base_url.",
				other.address.Host, s.address.Host, cosine))
		}
	}
	s.sample, s.sampledIn = sample, s.life
	return nil
}
