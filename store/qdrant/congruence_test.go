package qdrant_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
	"groundwork/store/storetest"
)

const (
	corpora       = 20
	corpusQueries = 200
	congruentTop  = 10
)

// pair is both indexes with the same documents.
type pair struct {
	t        *testing.T
	embedded *local.Index
	remote   *qdrant.Index
	r        *rand.Rand
	zipf     *rand.Zipf
}

// both runs f on each index.
func (p pair) both(f func(x storetest.Searchable) error) {
	p.t.Helper()
	require.NoError(p.t, f(p.embedded))
	require.NoError(p.t, f(p.remote))
}

// TestCongruence: the embedded index and Qdrant give the same results for the
// same data, on random corpora that see new versions and removals, with and
// without random filters and groups.
func TestCongruence(t *testing.T) {
	t.Parallel()
	s := qdranttest.Start(t)
	n := corpora
	if testing.Short() {
		n = 4
	}
	for corpus := range n {
		t.Run(fmt.Sprint(corpus), func(t *testing.T) {
			t.Parallel()
			name := alias()
			dropAfter(t, s, name)
			r := rand.New(rand.NewPCG(uint64(corpus), 1)) //nolint:gosec // repeatable on purpose
			p := pair{
				t: t, r: r, zipf: rand.NewZipf(r, 1.1, 4, 600),
				remote: open(t, s, newLedger(), qdrant.Options{Alias: name, Dimensions: storetest.Dimensions, Quantise: corpus%4 == 3}),
			}
			var err error
			p.embedded, err = local.Open(t.Context(), t.TempDir(), local.Options{Dimensions: storetest.Dimensions, Fingerprint: "model a"})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, p.embedded.Close()) })
			p.fill()
			p.compareAll()
			p.both(func(x storetest.Searchable) error { return x.RemoveStore(t.Context(), scope) })
			p.empty()
		})
	}
}

// fill publishes documents, replaces some, removes some and leaves some staged.
func (p pair) fill() {
	p.empty()
	for step := range 14 {
		document, version := fmt.Sprintf("doc%d", p.r.IntN(9)), step+1
		if step > 3 && p.r.IntN(4) == 0 {
			var gone [2]int
			for i, x := range []storetest.Searchable{p.embedded, p.remote} {
				chunks, vectors, err := x.Remove(p.t.Context(), scope, document)
				require.NoError(p.t, err)
				require.Equal(p.t, chunks, vectors)
				gone[i] = chunks
			}
			require.Equal(p.t, gone[0], gone[1], "the receipts agree")
			continue
		}
		entries := make([]ingest.Entry, 5+p.r.IntN(25))
		for seq := range entries {
			terms := make([]string, p.r.IntN(100))
			for i := range terms {
				terms[i] = p.word()
			}
			entries[seq] = ingest.Entry{ChunkID: chunkID(document, version, seq), DocumentID: document, Version: version, Vector: p.vector(), Terms: terms}
		}
		p.both(func(x storetest.Searchable) error { return x.Upsert(p.t.Context(), scope, entries) })
		d := storetest.RandomDescription(p.r, document)
		p.both(func(x storetest.Searchable) error { return x.Describe(p.t.Context(), scope, d) })
		if step%5 != 4 {
			p.both(func(x storetest.Searchable) error { return x.Publish(p.t.Context(), scope, document, version) })
		}
	}
}

func (p pair) word() string { return fmt.Sprintf("w%d", p.zipf.Uint64()) }

func (p pair) vector() []float32 {
	v, sum := make([]float32, storetest.Dimensions), 0.0
	for i := range v {
		v[i] = float32(p.r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

func (p pair) empty() {
	p.t.Helper()
	p.both(func(x storetest.Searchable) error {
		dense, err := x.Dense(p.t.Context(), scope, p.vector(), congruentTop)
		require.NoError(p.t, err)
		text, err := x.Text(p.t.Context(), scope, []string{"w1", "w2"}, congruentTop)
		require.Empty(p.t, dense)
		require.Empty(p.t, text)
		return err
	})
}

func (p pair) compareAll() {
	p.t.Helper()
	var dense, text overlap
	for n := range corpusQueries {
		k := congruentTop
		switch n % 40 {
		case 0:
			k = 1
		case 20:
			k = 500
		}
		scope := scope
		if n%2 == 1 {
			only := storetest.RandomOnly(p.r)
			scope.Only = &only
		}
		v := p.vector()
		a, err := p.embedded.Dense(p.t.Context(), scope, v, k)
		require.NoError(p.t, err)
		b, err := p.remote.Dense(p.t.Context(), scope, v, k)
		require.NoError(p.t, err)
		dense.add(p.t, a, b, 1e-9)

		terms := make([]string, 1+p.r.IntN(10))
		for i := range terms {
			terms[i] = p.word()
		}
		a, err = p.embedded.Text(p.t.Context(), scope, terms, k)
		require.NoError(p.t, err)
		b, err = p.remote.Text(p.t.Context(), scope, terms, k)
		require.NoError(p.t, err)
		text.add(p.t, a, b, 1e-5)

		weights, err := p.embedded.IDF(p.t.Context(), scope, terms)
		require.NoError(p.t, err)
		same, err := p.remote.IDF(p.t.Context(), scope, terms)
		require.NoError(p.t, err)
		require.Equal(p.t, weights, same)
	}
	require.GreaterOrEqual(p.t, dense.share(), 0.99, "dense overlap")
	require.GreaterOrEqual(p.t, text.share(), 0.95, "text overlap")
	p.t.Logf("overlap of dense %.4f, of text %.4f", dense.share(), text.share())
}

// overlap counts what both lists hold.
type overlap struct{ same, all int }

func (o *overlap) share() float64 { return float64(o.same) / float64(max(o.all, 1)) }

// add also checks that the scores agree, rank by rank: so the order does, up to ties.
func (o *overlap) add(t *testing.T, a, b []rag.Hit, tolerance float64) {
	t.Helper()
	require.Len(t, b, len(a))
	in := ids(b)
	for i, h := range a {
		if slices.Contains(in, h.ChunkID) {
			o.same++
		}
		o.all++
		require.InDelta(t, h.Score, b[i].Score, tolerance*max(1, math.Abs(h.Score)), "rank %d", i)
		alone := (i == 0 || a[i-1].Score-h.Score > 2*tolerance) && (i == len(a)-1 || h.Score-a[i+1].Score > 2*tolerance)
		if alone && i < len(a)-1 {
			require.Equal(t, h.ChunkID, b[i].ChunkID, "rank %d", i)
		}
	}
}
