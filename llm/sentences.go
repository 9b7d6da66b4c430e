package llm

import (
	"context"
	"slices"
)

// cachedSentences is how many vectors of sentences are kept: 3 MB at 384 dimensions.
const cachedSentences = 2048

// EmbedSentences implements rag.Embedder: like EmbedPassages, but for a
// question that waits, so it passes documents in the server's queue. Vectors of
// recent sentences are kept.
func (e *Embedder) EmbedSentences(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	var missing []int
	for i, text := range texts {
		if v, ok := e.sentences.get(text); ok {
			out[i] = v
			continue
		}
		missing = append(missing, i)
	}
	for places := range slices.Chunk(missing, e.opts.Batch) {
		batch := make([]string, len(places))
		for i, place := range places {
			batch[i] = e.opts.PassagePrefix + texts[place]
		}
		vectors, err := e.embed(ctx, batch, e.opts.QueryTimeout, true)
		if err != nil {
			return nil, err
		}
		for i, place := range places {
			out[place] = vectors[i]
			e.sentences.put(texts[place], vectors[i])
		}
	}
	return out, nil
}
