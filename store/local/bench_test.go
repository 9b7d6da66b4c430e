package local_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
)

const (
	benchDim   = 384
	benchTerms = 100 // of a chunk, as many as 160 tokens give

	benchQueries = 3000 // enough that a second's worth holds no repetition
	benchWarm    = 300  // questions asked before measuring, as to a server that has run for a while
)

var benchScope = rag.Scope{Tenant: "default", Store: "vs_bench"}

// BenchmarkIndex measures searches, opening and memory at two sizes. Ratios
// compare with bounds measured in the same run, so they hold on any machine.
func BenchmarkIndex(b *testing.B) {
	for _, size := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("chunks=%d", size), func(b *testing.B) {
			if size > 10_000 && testing.Short() {
				b.Skip("-short leaves out 100,000 chunks")
			}
			c := newCorpus(b, size)
			b.Run("text", func(b *testing.B) { c.text(b, local.Options{}) })
			b.Run("text/no cache", func(b *testing.B) { c.text(b, local.Options{TermCache: 1}) })
			b.Run("dense/k=10", func(b *testing.B) { c.dense(b, 10) })
			b.Run("dense/k=50", func(b *testing.B) { c.dense(b, 50) })
			b.Run("sqlite-vec/k=10", func(b *testing.B) { c.sqliteVec(b, 10) })
			b.Run("open", c.open)
			b.Run("publish 20", c.publish)
			b.Run("remove 20", c.remove)
		})
	}
}

// corpus is an index of documents of 20 chunks: text by Zipf's law, vectors at random.
type corpus struct {
	dir     string
	size    int
	vectors []float32
	queries [][]string
	nearby  [][]float32
	random  *rand.Rand
	zipf    *rand.Zipf
	next    int // document
}

func newCorpus(b *testing.B, size int) *corpus {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	c := &corpus{dir: b.TempDir(), size: size, random: r, zipf: rand.NewZipf(r, 1.07, 30, 60_000)}
	x := c.openIndex(b, local.Options{})
	for range size / 20 {
		document, entries := c.document(1, 20)
		for _, e := range entries {
			c.vectors = append(c.vectors, e.Vector...)
			if len(c.queries) < benchQueries && r.IntN(size/benchQueries) == 0 {
				c.queries = append(c.queries, someOf(r, e.Terms, 10))
				c.nearby = append(c.nearby, c.near(e.Vector))
			}
		}
		require.NoError(b, x.Upsert(b.Context(), benchScope, entries))
		require.NoError(b, x.Publish(b.Context(), benchScope, document, 1))
	}
	require.NoError(b, x.Close())
	return c
}

func (c *corpus) document(version, chunks int) (string, []ingest.Entry) {
	c.next++
	name := fmt.Sprintf("file-%06d", c.next)
	entries := make([]ingest.Entry, chunks)
	for i := range entries {
		terms := make([]string, benchTerms)
		for j := range terms {
			terms[j] = fmt.Sprintf("w%d", c.zipf.Uint64())
		}
		v := make([]float32, benchDim)
		for j := range v {
			v[j] = float32(c.random.NormFloat64())
		}
		entries[i] = ingest.Entry{
			ChunkID: fmt.Sprintf("%08x-0000-5000-8000-%04x%08x", c.next, version, i), DocumentID: name,
			Version: version, Vector: normal(v), Terms: terms,
		}
	}
	return name, entries
}

func (c *corpus) near(v []float32) []float32 {
	out := slices.Clone(v)
	for i := range out {
		out[i] += float32(c.random.NormFloat64() * 0.05)
	}
	return normal(out)
}

func normal(v []float32) []float32 {
	var sum float64
	for _, a := range v {
		sum += float64(a) * float64(a)
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

func someOf(r *rand.Rand, terms []string, n int) []string {
	out := slices.Clone(terms)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:n]
}

func (c *corpus) openIndex(b *testing.B, o local.Options) *local.Index {
	b.Helper()
	o.Dimensions, o.Fingerprint = benchDim, "bench"
	x, err := local.Open(b.Context(), c.dir, o)
	require.NoError(b, err)
	return x
}

// measure runs f for b and reports the median, the 95th percentile and the
// processor time of the process for one call, which other processes move less.
func measure(b *testing.B, f func(n int)) (p50 time.Duration) {
	b.Helper()
	var took []time.Duration
	used := processorTime()
	for n := 0; b.Loop(); n++ {
		start := time.Now()
		f(n)
		took = append(took, time.Since(start))
	}
	used = processorTime() - used
	slices.Sort(took)
	p50 = took[len(took)/2]
	b.ReportMetric(ms(used)/float64(len(took)), "cpu-ms")
	b.ReportMetric(ms(p50), "p50-ms")
	b.ReportMetric(ms(took[len(took)*95/100]), "p95-ms")
	return p50
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (c *corpus) text(b *testing.B, o local.Options) {
	x := c.openIndex(b, o)
	defer func() { require.NoError(b, x.Close()) }()
	search := func(terms []string) {
		hits, err := x.Text(b.Context(), benchScope, terms, 50)
		require.NoError(b, err)
		require.Len(b, hits, 50)
	}
	for _, terms := range c.queries[:benchWarm] {
		search(terms)
	}
	others := c.queries[benchWarm:]
	measure(b, func(n int) { search(others[n%len(others)]) })
}

func (c *corpus) dense(b *testing.B, k int) {
	x := c.openIndex(b, local.Options{})
	defer func() { require.NoError(b, x.Close()) }()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one core
	p50 := measure(b, func(n int) {
		hits, err := x.Dense(b.Context(), benchScope, c.nearby[n%len(c.nearby)], k)
		require.NoError(b, err)
		require.Len(b, hits, k)
	})
	b.ReportMetric(float64(p50)/float64(c.plainScan()), "of-go-float32-scan")
	b.ReportMetric(float64(p50)/float64(c.memoryScan()), "of-memory-scan")
}

// sink keeps the compiler from leaving out what the bounds compute.
var sink float32

// plainScan is what a plain Go loop over float32 takes, without even a top-k.
func (c *corpus) plainScan() time.Duration {
	return median(func(n int) {
		q := c.nearby[n]
		for at := 0; at < len(c.vectors); at += benchDim {
			var s0, s1, s2, s3 float32
			for i := 0; i < benchDim; i += 4 {
				v, w := c.vectors[at+i:at+i+4:at+i+4], q[i:i+4:i+4]
				s0, s1, s2, s3 = s0+v[0]*w[0], s1+v[1]*w[1], s2+v[2]*w[2], s3+v[3]*w[3]
			}
			sink = max(sink, s0+s1+s2+s3)
		}
	})
}

// memoryScan is what reading as many bytes as the codes have takes.
func (c *corpus) memoryScan() time.Duration {
	words := make([]uint64, c.size*benchDim/8)
	for i := range words {
		words[i] = uint64(i)
	}
	return median(func(int) {
		var s0, s1, s2, s3 uint64
		for i := 0; i+4 <= len(words); i += 4 {
			w := words[i : i+4 : i+4]
			s0, s1, s2, s3 = s0+w[0], s1+w[1], s2+w[2], s3+w[3]
		}
		sink += float32(s0 + s1 + s2 + s3)
	})
}

func median(f func(n int)) time.Duration {
	took := make([]time.Duration, 11)
	for n := range took {
		start := time.Now()
		f(n)
		took[n] = time.Since(start)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// open reports what an open index keeps in memory, too.
func (c *corpus) open(b *testing.B) {
	before := heap()
	var kept uint64
	measure(b, func(int) {
		x := c.openIndex(b, local.Options{})
		b.StopTimer()
		kept = heap() - before
		require.NoError(b, x.Close())
		b.StartTimer()
	})
	b.ReportMetric(float64(kept)/(1<<20), "heap-MiB")
	info, err := os.Stat(c.dir + "/index.db")
	require.NoError(b, err)
	b.ReportMetric(float64(info.Size())/(1<<20), "file-MiB")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (c *corpus) publish(b *testing.B) {
	x := c.openIndex(b, local.Options{})
	defer func() { require.NoError(b, x.Close()) }()
	var took []time.Duration
	for b.Loop() {
		document, entries := c.document(1, 20)
		require.NoError(b, x.Upsert(b.Context(), benchScope, entries))
		start := time.Now()
		require.NoError(b, x.Publish(b.Context(), benchScope, document, 1))
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(ms(took[len(took)/2]), "p50-publish-ms")
}

func (c *corpus) remove(b *testing.B) {
	x := c.openIndex(b, local.Options{})
	defer func() { require.NoError(b, x.Close()) }()
	n := 0
	measure(b, func(int) {
		n++
		chunks, _, err := x.Remove(b.Context(), benchScope, fmt.Sprintf("file-%06d", n))
		require.NoError(b, err)
		_ = chunks
	})
}
