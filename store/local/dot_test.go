package local

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDot compares the kernel of this machine with the portable one and with
// plain integers, at the largest values and at every length.
func FuzzDot(f *testing.F) {
	f.Add(uint64(1), 384, 256, false)
	f.Add(uint64(2), 1, 1, true)
	f.Add(uint64(3), 17, 7, true)
	f.Add(uint64(4), 1024, 4, true)
	f.Add(uint64(5), maxDimensions, 5, true)
	f.Fuzz(func(t *testing.T, seed uint64, dim, rows int, extreme bool) {
		if dim < 1 || dim > maxDimensions || rows < 0 || rows > 512 || dim*rows > 1<<20 {
			t.Skip("out of range")
		}
		r := rand.New(rand.NewPCG(seed, 0))
		stride := strideOf(dim)
		top := int(newQuery(make([]float32, dim), stride).most)
		q, codes := make([]int16, stride), make([]int8, rows*stride)
		for i := range dim {
			q[i] = int16(r.IntN(2*top+1) - top)
			if extreme {
				q[i] = int16(top)
			}
		}
		for i := range codes {
			codes[i] = int8(r.IntN(255) - 127)
			if extreme {
				codes[i] = 127
			}
		}
		got, portable := make([]int32, rows), make([]int32, rows)
		dotRows(q, codes, got)
		dotPortable(q, codes, portable)
		require.Equal(t, portable, got)
		for i := range rows {
			var want int64
			for j := range stride {
				want += int64(q[j]) * int64(codes[i*stride+j])
			}
			require.Equal(t, want, int64(got[i]), "row %d", i)
		}
	})
}

// TestBound checks the promise that the scan's exactness rests on.
func TestBound(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 3000 {
		dim := 1 + r.IntN(500)
		v, w := direction(r, dim, n), direction(r, dim, n+1)
		c, q := quantise(v), newQuery(w, strideOf(dim))
		codes := make([]int8, strideOf(dim))
		copy(codes, c.c)
		var sum [1]int32
		dotRows(q.c, codes, sum[:])
		var exact float64
		for i := range v {
			exact += float64(v[i]) * float64(w[i])
		}
		near := float64(c.scale) * q.scale * float64(sum[0])
		off := float64(c.residual)*(q.norm+q.loss) + q.loss*maxNorm
		require.LessOrEqual(t, math.Abs(exact-near), off+slack, "dim %d", dim)
		require.Less(t, off, 0.2, "a bound that says nothing")
		stored, err := readCode(c.bytes(), dim, nil)
		require.NoError(t, err)
		require.Equal(t, c, stored)
		again, err := dotBytes(q.exact, vectorBytes(v))
		require.NoError(t, err)
		require.InDelta(t, exact, again, 1e-12)
	}
}

// direction is a unit vector: dense, sparse or along an axis.
func direction(r *rand.Rand, dim, kind int) []float32 {
	v := make([]float32, dim)
	for i := range v {
		if kind%3 == 0 || kind%3 == 1 && r.IntN(20) == 0 {
			v[i] = float32(r.NormFloat64())
		}
	}
	v[r.IntN(dim)] += 1
	var sum float64
	for _, a := range v {
		sum += float64(a) * float64(a)
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}

func TestCheckVector(t *testing.T) {
	t.Parallel()
	nan, long := []float32{float32(math.NaN()), 0}, []float32{1, 1}
	for name, v := range map[string][]float32{"short": {1}, "not a number": nan, "too long": long, "zero": {0, 0}, "infinite": {float32(math.Inf(1)), 0}} {
		require.Error(t, checkVector(v, 2), name)
	}
	require.NoError(t, checkVector([]float32{0.6, 0.8}, 2))
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for term, want := range map[string]string{
		"leave": "leave", "3.5": "3.5", "ax-210": "ax-210", "día": "día", "": "",
		"ABC": "_414243", "a b": "_612062", "_61": "_5f3631", "\x00": "_00",
	} {
		require.Equal(t, want, encode(term), "%q", term)
	}
	joined, length := encodeAll([]string{"a", "", "B", "a"})
	require.Equal(t, "a _42 a", joined)
	require.Equal(t, 3, length)
	require.Equal(t, []string{"a", "_42"}, distinct([]string{"a", "", "B", "a"}))
}
