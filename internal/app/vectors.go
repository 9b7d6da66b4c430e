package app

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"groundwork/rag"
)

// vectorPart is some vectors of one store as a backup holds them: one line of
// JSON that names the store and the chunks, then the vectors in that order, float32,
// little endian.
type vectorPart struct {
	scope   rag.Scope
	ids     []string
	vectors [][]float32
}

// vectorsAtOnce are in one part.
const vectorsAtOnce = 1024

type vectorHead struct {
	Tenant     string   `json:"tenant"`
	Store      string   `json:"store"`
	Dimensions int      `json:"dimensions"`
	Chunks     []string `json:"chunks"`
}

func (v *vectorPart) add(id string, vector []float32) {
	v.ids, v.vectors = append(v.ids, id), append(v.vectors, vector)
}

func (v *vectorPart) full() bool { return len(v.ids) >= vectorsAtOnce }

func (v *vectorPart) reset() { v.ids, v.vectors = nil, nil }

func (v *vectorPart) bytes() ([]byte, error) {
	h := vectorHead{Tenant: v.scope.Tenant, Store: v.scope.Store, Dimensions: len(v.vectors[0]), Chunks: v.ids}
	raw, err := json.Marshal(h)
	raw = append(raw, '\n')
	for _, vector := range v.vectors {
		if len(vector) != h.Dimensions {
			return nil, errors.New("vectors of different lengths")
		}
		for _, x := range vector {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
	}
	return raw, err
}

func readVectorPart(raw []byte) (v vectorPart, err error) {
	line, rest, _ := bytes.Cut(raw, []byte{'\n'})
	var h vectorHead
	if err := json.Unmarshal(line, &h); err != nil {
		return v, err
	}
	if h.Dimensions < 1 || len(rest) != 4*h.Dimensions*len(h.Chunks) {
		return v, errors.New("a part of the index has not the vectors that it names")
	}
	v.scope, v.ids = rag.Scope{Tenant: h.Tenant, Store: h.Store}, h.Chunks
	for range h.Chunks {
		vector := make([]float32, h.Dimensions)
		for i := range vector {
			vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:]))
		}
		v.vectors, rest = append(v.vectors, vector), rest[4*h.Dimensions:]
	}
	return v, nil
}
