package local

import (
	"database/sql"
	"sync"

	"groundwork/rag"
)

const (
	blockRows   = 256  // rows of codes that lie together
	compactFrom = 1024 // dead rows from which compacting pays
)

// A store is what memory holds of one store. Rows are in the order of their
// ids. Searches hold mu for reading from beginning to end; a write holds it
// from just before its commit until the rows here say the same as the file, so
// a search never sees a version in part, nor the file and memory apart.
type store struct {
	id     int64
	scope  rag.Scope
	dim    int
	stride int

	preparing sync.Mutex
	lists     *sql.Stmt // reads a posting list; nil until it is needed
	filled    bool      // all posting lists were read, or are too many

	mu     sync.RWMutex
	broken error // set when memory may differ from the file and could not be read again

	documents map[string]*document // by id
	version   int                  // of rows and documents: selections of another one are stale

	blocks [][]int8 // blockRows*stride codes each, the last one fewer
	bounds []bound  // of each row; apart from rows, because every search reads all of it
	rows   []row
	dead   int
}

// A row is one searchable chunk; a dead one keeps its place until the store is compacted.
type row struct {
	id     int64 // in SQLite
	chunk  string
	doc    *document // nil when it is dead
	length int32     // terms
}

func (r *row) live() bool { return r.doc != nil }

// A bound turns the product of codes into a score and its possible error.
type bound struct{ scale, residual float32 }

func newStore(id int64, scope rag.Scope, dim int) *store {
	return &store{id: id, scope: scope.Whole(), dim: dim, stride: strideOf(dim), documents: map[string]*document{}}
}

// live is the number of rows that can be found.
func (s *store) live() int { return len(s.rows) - s.dead }

func (s *store) add(r row, c code) {
	if len(s.rows)%blockRows == 0 {
		var block []int8
		if len(s.blocks) > 0 { // a small store should stay small
			block = make([]int8, 0, blockRows*s.stride)
		}
		s.blocks = append(s.blocks, block)
	}
	last := &s.blocks[len(s.blocks)-1]
	*last = append(*last, c.c...)
	for range s.stride - s.dim {
		*last = append(*last, 0)
	}
	s.bounds = append(s.bounds, bound{scale: c.scale, residual: c.residual})
	s.rows = append(s.rows, r)
}

func (s *store) kill(ordinal int) {
	if r := &s.rows[ordinal]; r.live() {
		r.doc = nil
		r.chunk = ""
		s.dead++
	}
}

// compact drops the dead rows when they are many, and reports whether the
// ordinals changed.
func (s *store) compact() bool {
	if s.dead < compactFrom || s.dead < s.live()/4 {
		return false
	}
	rows, bounds, blocks := s.rows, s.bounds, s.blocks
	s.clear()
	for i, r := range rows {
		if !r.live() {
			continue
		}
		at := i % blockRows * s.stride
		s.add(r, code{
			scale: bounds[i].scale, residual: bounds[i].residual, c: blocks[i/blockRows][at : at+s.dim],
		})
	}
	return true
}

func (s *store) clear() {
	s.blocks, s.bounds, s.rows, s.dead = nil, nil, nil, 0
}

// ordinal finds the row with the SQLite id at or after from; -1 when there is none.
func (s *store) ordinal(id int64, from int) int {
	lo, hi := from, len(s.rows)
	for step := 1; lo+step < hi && s.rows[lo+step].id < id; step *= 2 { // ids asked for lie close together
		lo += step
	}
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); s.rows[mid].id < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.rows) && s.rows[lo].id == id {
		return lo
	}
	return -1
}
