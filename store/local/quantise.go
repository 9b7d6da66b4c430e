package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"groundwork/rag"
)

const (
	maxDimensions = 16384
	maxNorm       = 1.001 // of a vector that counts as unit length
	codeHeader    = 8     // scale and residual before the codes
)

// A code is a vector at one byte a dimension: v = scale*c + r, with residual
// ≥ the length of r. The residual is what makes the scan exact.
type code struct {
	scale    float32
	residual float32
	c        []int8
}

func quantise(v []float32) code {
	var top float32
	for _, a := range v {
		top = max(top, float32(math.Abs(float64(a))))
	}
	out := code{scale: top / 127, c: make([]int8, len(v))}
	var sum float64
	for i, a := range v {
		if out.scale > 0 {
			out.c[i] = int8(max(-127, min(127, math.RoundToEven(float64(a)/float64(out.scale)))))
		}
		r := float64(a) - float64(out.scale)*float64(out.c[i])
		sum += r * r
	}
	out.residual = roundUp(math.Sqrt(sum))
	return out
}

// roundUp gives a float32 that is surely not less than a, float64's own rounding included.
func roundUp(a float64) float32 {
	return math.Nextafter32(float32(a*(1+1e-9)), math.MaxFloat32)
}

func (c code) bytes() []byte {
	out := make([]byte, codeHeader+len(c.c))
	binary.LittleEndian.PutUint32(out, math.Float32bits(c.scale))
	binary.LittleEndian.PutUint32(out[4:], math.Float32bits(c.residual))
	for i, a := range c.c {
		out[codeHeader+i] = byte(a)
	}
	return out
}

// readCode appends the codes of b to dst.
func readCode(b []byte, dim int, dst []int8) (code, error) {
	if len(b) != codeHeader+dim {
		return code{}, errors.New("a stored code has the wrong size")
	}
	for _, a := range b[codeHeader:] {
		dst = append(dst, int8(a))
	}
	return code{
		scale:    math.Float32frombits(binary.LittleEndian.Uint32(b)),
		residual: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])),
		c:        dst,
	}, nil
}

func vectorBytes(v []float32) []byte {
	out := make([]byte, 0, 4*len(v))
	for _, a := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(a))
	}
	return out
}

// dotBytes is the exact score: float64 over the stored float32.
func dotBytes(q []float64, b []byte) (float64, error) {
	if len(b) != 4*len(q) {
		return 0, errors.New("a stored vector has the wrong size")
	}
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(q); i += 4 {
		c := b[4*i : 4*i+16 : 4*i+16]
		s0 += q[i] * float64(math.Float32frombits(binary.LittleEndian.Uint32(c)))
		s1 += q[i+1] * float64(math.Float32frombits(binary.LittleEndian.Uint32(c[4:])))
		s2 += q[i+2] * float64(math.Float32frombits(binary.LittleEndian.Uint32(c[8:])))
		s3 += q[i+3] * float64(math.Float32frombits(binary.LittleEndian.Uint32(c[12:])))
	}
	for ; i < len(q); i++ {
		s0 += q[i] * float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return s0 + s1 + (s2 + s3), nil
}

// checkVector refuses what the embedder must not send: wrong dimensions, NaN, not unit length.
func checkVector(v []float32, dim int) error {
	if len(v) != dim {
		return &rag.Error{Code: rag.CodeEmbedding, Message: fmt.Sprintf(
			"The embedding has %d dimensions and the index %d; check llm.embed in the configuration, then run `groundwork reindex`.", len(v), dim)}
	}
	var sum float64
	for _, a := range v {
		sum += float64(a) * float64(a)
	}
	if norm := math.Sqrt(sum); !(norm <= maxNorm && norm >= 1/maxNorm) { // the negation catches NaN
		return &rag.Error{Code: rag.CodeEmbedding, Message: fmt.Sprintf(
			"The embedding has length %g instead of 1; check the embedding server.", norm)}
	}
	return nil
}

// A query is a search vector in the forms the scan needs: q = scale*c + e.
type query struct {
	exact []float64
	c     []int16 // padded with zeros to the stride
	most  float64 // of c: the largest code for which no sum of products leaves an int32
	scale float64
	norm  float64 // length of q
	loss  float64 // length of e
}

func newQuery(v []float32, stride int) query {
	q := query{exact: make([]float64, len(v)), c: make([]int16, stride)}
	q.most = min(math.MaxInt16, math.Floor(math.MaxInt32/float64(127*stride)))
	var top, sum, lost float64
	for i, a := range v {
		q.exact[i] = float64(a)
		top = max(top, math.Abs(q.exact[i]))
		sum += q.exact[i] * q.exact[i]
	}
	q.scale = top / q.most
	for i, a := range q.exact {
		if q.scale > 0 {
			q.c[i] = int16(math.RoundToEven(a / q.scale))
		}
		e := a - q.scale*float64(q.c[i])
		lost += e * e
	}
	q.norm, q.loss = math.Sqrt(sum), math.Sqrt(lost)
	return q
}
