package storetest

import (
	"crypto/sha1" //nolint:gosec // UUIDv5 is made of it
	"fmt"
	"math"
	"math/rand/v2"

	"groundwork/ingest"
)

// chunkID is a UUID, as some indexes take nothing else.
func chunkID(document string, version, seq int) string {
	h := sha1.Sum(fmt.Appendf(nil, "%s/%d/%d", document, version, seq)) //nolint:gosec // as above
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func indexEntry(document string, version, seq int, v []float32, terms ...string) ingest.Entry {
	return ingest.Entry{ChunkID: chunkID(document, version, seq), DocumentID: document, Version: version, Vector: v, Terms: terms}
}

func smallestID(entries []ingest.Entry) string {
	id := entries[0].ChunkID
	for _, e := range entries {
		id = min(id, e.ChunkID)
	}
	return id
}

// axis is the unit vector along one axis.
func axis(n int) []float32 {
	v := make([]float32, Dimensions)
	v[n%Dimensions] = 1
	return v
}

// atCosine is a unit vector at cosine c to axis 0, in the plane of that and another one.
func atCosine(c float64, other int) []float32 {
	v := make([]float32, Dimensions)
	v[0], v[other] = float32(c), float32(math.Sqrt(1-c*c))
	return v
}

// randomVector is a unit vector in any direction.
func randomVector(r *rand.Rand) []float32 {
	v := make([]float32, Dimensions)
	var sum float64
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// nearVector is a unit vector close to v, so that many scores nearly tie.
func nearVector(r *rand.Rand, v []float32, far float64) []float32 {
	out := make([]float32, len(v))
	var sum float64
	for i := range v {
		out[i] = v[i] + float32(far*r.NormFloat64())
		sum += float64(out[i]) * float64(out[i])
	}
	for i := range out {
		out[i] /= float32(math.Sqrt(sum))
	}
	return out
}

// dotProduct is the reference: a plain sum in float64.
func dotProduct(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
