package qdrant

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	qc "github.com/qdrant/go-client/qdrant"

	"groundwork/ingest"
	"groundwork/rag"
)

// firstScopes is how many stores are listed at the first try.
const firstScopes = 4096

// Scopes are the stores of which the index holds anything.
func (x *Index) Scopes(ctx context.Context) ([]rag.Scope, error) {
	for limit := uint64(firstScopes); ; limit *= 4 {
		facets, err := call(ctx, x, x.opts.Timeout, func(ctx context.Context) ([]*qc.FacetHit, error) {
			return x.client.Facet(ctx, &qc.FacetCounts{
				CollectionName: x.collection, Key: fieldScope, Limit: qc.PtrOf(min(limit, maxLimit)), Exact: qc.PtrOf(true),
			})
		})
		if err != nil {
			return nil, wrap("list stores", err)
		}
		if uint64(len(facets)) >= maxLimit {
			return x.scopesOneByOne(ctx)
		}
		if uint64(len(facets)) < limit {
			return scopesOf(facets)
		}
	}
}

func scopesOf(facets []*qc.FacetHit) ([]rag.Scope, error) {
	var out []rag.Scope
	for _, f := range facets {
		if f.GetCount() == 0 {
			continue
		}
		scope, err := scopeOf(f.GetValue().GetStringValue())
		if err != nil {
			return nil, err
		}
		out = append(out, scope)
	}
	return out, nil
}

// scopesOneByOne goes through all points, when there are more stores than one
// answer may hold.
func (x *Index) scopesOneByOne(ctx context.Context) ([]rag.Scope, error) {
	seen := map[string]bool{}
	var out []rag.Scope
	err := x.scroll(ctx, &qc.Filter{}, nil, func(p *qc.RetrievedPoint) error {
		key := p.GetPayload()[fieldScope].GetStringValue()
		if seen[key] {
			return nil
		}
		seen[key] = true
		scope, err := scopeOf(key)
		out = append(out, scope)
		return err
	})
	return out, wrap("list stores", err)
}

// Held calls each for every entry of a store. An entry is published when its
// version is the searchable one.
func (x *Index) Held(ctx context.Context, scope rag.Scope, each func(ingest.Held) error) error {
	versions := map[string]int{}
	return x.scroll(ctx, within(scope), qc.NewWithVectorsInclude(denseVector, textVector), func(p *qc.RetrievedPoint) error {
		e := editionOf(p.GetPayload())
		searchable, known := versions[e.document]
		if !known {
			found, err := x.ledger.Searchable(ctx, scope, []string{e.document})
			if err != nil {
				return wrap("read the index's ledger", err)
			}
			searchable = found[e.document]
			versions[e.document] = searchable
		}
		sparse := vectorOf(p.GetVectors(), textVector).GetSparseVector()
		h := ingest.Held{
			ChunkID: p.GetId().GetUuid(), DocumentID: e.document, Version: e.version,
			Published: p.GetPayload()[fieldLive].GetBoolValue() && e.version == searchable,
			Length:    int(p.GetPayload()[fieldLength].GetIntegerValue()),
			Mark:      p.GetPayload()[fieldMark].GetStringValue(),
			Terms:     markOf(sparse.GetIndices(), sparse.GetValues()),
			Vector:    vectorOf(p.GetVectors(), denseVector).GetDenseVector().GetData(),
		}
		sum, known := p.GetPayload()[fieldSum]
		h.Damaged = known && sum.GetIntegerValue() != h.Checksum()
		return each(h)
	})
}

// TermsMark is the same for terms of which the same sparse vector is made.
func (x *Index) TermsMark(terms []string) string {
	indices, values, _ := weights(terms)
	return markOf(indices, values)
}

// markOf takes them in the order of the indices, which Qdrant keeps.
func markOf(indices []uint32, values []float32) string {
	raw := make([]byte, 0, 8*len(indices))
	for i := range min(len(indices), len(values)) {
		raw = binary.LittleEndian.AppendUint32(raw, indices[i])
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(values[i]))
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// Missing gives those of the stores of which Qdrant holds fewer searchable
// chunks than the ledger counts: it was wiped, or restored from an older state.
// `groundwork reindex --from originals` brings them back. A store that is being
// removed meanwhile may be named as well.
func (x *Index) Missing(ctx context.Context, scopes []rag.Scope) ([]rag.Scope, error) {
	var out []rag.Scope
	for _, scope := range scopes {
		s, err := x.statistics(ctx, scope, nil)
		if err != nil {
			return nil, err
		}
		if s.chunks == 0 {
			continue
		}
		n, err := x.count(ctx, within(scope, live(true)))
		if err != nil {
			return nil, err
		}
		if n < s.chunks {
			out = append(out, scope)
		}
	}
	return out, nil
}
