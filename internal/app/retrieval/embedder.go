package retrieval

import (
	"context"
	"encoding/binary"
	"slices"

	"groundwork/configs"
	"groundwork/internal/app"
)

// model is the embedding model.
type model interface {
	EmbedQuery(ctx context.Context, text string) ([]float32, error)
	EmbedPassages(ctx context.Context, texts []string) ([][]float32, error)
	CountTokens(ctx context.Context, texts []string) ([]int, error)
}

// embedder asks the model only for what is not in the cache, and starts it when the first text is missing there.
type embedder struct {
	cache       *cache
	fingerprint string
	start       func(ctx context.Context) (model, error)
	stop        func(ctx context.Context) error // nil until started
	model       model
	progress    func(done int) // texts embedded by now
	done        int
}

func newEmbedder(ctx context.Context, cfg configs.Config, opts app.Options) (*embedder, int, error) {
	dimensions, fingerprint, err := app.EmbeddingIdentity(cfg)
	if err != nil {
		return nil, 0, err
	}
	kept, err := openCache(ctx, app.CacheDir(cfg))
	if err != nil {
		return nil, 0, err
	}
	e := &embedder{cache: kept, fingerprint: fingerprint, progress: func(int) {}}
	e.start = func(ctx context.Context) (model, error) {
		m, err := app.StartEmbedding(ctx, cfg, opts)
		if err != nil {
			return nil, err
		}
		e.stop = m.Stop
		return m, nil
	}
	return e, dimensions, nil
}

func (e *embedder) close(ctx context.Context) error {
	err := e.cache.close()
	if e.stop != nil {
		if stopped := e.stop(ctx); err == nil {
			err = stopped
		}
	}
	return err
}

func (e *embedder) running(ctx context.Context) (model, error) {
	if e.model != nil {
		return e.model, nil
	}
	m, err := e.start(ctx)
	if err == nil {
		e.model = m
	}
	return m, err
}

// batch is made and kept together: a run that breaks off loses no more.
const batch = 64

// through gives the value of each text: from the cache, else made in batches.
func (e *embedder) through(ctx context.Context, kind string, texts []string, compute func(m model, some []string) ([][]byte, error)) ([][]byte, error) {
	out, missing := make([][]byte, len(texts)), []int(nil)
	for i, text := range texts {
		v, err := e.cache.get(ctx, key(kind, e.fingerprint, text))
		if err != nil {
			return nil, err
		}
		if out[i] = v; v == nil {
			missing = append(missing, i)
		}
	}
	e.done += len(texts) - len(missing)
	e.progress(e.done)
	for places := range slices.Chunk(missing, batch) {
		m, err := e.running(ctx)
		if err != nil {
			return nil, err
		}
		some, keys := make([]string, len(places)), make([][]byte, len(places))
		for i, place := range places {
			some[i], keys[i] = texts[place], key(kind, e.fingerprint, texts[place])
		}
		made, err := compute(m, some)
		if err != nil {
			return nil, err
		}
		for i, place := range places {
			out[place] = made[i]
		}
		if err := e.cache.put(ctx, keys, made); err != nil {
			return nil, err
		}
		e.done += len(places)
		e.progress(e.done)
	}
	return out, nil
}

// passages embeds texts as documents' passages.
func (e *embedder) passages(ctx context.Context, texts []string) ([][]float32, error) {
	raw, err := e.through(ctx, "passage", texts, func(m model, some []string) ([][]byte, error) {
		return encodeAll(m.EmbedPassages(ctx, some))
	})
	return decodeAll(raw), err
}

// queries embeds texts as questions.
func (e *embedder) queries(ctx context.Context, texts []string) ([][]float32, error) {
	raw, err := e.through(ctx, "query", texts, func(m model, some []string) ([][]byte, error) {
		vectors := make([][]float32, len(some))
		for i, text := range some {
			var err error
			if vectors[i], err = m.EmbedQuery(ctx, text); err != nil {
				return nil, err
			}
		}
		return encodeAll(vectors, nil)
	})
	return decodeAll(raw), err
}

// count gives the tokens of each text, for the chunker.
func (e *embedder) count(ctx context.Context, texts []string) ([]int, error) {
	done := e.done
	defer func() { e.done = done }() // counting is no part of what the progress tells
	raw, err := e.through(ctx, "tokens", texts, func(m model, some []string) ([][]byte, error) {
		counts, err := m.CountTokens(ctx, some)
		out := make([][]byte, len(counts))
		for i, n := range counts {
			out[i] = binary.AppendUvarint(nil, uint64(n)) //nolint:gosec // a count is not negative
		}
		return out, err
	})
	out := make([]int, len(raw))
	for i, v := range raw {
		n, _ := binary.Uvarint(v)
		out[i] = int(n) //nolint:gosec // it was an int
	}
	return out, err
}

func encodeAll(vectors [][]float32, err error) ([][]byte, error) {
	out := make([][]byte, len(vectors))
	for i, v := range vectors {
		out[i] = encode(v)
	}
	return out, err
}

func decodeAll(raw [][]byte) [][]float32 {
	out := make([][]float32, len(raw))
	for i, v := range raw {
		out[i] = decode(v)
	}
	return out
}
