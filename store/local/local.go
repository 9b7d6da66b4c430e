// Package local is the embedded index: SQLite FTS5 keeps the terms, an exact
// scan over vectors in memory ranks by meaning.
//
// SQLite is the truth. What is held in memory (one byte a dimension for each
// searchable chunk, and the posting lists and vectors asked for lately) is derived
// from it at Open and after each commit, so a crash at any point leaves an
// index that is whole. Everything lies in one file, index.db.
//
// Text: each store has its own FTS5 table, so BM25's statistics are the
// store's own. FTS5's bm25() costs about 3 µs a matching row here (18 ms for
// ten terms over 10,000 chunks), FTS5's posting lists 0.3 µs a posting; so the
// lists are read from FTS5 (fts5vocab), kept in a bounded cache that follows
// every write, and scored here with rag's BM25. No term is dropped and nothing
// is approximated.
//
// Dense: see dense.go; the result is that of a full scan in float64.
//
// A scope that is narrowed to some documents becomes a set of rows, a bit each,
// that both legs look at row by row: the k best are those of the set.
package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"groundwork/internal/leftover"
	"groundwork/rag"
)

// Options says what the index is for and what it may use.
type Options struct {
	Dimensions  int    // of the vectors, 1 to 16,384
	Fingerprint string // of everything that vectors and chunks depend on: embedding model, pooling, chunker …
	Reset       bool   // throw away an index made for another fingerprint or dimension (or unreadable) instead of refusing it
	TermCache   int    // bytes of posting lists kept in memory; 0 means 32 MiB
	VectorCache int    // bytes of exact vectors kept in memory; 0 means 32 MiB
	PageCache   int    // KiB of SQLite's page cache, for each connection; 0 means 1,024
	Readers     int    // connections for searches; 0 means 4
}

func (o Options) withDefaults() Options {
	if o.TermCache == 0 {
		o.TermCache = 32 << 20
	}
	if o.VectorCache == 0 {
		o.VectorCache = 32 << 20
	}
	if o.PageCache == 0 {
		o.PageCache = 1024
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	return o
}

// Index implements ingest.Index, ingest.Describer, ingest.Inventory and rag.Searcher. One process may have a
// directory open at a time; within it, any number of goroutines may call.
type Index struct {
	dim        int
	file       string
	read       *sql.DB
	write      *sql.DB        // one connection
	pages      *leftover.File // closes write
	writing    sync.Mutex     // held by one write at a time, from beginning to end
	erasing    bool           // the log still holds what was removed; guarded by writing
	generation atomic.Int64
	cache      *termCache
	exact      *lru.Cache[int64, []byte] // vectors read lately, by row id
	scratch    sync.Pool                 // *accumulator
	room       sync.Pool                 // *[]candidate
	vectors    *sql.Stmt                 // vectorQuery
	selections *lru.Cache[choice, *selection]

	mu     sync.RWMutex
	stores map[rag.Scope]*store // by whole scopes
}

// Open opens the index in dir and makes it when there is none. It reads all
// codes of all stores into memory. An index made for another fingerprint or
// dimension is refused with a *rag.Error, unless o.Reset.
func Open(ctx context.Context, dir string, o Options) (*Index, error) {
	o = o.withDefaults()
	if o.Dimensions < 1 || o.Dimensions > maxDimensions {
		return nil, fmt.Errorf("open index: dimensions must be 1 to %d, not %d", maxDimensions, o.Dimensions)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	file := filepath.Join(dir, "index.db")
	write, generation, err := openFile(ctx, file, o)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	read, err := sql.Open("sqlite", dsn(file, o.PageCache)+"&_query_only=1")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), write.pages.Close(context.WithoutCancel(ctx)))
	}
	read.SetMaxOpenConns(o.Readers)
	read.SetMaxIdleConns(o.Readers)
	x := &Index{
		dim: o.Dimensions, file: file, read: read, write: write.DB, pages: write.pages,
		cache: newTermCache(o.TermCache), stores: map[rag.Scope]*store{},
	}
	if x.exact, err = lru.New[int64, []byte](max(o.VectorCache/(4*o.Dimensions+vectorOverhead), 1)); err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), x.Close())
	}
	if x.selections, err = lru.New[choice, *selection](keptSelections); err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), x.Close())
	}
	if x.vectors, err = read.PrepareContext(ctx, vectorQuery); err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), x.Close())
	}
	x.scratch.New = func() any { return &accumulator{} }
	x.room.New = func() any { return &[]candidate{} }
	x.generation.Store(generation)
	if err := x.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("load index: %w", err), x.Close())
	}
	return x, nil
}

// Close waits for searches in progress and closes the files. Calls after it fail.
func (x *Index) Close() error {
	x.writing.Lock()
	defer x.writing.Unlock()
	return errors.Join(x.read.Close(), x.pages.Close(context.Background()))
}

// Generation counts the changes of what can be found, over the life of the
// index; it is part of an answer's fingerprint.
func (x *Index) Generation() int { return int(x.generation.Load()) }

func (x *Index) store(scope rag.Scope) *store {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.stores[scope.Whole()]
}

func (x *Index) setStore(scope rag.Scope, st *store) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if st == nil {
		delete(x.stores, scope.Whole())
		return
	}
	x.stores[scope.Whole()] = st
}
