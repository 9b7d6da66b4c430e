package local

import "groundwork/rag"

// keptSelections is how many are remembered: making one takes about 20 ns a row,
// as much as a tenth of a search.
const keptSelections = 64

// A selection is the rows of a store that are in a scope, a bit each; nil is all
// of them. It holds live rows only.
type selection struct {
	bits    []uint64
	size    int
	version int // of the store
}

// choice names a selection.
type choice struct {
	store int64
	only  string
}

// selection gives the rows in a scope. The caller holds the store's lock for reading.
func (x *Index) selection(s *store, only *rag.Only) *selection {
	if only == nil {
		return nil
	}
	key := choice{s.id, only.Key()}
	if known, ok := x.selections.Get(key); ok && known.version == s.version {
		return known
	}
	made := s.selected(only)
	x.selections.Add(key, made)
	return made
}

// selected looks at each document once: rows of one lie together.
func (s *store) selected(only *rag.Only) *selection {
	out := &selection{bits: make([]uint64, (len(s.blocks)*blockRows)/wordRows), version: s.version}
	var last *document
	fits := false
	for i := range s.rows {
		doc := s.rows[i].doc
		if doc == nil {
			continue
		}
		if doc != last {
			last, fits = doc, only.Match(doc.get, doc.allow)
		}
		if fits {
			out.bits[i/wordRows] |= 1 << (i % wordRows)
			out.size++
		}
	}
	return out
}

const wordRows = 64 // rows in a word of bits

// has tells whether a live row is in the selection.
func (in *selection) has(ordinal int) bool {
	return in == nil || in.bits[ordinal/wordRows]>>(ordinal%wordRows)&1 == 1
}

// lacks tells that no row of a block is in the selection.
func (in *selection) lacks(block int) bool {
	if in == nil {
		return false
	}
	const words = blockRows / wordRows
	for _, w := range in.bits[block*words : (block+1)*words] {
		if w != 0 {
			return false
		}
	}
	return true
}

// size is the number of rows that can be found in a selection.
func (s *store) size(in *selection) int {
	if in == nil {
		return s.live()
	}
	return in.size
}
