package qdrant_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
	"groundwork/store/storetest"
)

// BenchmarkAgainstEmbedded searches the same chunks in both indexes by turns and
// reports medians and their ratio, embedded to Qdrant. The test server's Python
// is much of what Qdrant takes there; what its engine takes by its own account,
// without network, ledger and reading the answer, is reported too. With QDRANT_URL
// it measures a real server.
func BenchmarkAgainstEmbedded(b *testing.B) {
	for _, chunks := range []int{10_000, 100_000} {
		b.Run("chunks="+strconv.Itoa(chunks), func(b *testing.B) {
			if chunks > 10_000 && testing.Short() {
				b.Skip("-short leaves out 100,000 chunks")
			}
			c := newBenchCorpus(b, chunks)
			b.Run("dense", func(b *testing.B) {
				c.compare(b, func(x storetest.Searchable, n int) ([]rag.Hit, error) {
					return x.Dense(b.Context(), scope, c.vectors[n], 10)
				})
			})
			b.Run("text", func(b *testing.B) {
				c.compare(b, func(x storetest.Searchable, n int) ([]rag.Hit, error) {
					return x.Text(b.Context(), scope, c.terms[n], 10)
				})
			})
			b.Run("both legs, 100 candidates", func(b *testing.B) {
				c.compare(b, func(x storetest.Searchable, n int) ([]rag.Hit, error) {
					return bothLegs(b, x, c.vectors[n], c.terms[n])
				})
			})
		})
	}
}

// bothLegs searches as a question does: side by side, with the terms' weights.
func bothLegs(b *testing.B, x storetest.Searchable, vector []float32, terms []string) ([]rag.Hit, error) {
	type leg struct {
		hits []rag.Hit
		err  error
	}
	dense := make(chan leg, 1)
	go func() {
		hits, err := x.Dense(b.Context(), scope, vector, 100)
		dense <- leg{hits, err}
	}()
	_, err := x.IDF(b.Context(), scope, terms)
	text, errText := x.Text(b.Context(), scope, terms, 100)
	d := <-dense
	return append(text, d.hits...), errors.Join(err, errText, d.err)
}

const (
	benchDimensions = 384
	benchTerms      = 64
	benchQueries    = 1000
	benchWarm       = 300 // asked before measuring, as to a server that has run for a while
)

type benchCorpus struct {
	embedded *local.Index
	remote   *qdrant.Index
	vectors  [][]float32 // of queries, each near a chunk
	terms    [][]string
	engine   engineTime
}

// engineTime adds up what Qdrant says that queries took.
type engineTime struct {
	sync.Mutex
	took time.Duration
}

func (e *engineTime) add(d time.Duration) {
	e.Lock()
	defer e.Unlock()
	e.took += d
}

// take gives the time since it was last asked.
func (e *engineTime) take() time.Duration {
	e.Lock()
	defer e.Unlock()
	d := e.took
	e.took = 0
	return d
}

func newBenchCorpus(b *testing.B, chunks int) *benchCorpus {
	b.Helper()
	s, name := qdranttest.Start(b), alias()
	if os.Getenv("QDRANT_URL") == "" { // one that does not build its graphs over and over while it is filled
		s = qdranttest.StartOwn(b, "--optimise-every", strconv.Itoa(10*chunks))
	}
	dropAfter(b, s, name)
	c := &benchCorpus{}
	c.remote = open(b, s, newLedger(), qdrant.Timed(qdrant.Options{Alias: name, Dimensions: benchDimensions, Quantise: true, Timeout: 10 * time.Minute, SearchTimeout: time.Minute}, c.engine.add))
	var err error
	c.embedded, err = local.Open(b.Context(), b.TempDir(), local.Options{Dimensions: benchDimensions, Fingerprint: "model a"})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.embedded.Close()) })
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	zipf := rand.NewZipf(r, 1.07, 30, 60_000)
	for made := 0; made < chunks; made += 500 {
		document := fmt.Sprintf("doc%d", made)
		entries := make([]ingest.Entry, 500)
		for seq := range entries {
			terms := make([]string, benchTerms)
			for i := range terms {
				terms[i] = fmt.Sprintf("w%d", zipf.Uint64())
			}
			entries[seq] = ingest.Entry{ChunkID: chunkID(document, 1, seq), DocumentID: document, Version: 1, Vector: randomUnit(r, nil), Terms: terms}
			if len(c.terms) < benchQueries && r.IntN(chunks/benchQueries) == 0 {
				c.vectors, c.terms = append(c.vectors, randomUnit(r, entries[seq].Vector)), append(c.terms, terms[:8])
			}
		}
		for _, x := range []storetest.Searchable{c.embedded, c.remote} {
			require.NoError(b, x.Upsert(b.Context(), scope, entries))
			require.NoError(b, x.Publish(b.Context(), scope, document, 1))
		}
	}
	began := time.Now()
	s.Optimise()
	b.Logf("optimised within %v", time.Since(began).Round(time.Second))
	return c
}

// randomUnit is a random direction, or one near v.
func randomUnit(r *rand.Rand, v []float32) []float32 {
	out := make([]float32, benchDimensions)
	for i := range out {
		out[i] = float32(r.NormFloat64())
		if v != nil {
			out[i] = v[i] + 0.03*out[i]
		}
	}
	var sum float64
	for _, a := range out {
		sum += float64(a) * float64(a)
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range out {
		out[i] *= scale
	}
	return out
}

func (c *benchCorpus) compare(b *testing.B, search func(x storetest.Searchable, n int) ([]rag.Hit, error)) {
	for n := range min(benchWarm, len(c.terms)/2) {
		for _, x := range []storetest.Searchable{c.embedded, c.remote} {
			_, err := search(x, n)
			require.NoError(b, err)
		}
	}
	others := len(c.terms) - min(benchWarm, len(c.terms)/2)
	var embedded, remote, engine []time.Duration
	same, all := 0, 0
	for n := 0; b.Loop(); n++ {
		var hits [2][]rag.Hit
		for i, x := range []storetest.Searchable{c.embedded, c.remote} {
			c.engine.take()
			start := time.Now()
			var err error
			hits[i], err = search(x, len(c.terms)-others+n%others)
			took := time.Since(start)
			require.NoError(b, err)
			if i == 0 {
				embedded = append(embedded, took)
			} else {
				remote, engine = append(remote, took), append(engine, c.engine.take())
			}
		}
		in := ids(hits[1])
		for _, h := range hits[0] {
			all++
			if slices.Contains(in, h.ChunkID) {
				same++
			}
		}
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	e, q := at(embedded, 50), at(remote, 50)
	b.ReportMetric(ms(e), "embedded-p50-ms")
	b.ReportMetric(ms(at(embedded, 95)), "embedded-p95-ms")
	b.ReportMetric(ms(q), "qdrant-p50-ms")
	b.ReportMetric(ms(at(remote, 95)), "qdrant-p95-ms")
	b.ReportMetric(ms(at(engine, 50)), "engine-p50-ms")
	b.ReportMetric(float64(e)/float64(q), "embedded/qdrant")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(same)/float64(max(all, 1)), "overlap@10")
}

// at gives a percentile.
func at(d []time.Duration, percent int) time.Duration {
	slices.Sort(d)
	return d[(len(d)-1)*percent/100]
}
