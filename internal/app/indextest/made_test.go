package indextest_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// madeUp are documents of one to three chunks in words that are as frequent as
// a language's. All tenants use the same words, so that statistics which leaked
// would be seen. The same number gives the same documents.
func madeUp(number uint64, documents, dimensions int) []document {
	r := rand.New(rand.NewPCG(number, 3)) //nolint:gosec // repeatable on purpose
	zipf := rand.NewZipf(r, 1.07, 30, 20_000)
	out := make([]document, documents)
	for i := range out {
		out[i].path = fmt.Sprintf("notes-%03d.md", i)
		for range 1 + r.IntN(3) {
			words := make([]string, 60)
			for j := range words {
				words[j] = word(int(zipf.Uint64())) //nolint:gosec // at most 20,000
			}
			out[i].chunks = append(out[i].chunks, passage{strings.Join(words, " "), randomUnit(r, dimensions)})
		}
	}
	return out
}

// word is the i-th word of a made-up language.
func word(i int) string {
	const consonants, vowels = "bdfgklmnprst", "aeiou"
	var w []byte
	for range 4 {
		w = append(w, consonants[i%len(consonants)], vowels[i/len(consonants)%len(vowels)])
		i /= 7
	}
	return string(w)
}

func randomUnit(r *rand.Rand, dimensions int) []float32 {
	v, sum := make([]float32, dimensions), 0.0
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// question is one with its vector.
type question struct {
	text   string
	vector []float32
}

// questions ask for eight words of a document each, with a vector of any direction.
func questions(number uint64, documents []document, n int) []question {
	r := rand.New(rand.NewPCG(number, 4)) //nolint:gosec // repeatable on purpose
	out := make([]question, n)
	for i := range out {
		d := documents[r.IntN(len(documents))]
		words := strings.Fields(d.chunks[r.IntN(len(d.chunks))].text)
		r.Shuffle(len(words), func(a, b int) { words[a], words[b] = words[b], words[a] })
		out[i] = question{strings.Join(words[:8], " "), randomUnit(r, len(d.chunks[0].vector))}
	}
	return out
}

// vectors is an embedder that knows its texts already.
type vectors map[string][]float32

// EmbedQuery implements rag.Embedder.
func (v vectors) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	if found := v[text]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("no vector for %q", text)
}

// EmbedSentences implements rag.Embedder; a search calls it never.
func (v vectors) EmbedSentences(context.Context, []string) ([][]float32, error) {
	return nil, fmt.Errorf("a search embeds no sentences")
}
