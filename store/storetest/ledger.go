package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// SearchLedger is store/qdrant's Ledger: which version of a document is
// searchable, and how many chunks of a store hold a term.
type SearchLedger interface {
	// Publish makes version the searchable one unless a newer one is, and moves
	// the statistics with it; the version that is searchable afterwards comes back.
	Publish(ctx context.Context, scope rag.Scope, documentID string, version, chunks int, frequencies map[uint32]int) (searchable int, err error)
	// Forget takes a document out, or the whole store when documentID is empty.
	Forget(ctx context.Context, scope rag.Scope, documentID string) error
	// Searchable gives the searchable version of each of the documents that has one.
	Searchable(ctx context.Context, scope rag.Scope, documentIDs []string) (map[string]int, error)
	// Frequencies gives the number of searchable chunks of the store, how many of
	// them hold each term, in order, and the generation of the whole index.
	Frequencies(ctx context.Context, scope rag.Scope, terms []uint32) (chunks int, holding []int, generation int, err error)
}

// Ledger checks a ledger. open gives an empty one; several openings in one
// test give the same data, as several processes would see it.
func Ledger(t *testing.T, open func(t *testing.T) SearchLedger) {
	for name, test := range map[string]func(*ledgerFixture){
		"an empty ledger knows nothing":                  ledgerEmpty,
		"publish makes searchable and counts":            ledgerPublishes,
		"a newer version takes the older one's place":    ledgerReplaces,
		"an older version changes nothing":               ledgerOlder,
		"publishing twice changes nothing":               ledgerTwice,
		"the same version with other terms is corrected": ledgerCorrects,
		"forgetting takes the statistics along":          ledgerForgets,
		"a forgotten document can come back":             ledgerComesBack,
		"forgetting a store leaves the others":           ledgerForgetsStore,
		"stores and tenants do not see each other":       ledgerIsolation,
		"the generation rises with each change":          ledgerGeneration,
		"terms are any 32 bits and may repeat":           ledgerTerms,
		"a document without terms counts its chunks":     ledgerNoTerms,
		"many terms and many documents":                  ledgerMany,
		"concurrent publications all count":              ledgerConcurrent,
		"concurrent versions end with the newest":        ledgerConcurrentVersions,
		"readers see a publication whole":                ledgerWhole,
		"many changes equal a fresh ledger":              ledgerChanges,
		"a context that is over changes nothing":         ledgerCancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(&ledgerFixture{T: t, SearchLedger: open(t), open: open})
		})
	}
}

type ledgerFixture struct {
	*testing.T
	SearchLedger
	open func(t *testing.T) SearchLedger
}

// publish gives the searchable version afterwards.
func (f *ledgerFixture) publish(scope rag.Scope, document string, version, chunks int, frequencies map[uint32]int) int {
	f.Helper()
	searchable, err := f.Publish(f.Context(), scope, document, version, chunks, frequencies)
	require.NoError(f, err)
	return searchable
}

func (f *ledgerFixture) forget(scope rag.Scope, document string) {
	f.Helper()
	require.NoError(f, f.Forget(f.Context(), scope, document))
}

func (f *ledgerFixture) searchable(scope rag.Scope, documents ...string) map[string]int {
	f.Helper()
	versions, err := f.Searchable(f.Context(), scope, documents)
	require.NoError(f, err)
	return versions
}

func (f *ledgerFixture) generation() int {
	f.Helper()
	_, _, generation, err := f.Frequencies(f.Context(), handbook, nil)
	require.NoError(f, err)
	return generation
}

// counts checks the statistics of a store: chunks, then how many hold each term.
func (f *ledgerFixture) counts(scope rag.Scope, terms []uint32, chunks int, holding ...int) {
	f.Helper()
	gotChunks, gotHolding, _, err := f.Frequencies(f.Context(), scope, terms)
	require.NoError(f, err)
	require.Equal(f, chunks, gotChunks)
	require.Len(f, gotHolding, len(terms))
	for i, n := range holding {
		require.Equal(f, n, gotHolding[i], "term %d", terms[i])
	}
}

func ledgerEmpty(f *ledgerFixture) {
	f.counts(handbook, []uint32{1, 2}, 0, 0, 0)
	f.counts(handbook, nil, 0)
	require.Empty(f, f.searchable(handbook, "doc"))
	require.Empty(f, f.searchable(handbook))
	f.forget(handbook, "doc")
	f.forget(handbook, "")
}

func ledgerPublishes(f *ledgerFixture) {
	require.Equal(f, 1, f.publish(handbook, "doc", 1, 3, map[uint32]int{7: 3, 8: 1}))
	require.Equal(f, 4, f.publish(handbook, "other", 4, 2, map[uint32]int{8: 2, 9: 1}))
	f.counts(handbook, []uint32{9, 8, 7, 6}, 5, 1, 3, 3, 0)
	require.Equal(f, map[string]int{"doc": 1, "other": 4}, f.searchable(handbook, "doc", "other", "none", "doc"))
	require.Equal(f, map[string]int{"other": 4}, f.searchable(handbook, "other"))
	f.SearchLedger = f.open(f.T)
	f.counts(handbook, []uint32{9, 8, 7, 6}, 5, 1, 3, 3, 0)
}

func ledgerReplaces(f *ledgerFixture) {
	f.publish(handbook, "doc", 1, 3, map[uint32]int{7: 3, 8: 1})
	f.publish(handbook, "other", 1, 1, map[uint32]int{7: 1})
	require.Equal(f, 3, f.publish(handbook, "doc", 3, 5, map[uint32]int{8: 5, 9: 2}))
	f.counts(handbook, []uint32{7, 8, 9}, 6, 1, 5, 2)
	require.Equal(f, map[string]int{"doc": 3}, f.searchable(handbook, "doc"))
}

func ledgerOlder(f *ledgerFixture) {
	f.publish(handbook, "doc", 3, 2, map[uint32]int{7: 2})
	require.Equal(f, 3, f.publish(handbook, "doc", 2, 9, map[uint32]int{7: 9, 8: 9}))
	f.counts(handbook, []uint32{7, 8}, 2, 2, 0)
	require.Equal(f, map[string]int{"doc": 3}, f.searchable(handbook, "doc"))
}

func ledgerTwice(f *ledgerFixture) {
	for range 3 {
		require.Equal(f, 2, f.publish(handbook, "doc", 2, 2, map[uint32]int{7: 2}))
		f.counts(handbook, []uint32{7}, 2, 2)
	}
}

// An index that was rebuilt may cut the same version into other chunks.
func ledgerCorrects(f *ledgerFixture) {
	f.publish(handbook, "doc", 2, 2, map[uint32]int{7: 2, 8: 1})
	require.Equal(f, 2, f.publish(handbook, "doc", 2, 4, map[uint32]int{7: 1, 9: 4}))
	f.counts(handbook, []uint32{7, 8, 9}, 4, 1, 0, 4)
}

func ledgerForgets(f *ledgerFixture) {
	f.publish(handbook, "doc", 1, 3, map[uint32]int{7: 3, 8: 1})
	f.publish(handbook, "other", 1, 2, map[uint32]int{8: 2})
	for range 2 {
		f.forget(handbook, "doc")
		f.counts(handbook, []uint32{7, 8}, 2, 0, 2)
		require.Equal(f, map[string]int{"other": 1}, f.searchable(handbook, "doc", "other"))
	}
}

func ledgerComesBack(f *ledgerFixture) {
	f.publish(handbook, "doc", 5, 3, map[uint32]int{7: 3})
	f.forget(handbook, "doc")
	require.Equal(f, 1, f.publish(handbook, "doc", 1, 1, map[uint32]int{7: 1}))
	f.counts(handbook, []uint32{7}, 1, 1)
}

func ledgerForgetsStore(f *ledgerFixture) {
	others := []rag.Scope{{Tenant: "other", Store: handbook.Store}, {Tenant: handbook.Tenant, Store: "vs_other"}}
	for _, scope := range append(others, handbook) {
		f.publish(scope, "doc", 1, 3, map[uint32]int{7: 3})
		f.publish(scope, "second", 1, 1, map[uint32]int{7: 1})
	}
	for range 2 {
		f.forget(handbook, "")
		f.counts(handbook, []uint32{7}, 0, 0)
		require.Empty(f, f.searchable(handbook, "doc", "second"))
	}
	for _, scope := range others {
		f.counts(scope, []uint32{7}, 4, 4)
		require.Equal(f, map[string]int{"doc": 1, "second": 1}, f.searchable(scope, "doc", "second"))
	}
}

func ledgerIsolation(f *ledgerFixture) {
	scopes := []rag.Scope{
		{Tenant: "acme", Store: "vs_1"}, {Tenant: "acme", Store: "vs_2"},
		{Tenant: "other", Store: "vs_1"}, {Tenant: "acme2", Store: "vs_1"},
	}
	for i, scope := range scopes {
		require.Equal(f, i+1, f.publish(scope, "doc", i+1, i+1, map[uint32]int{7: i + 1}))
	}
	for i, scope := range scopes {
		f.counts(scope, []uint32{7}, i+1, i+1)
		require.Equal(f, map[string]int{"doc": i + 1}, f.searchable(scope, "doc"))
	}
	f.forget(scopes[0], "doc")
	for i, scope := range scopes[1:] {
		f.counts(scope, []uint32{7}, i+2, i+2)
	}
}

func ledgerGeneration(f *ledgerFixture) {
	last := f.generation()
	rises := func(what string) {
		f.Helper()
		now := f.generation()
		require.Greater(f, now, last, what)
		last = now
	}
	f.publish(handbook, "doc", 1, 1, map[uint32]int{7: 1})
	rises("publish")
	f.publish(handbook, "doc", 2, 1, map[uint32]int{7: 1})
	rises("a newer version")
	f.publish(rag.Scope{Tenant: "other", Store: "vs_1"}, "doc", 1, 1, map[uint32]int{7: 1})
	rises("publish in another store: the generation is the index's")
	f.forget(handbook, "doc")
	rises("forget")
	f.publish(handbook, "doc", 1, 1, map[uint32]int{7: 1})
	rises("publish again")
	f.forget(handbook, "")
	rises("forget the store")
	require.Equal(f, last, f.generation(), "reading changes nothing")
}

func ledgerTerms(f *ledgerFixture) {
	all := []uint32{0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1}
	frequencies := map[uint32]int{}
	for i, term := range all {
		frequencies[term] = i + 1
	}
	f.publish(handbook, "doc", 1, 9, frequencies)
	f.counts(handbook, all, 9, 1, 2, 3, 4, 5)
	f.counts(handbook, []uint32{1 << 31, 5, 1 << 31, 0}, 9, 4, 0, 4, 1)
	f.forget(handbook, "doc")
	f.counts(handbook, all, 0, 0, 0, 0, 0, 0)
}

func ledgerNoTerms(f *ledgerFixture) {
	f.publish(handbook, "doc", 1, 2, nil)
	f.counts(handbook, []uint32{7}, 2, 0)
	require.Equal(f, map[string]int{"doc": 1}, f.searchable(handbook, "doc"))
}

// ledgerMany goes past what one statement takes as parameters.
func ledgerMany(f *ledgerFixture) {
	const terms, documents = 40_000, 1200
	frequencies, all, names := map[uint32]int{}, []uint32{}, []string{}
	for i := range uint32(terms) {
		frequencies[i*65_537] = 1 + int(i)%3
		all = append(all, i*65_537)
	}
	f.publish(handbook, "big", 1, 500, frequencies)
	chunks, holding, _, err := f.Frequencies(f.Context(), handbook, all)
	require.NoError(f, err)
	require.Equal(f, 500, chunks)
	for i, term := range all {
		require.Equal(f, frequencies[term], holding[i])
	}
	for i := range documents {
		names = append(names, fmt.Sprintf("doc%d", i))
		if i%40 == 0 {
			f.publish(handbook, names[i], 1, 1, map[uint32]int{1: 1})
		}
	}
	require.Len(f, f.searchable(handbook, names...), documents/40)
	f.publish(handbook, "big", 2, 1, map[uint32]int{1: 1})
	f.counts(handbook, []uint32{all[0], 1}, 1+documents/40, 0, 1+documents/40)
}

func ledgerConcurrent(f *ledgerFixture) {
	const writers, each = 8, 6
	var all sync.WaitGroup
	for n := range writers {
		ledger := f.SearchLedger
		if n%2 == 1 {
			ledger = f.open(f.T)
		}
		all.Go(func() {
			for i := range each {
				_, err := ledger.Publish(f.Context(), handbook, fmt.Sprintf("doc%d-%d", n, i), 1, 2, map[uint32]int{7: 2, 8: 1, uint32(100 + n): 1}) //nolint:gosec // small
				if err != nil {
					f.Error(err)
					return
				}
			}
			if err := ledger.Forget(f.Context(), handbook, fmt.Sprintf("doc%d-0", n)); err != nil {
				f.Error(err)
			}
		})
	}
	all.Wait()
	left := writers * (each - 1)
	f.counts(handbook, []uint32{7, 8, 100, 101}, 2*left, 2*left, left, each-1, each-1)
}

func ledgerConcurrentVersions(f *ledgerFixture) {
	const newest = 12
	var all sync.WaitGroup
	for n := range newest {
		ledger := f.SearchLedger
		if n%2 == 1 {
			ledger = f.open(f.T)
		}
		all.Go(func() {
			version := n + 1
			searchable, err := ledger.Publish(f.Context(), handbook, "doc", version, version, map[uint32]int{7: version, uint32(version): 1}) //nolint:gosec // small
			if err != nil {
				f.Error(err)
			}
			if searchable < version {
				f.Errorf("version %d was published and %d is searchable", version, searchable)
			}
		})
	}
	all.Wait()
	require.Equal(f, map[string]int{"doc": newest}, f.searchable(handbook, "doc"))
	f.counts(handbook, []uint32{newest, 1, 2}, newest, 1, 0, 0)
}

// ledgerWhole reads while versions are published: chunks and terms must be of one version.
func ledgerWhole(f *ledgerFixture) {
	f.publish(handbook, "doc", 1, 1, map[uint32]int{7: 1, 8: 1})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				chunks, holding, _, err := f.Frequencies(f.Context(), handbook, []uint32{7, 8})
				if err != nil {
					f.Error(err)
					return
				}
				if chunks != holding[0] || chunks != holding[1] {
					f.Errorf("%d chunks, of which %v hold the terms that all hold", chunks, holding)
					return
				}
			}
		})
	}
	for version := 2; version <= 30; version++ {
		f.publish(handbook, "doc", version, version, map[uint32]int{7: version, 8: version})
	}
	close(done)
	readers.Wait()
}

// ledgerChanges compares a ledger after many changes with what the final state says.
func ledgerChanges(f *ledgerFixture) {
	type part struct {
		version, chunks int
		frequencies     map[uint32]int
	}
	r := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // repeatable on purpose
	final := map[string]part{}
	for range 150 {
		document := fmt.Sprintf("doc%d", r.IntN(10))
		if r.IntN(4) == 0 {
			f.forget(handbook, document)
			delete(final, document)
			continue
		}
		p := part{version: 1 + r.IntN(20), chunks: 1 + r.IntN(9), frequencies: map[uint32]int{}}
		for range r.IntN(8) {
			p.frequencies[uint32(r.IntN(15))] = 1 + r.IntN(p.chunks) //nolint:gosec // small
		}
		want := max(p.version, final[document].version)
		require.Equal(f, want, f.publish(handbook, document, p.version, p.chunks, p.frequencies))
		if want == p.version {
			final[document] = p
		}
	}
	chunks, holding, versions := 0, make([]int, 15), map[string]int{}
	for document, p := range final {
		chunks += p.chunks
		versions[document] = p.version
		for term, n := range p.frequencies {
			holding[term] += n
		}
	}
	terms, documents := make([]uint32, 15), make([]string, 10)
	for i := range terms {
		terms[i] = uint32(i) //nolint:gosec // small
	}
	for i := range documents {
		documents[i] = fmt.Sprintf("doc%d", i)
	}
	f.counts(handbook, terms, chunks, holding...)
	require.Equal(f, versions, f.searchable(handbook, documents...))
}

func ledgerCancelled(f *ledgerFixture) {
	f.publish(handbook, "doc", 1, 1, map[uint32]int{7: 1})
	over := overContext(f.Context())
	_, err := f.Publish(over, handbook, "doc", 2, 2, map[uint32]int{7: 2})
	require.Error(f, err)
	require.Error(f, f.Forget(over, handbook, "doc"))
	_, err = f.Searchable(over, handbook, []string{"doc"})
	require.Error(f, err)
	_, _, _, err = f.Frequencies(over, handbook, []uint32{7})
	require.Error(f, err)
	f.counts(handbook, []uint32{7}, 1, 1)
}
