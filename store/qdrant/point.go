package qdrant

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	qc "github.com/qdrant/go-client/qdrant"

	"groundwork/ingest"
	"groundwork/rag"
)

// dimension is the sparse dimension of a term: a hash, because numbering terms
// would need a dictionary that all processes share and that only grows. Two of
// 100,000 terms of a store share a dimension about once; they then count as one.
// Never change it: what is stored depends on it.
func dimension(term string) uint32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(term)) // never fails
	sum := h.Sum64()
	return uint32(sum>>32) ^ uint32(sum) //nolint:gosec // folded on purpose
}

// weights is the sparse vector of a chunk, and the number of its terms.
func weights(terms []string) (indices []uint32, values []float32, length int) {
	counts := map[uint32]int{}
	for _, term := range terms {
		if term != "" {
			counts[dimension(term)]++
			length++
		}
	}
	indices = slices.Sorted(maps.Keys(counts))
	values = make([]float32, len(indices))
	for i, d := range indices {
		values[i] = float32(rag.TermWeight(counts[d], length))
	}
	return indices, values, length
}

// pointOf is a chunk as Qdrant keeps it, not live yet.
func pointOf(scope rag.Scope, e ingest.Entry) *qc.PointStruct {
	indices, values, length := weights(e.Terms)
	vectors := map[string]*qc.Vector{denseVector: qc.NewVectorDense(e.Vector)}
	if len(indices) > 0 {
		vectors[textVector] = qc.NewVectorSparse(indices, values)
	}
	return &qc.PointStruct{
		Id: qc.NewIDUUID(e.ChunkID), Vectors: qc.NewVectorsMap(vectors),
		Payload: map[string]*qc.Value{
			fieldScope: qc.NewValueString(scopeKey(scope)), fieldDocument: qc.NewValueString(e.DocumentID),
			fieldVersion: qc.NewValueInt(int64(e.Version)), fieldLength: qc.NewValueInt(int64(length)), fieldLive: qc.NewValueBool(false),
			fieldSum: qc.NewValueInt(e.Checksum()),
		},
	}
}

// check refuses what a point cannot be made of.
func check(e ingest.Entry, dim int) error {
	if id, err := uuid.Parse(e.ChunkID); err != nil || id.String() != e.ChunkID {
		return fmt.Errorf("chunk id %q is no UUID", e.ChunkID)
	}
	return checkVector(e.Vector, dim)
}

// checkVector refuses what the embedder must not send: wrong dimensions, NaN, not unit length.
func checkVector(v []float32, dim int) error {
	if len(v) != dim {
		return &rag.Error{Code: rag.CodeEmbedding, Message: fmt.Sprintf(
			"The embedding has %d dimensions and the index %d; check llm.embed in the configuration, then run `groundwork reindex`.", len(v), dim)}
	}
	if sum := dot(v, v); math.IsNaN(sum) || math.Abs(sum-1) > 1e-2 {
		return &rag.Error{Code: rag.CodeEmbedding, Message: "The embedding model returned a vector that is not of unit length; check its server."}
	}
	return nil
}

// dot is the plain sum in float64, the score that all indexes give.
func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// scopeKey is tenant and store in one word; no two scopes share one.
func scopeKey(s rag.Scope) string { return url.PathEscape(s.Tenant) + "/" + url.PathEscape(s.Store) }

func scopeOf(key string) (rag.Scope, error) {
	tenant, store, ok := strings.Cut(key, "/")
	t, err := url.PathUnescape(tenant)
	if err != nil || !ok {
		return rag.Scope{}, fmt.Errorf("the index holds the unknown scope %q", key)
	}
	s, err := url.PathUnescape(store)
	if err != nil {
		return rag.Scope{}, fmt.Errorf("the index holds the unknown scope %q", key)
	}
	return rag.Scope{Tenant: t, Store: s}, nil
}

// Filters. All begin with the scope.

func within(scope rag.Scope, more ...*qc.Condition) *qc.Filter {
	return &qc.Filter{Must: append([]*qc.Condition{qc.NewMatchKeyword(fieldScope, scopeKey(scope))}, more...)}
}

func document(id string) *qc.Condition { return qc.NewMatchKeyword(fieldDocument, id) }

func version(n int) *qc.Condition { return qc.NewMatchInt(fieldVersion, int64(n)) }

func olderThan(n int) *qc.Condition {
	return qc.NewRange(fieldVersion, &qc.Range{Lt: qc.PtrOf(float64(n))})
}

func live(yes bool) *qc.Condition { return qc.NewMatchBool(fieldLive, yes) }

// An edition is one version of one document.
type edition struct {
	document string
	version  int
}

func editionOf(payload map[string]*qc.Value) edition {
	return edition{document: payload[fieldDocument].GetStringValue(), version: int(payload[fieldVersion].GetIntegerValue())}
}
