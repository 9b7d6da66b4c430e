package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// only is the handbook narrowed by a filter.
func only(f rag.Filter) rag.Scope { return narrowed(rag.Only{Filter: &f}) }

// readBy is the handbook as the keys of groups see it.
func readBy(groups ...string) rag.Scope {
	return narrowed(rag.Only{Groups: append([]string{}, groups...)})
}

func narrowed(o rag.Only) rag.Scope {
	s := handbook
	s.Only = &o
	return s
}

func is(op rag.Op, key string, values ...any) rag.Filter {
	return rag.Filter{Op: op, Key: key, Values: values}
}

func describes(document string, facts rag.Attributes, allow ...string) ingest.Description {
	return ingest.Description{DocumentID: document, Facts: facts, Allow: allow}
}

func (f *indexFixture) describe(scope rag.Scope, descriptions ...ingest.Description) {
	f.Helper()
	for _, d := range descriptions {
		require.NoError(f, f.Describe(f.Context(), scope, d))
	}
}

// documentsIn are the documents that both legs find, in order.
func (f *indexFixture) documentsIn(scope rag.Scope) []string {
	f.Helper()
	documents := []string{}
	for _, id := range f.found(scope, "leave") {
		for _, name := range []string{"a", "b", "c", "d"} {
			if id == chunkID(name, 1, 0) || id == chunkID(name, 2, 0) {
				documents = append(documents, name)
			}
		}
	}
	slices.Sort(documents)
	return documents
}

// four publishes the documents a to d, of which d is not described.
func (f *indexFixture) four() {
	f.Helper()
	for n, document := range []string{"a", "b", "c", "d"} {
		f.publish(handbook, indexEntry(document, 1, 0, axis(n), "leave", document))
	}
	f.describe(handbook,
		describes("a", rag.Attributes{"team": "hr", "year": 2023.0, "draft": false, "odd = key": `"x" = \y`}, "hr", "all"),
		describes("b", rag.Attributes{"team": "it", "year": 2024.0, "draft": true, "odd": "team"}, "it", "all"),
		describes("c", rag.Attributes{"team": "5", "year": "2024", "cost": -0.5}, "hr"),
	)
}

func indexFilters(f *indexFixture) {
	f.four()
	and := func(filters ...rag.Filter) rag.Filter { return rag.Filter{Op: rag.OpAnd, Filters: filters} }
	or := func(filters ...rag.Filter) rag.Filter { return rag.Filter{Op: rag.OpOr, Filters: filters} }
	for _, test := range []struct {
		filter rag.Filter
		want   []string
	}{
		{is(rag.OpEq, "team", "hr"), []string{"a"}},
		{is(rag.OpEq, "team", "HR"), nil},
		{is(rag.OpEq, "team", 5.0), nil},
		{is(rag.OpEq, "year", 2024.0), []string{"b"}},
		{is(rag.OpEq, "year", "2024"), []string{"c"}},
		{is(rag.OpEq, "draft", true), []string{"b"}},
		{is(rag.OpEq, "draft", false), []string{"a"}},
		{is(rag.OpEq, "draft", "true"), nil},
		{is(rag.OpEq, "town", "Bern"), nil},
		{is(rag.OpEq, "odd = key", `"x" = \y`), []string{"a"}},
		{is(rag.OpEq, "odd", ` = key="x" = \y`), nil},
		{is(rag.OpNe, "team", "hr"), []string{"b", "c", "d"}},
		{is(rag.OpNe, "year", 2024.0), []string{"a", "c", "d"}},
		{is(rag.OpNe, "town", "Bern"), []string{"a", "b", "c", "d"}},
		{is(rag.OpGt, "year", 2023.0), []string{"b"}},
		{is(rag.OpGte, "year", 2023.0), []string{"a", "b"}},
		{is(rag.OpLt, "year", 2024.0), []string{"a"}},
		{is(rag.OpLte, "year", 2024.0), []string{"a", "b"}},
		{is(rag.OpLt, "cost", 0.0), []string{"c"}},
		{is(rag.OpGt, "cost", -0.5), nil},
		{is(rag.OpGt, "team", 0.0), nil},
		{is(rag.OpGt, "draft", -1.0), nil},
		{is(rag.OpIn, "team", "hr", "it", true, 7.0), []string{"a", "b"}},
		{is(rag.OpIn, "year", "2024", 2023.0), []string{"a", "c"}},
		{is(rag.OpIn, "team"), nil},
		{is(rag.OpNin, "team", "hr", "it"), []string{"c", "d"}},
		{is(rag.OpNin, "team"), []string{"a", "b", "c", "d"}},
		{and(is(rag.OpEq, "team", "it"), is(rag.OpGte, "year", 2024.0)), []string{"b"}},
		{and(is(rag.OpGte, "year", 2023.0), is(rag.OpLt, "cost", 5.0)), nil},
		{or(is(rag.OpEq, "team", "hr"), is(rag.OpEq, "team", "5")), []string{"a", "c"}},
		{and(), []string{"a", "b", "c", "d"}},
		{or(), nil},
		{and(or(is(rag.OpEq, "team", "hr"), is(rag.OpNe, "year", 2024.0)), is(rag.OpNin, "draft", false), or(is(rag.OpLte, "cost", 0.0), and(is(rag.OpEq, "x", 1.0)))), []string{"c"}},
		{is("like", "team", "hr"), nil},
	} {
		require.Equal(f, append([]string{}, test.want...), f.documentsIn(only(test.filter)), "%+v", test.filter)
	}
	require.Equal(f, []string{"a", "b", "c", "d"}, f.documentsIn(narrowed(rag.Only{})))
	require.Empty(f, f.found(rag.Scope{Tenant: "other", Store: handbook.Store, Only: &rag.Only{}}, "leave"))
}

func indexGroups(f *indexFixture) {
	f.four()
	require.Equal(f, []string{"a", "c"}, f.documentsIn(readBy("hr")))
	require.Equal(f, []string{"a", "b", "c"}, f.documentsIn(readBy("hr", "it", "none")))
	require.Equal(f, []string{"a", "b"}, f.documentsIn(readBy("all")))
	require.Empty(f, f.documentsIn(readBy("HR")))
	require.Empty(f, f.documentsIn(readBy()), "who reads as no group reads nothing")
	team := is(rag.OpNe, "team", "hr")
	require.Equal(f, []string{"c"}, f.documentsIn(narrowed(rag.Only{Groups: []string{"hr"}, Filter: &team})))
	f.describe(handbook, describes("a", nil), describes("d", nil, "hr"))
	require.Equal(f, []string{"c", "d"}, f.documentsIn(readBy("hr")), "taken away from one, given to the other")
}

// indexRedescribes: what is said of a document holds for every version of it, and for nothing else.
func indexRedescribes(f *indexFixture) {
	f.four()
	hr := is(rag.OpEq, "team", "hr")
	before := f.idf(handbook, "leave", "a")
	f.describe(handbook, describes("a", rag.Attributes{"team": "it"}), describes("b", rag.Attributes{"team": "hr"}))
	require.Equal(f, []string{"b"}, f.documentsIn(only(hr)))
	require.Empty(f, f.documentsIn(only(is(rag.OpEq, "year", 2023.0))), "what was said before is forgotten")
	require.Equal(f, before, f.idf(handbook, "leave", "a"))

	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{indexEntry("b", 2, 0, axis(7), "leave")}))
	f.describe(handbook, describes("b", rag.Attributes{"team": "hr", "n": 1.0}))
	require.NoError(f, f.Publish(f.Context(), handbook, "b", 2))
	require.Equal(f, []string{chunkID("b", 2, 0)}, f.found(only(hr), "leave"))
	f.reopen()
	require.Equal(f, []string{chunkID("b", 2, 0)}, f.found(only(hr), "leave"))

	require.Equal(f, 1, f.remove(handbook, "b"))
	require.Empty(f, f.found(only(hr), "leave"))
	f.publish(handbook, indexEntry("b", 3, 0, axis(7), "leave"))
	require.Empty(f, f.found(only(hr), "leave"), "it was removed with its description")
	other := rag.Scope{Tenant: "acme", Store: "vs_other"}
	f.describe(other, describes("a", rag.Attributes{"team": "hr"}))
	f.describe(handbook, describes("nobody", rag.Attributes{"team": "hr"}))
	require.Empty(f, f.scopesOf(other), "a description alone is nothing that is held")
	require.NoError(f, f.RemoveStore(f.Context(), handbook))
	require.Empty(f, f.found(only(hr), "leave"))
}

func (f *indexFixture) scopesOf(scope rag.Scope) []rag.Scope {
	f.Helper()
	return slices.DeleteFunc(f.scopes(), func(s rag.Scope) bool { return s != scope })
}

func indexMarks(f *indexFixture) {
	f.publish(handbook, indexEntry("doc", 1, 0, axis(1), "leave"))
	require.Empty(f, f.held(handbook)[0].Mark)
	d := describes("doc", rag.Attributes{"team": "hr", "n": 1.0}, "hr", "it")
	require.NoError(f, f.Upsert(f.Context(), handbook, []ingest.Entry{indexEntry("doc", 2, 0, axis(1), "leave")}))
	f.describe(handbook, d)
	for _, h := range f.held(handbook) {
		require.Equal(f, d.Mark(), h.Mark)
	}
	require.Equal(f, d.Mark(), describes("doc", rag.Attributes{"n": 1.0, "team": "hr"}, "it", "hr").Mark(), "order says nothing")
	require.NotEqual(f, d.Mark(), describes("doc", rag.Attributes{"n": "1", "team": "hr"}, "hr", "it").Mark())
}

// indexFilteredExactly compares with a scan of everything in scope, on random
// documents, filters and groups, while documents come, change and go.
func indexFilteredExactly(f *indexFixture) {
	r := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // repeatable on purpose
	entries := map[string][]ingest.Entry{}
	described, version := map[string]ingest.Description{}, map[string]int{}
	for range 6 {
		for range 40 {
			document := fmt.Sprintf("doc%d", r.IntN(60))
			if r.IntN(6) == 0 {
				f.remove(handbook, document)
				delete(entries, document)
				delete(described, document)
				continue
			}
			version[document]++
			var now []ingest.Entry
			for seq := range 1 + r.IntN(8) {
				now = append(now, indexEntry(document, version[document], seq, randomVector(r), someTerms(r)...))
			}
			entries[document], described[document] = now, RandomDescription(r, document)
			require.NoError(f, f.Upsert(f.Context(), handbook, now))
			f.describe(handbook, described[document])
			require.NoError(f, f.Publish(f.Context(), handbook, document, version[document]))
		}
		for n := range 12 {
			scope := narrowed(RandomOnly(r))
			k, v, terms := []int{1, 10, 400}[n%3], randomVector(r), someTerms(r)
			inScope := map[string]bool{}
			var all []ingest.Entry
			for document, list := range entries {
				d := described[document]
				if scope.Only.Match(func(key string) (any, bool) { v, ok := d.Facts[key]; return v, ok }, d.Allow) {
					all = append(all, list...)
					for _, e := range list {
						inScope[e.ChunkID] = true
					}
				}
			}
			f.equalHits(firstOf(bruteForce(all, v), k), f.dense(scope, k, v), "dense, %s", scope.Only.Key())
			var want []rag.Hit
			for _, h := range f.text(handbook, 10_000, terms...) {
				if inScope[h.ChunkID] {
					want = append(want, h)
				}
			}
			f.equalHits(firstOf(want, k), f.text(scope, k, terms...), "text, %s", scope.Only.Key())
		}
	}
}

// equalHits compares scores in order, and ids where no scores tie.
func (f *indexFixture) equalHits(want, got []rag.Hit, why string, args ...any) {
	f.Helper()
	require.Len(f, got, len(want), append([]any{why}, args...)...)
	for i, h := range got {
		require.InDelta(f, want[i].Score, h.Score, 1e-6, append([]any{why}, args...)...)
		if (i == 0 || want[i-1].Score-want[i].Score > 1e-6) && i+1 < len(want) && want[i].Score-want[i+1].Score > 1e-6 {
			require.Equal(f, want[i].ChunkID, h.ChunkID, append([]any{why}, args...)...)
		}
	}
}

func firstOf(hits []rag.Hit, k int) []rag.Hit { return hits[:min(k, len(hits))] }

// RandomDescription gives a document some of a few facts and groups.
func RandomDescription(r *rand.Rand, document string) ingest.Description {
	d := ingest.Description{DocumentID: document, Facts: rag.Attributes{}}
	for _, key := range []string{"a", "b", "c"} {
		if r.IntN(4) > 0 {
			d.Facts[key] = randomValue(r)
		}
	}
	for _, group := range []string{"g1", "g2", "g3"} {
		if r.IntN(2) == 0 {
			d.Allow = append(d.Allow, group)
		}
	}
	return d
}

func randomValue(r *rand.Rand) any {
	switch n := r.IntN(4); r.IntN(4) {
	case 0:
		return fmt.Sprint(n)
	case 1:
		return n%2 == 0
	default:
		return float64(n) / 2
	}
}

// RandomOnly narrows by a random filter, by groups, by both or by neither.
func RandomOnly(r *rand.Rand) rag.Only {
	var o rag.Only
	if r.IntN(5) > 0 {
		filter := randomFilter(r, 3)
		o.Filter = &filter
	}
	if r.IntN(3) == 0 {
		o.Groups = []string{"g1", "g2", "g3", "g4"}[r.IntN(3):]
	}
	return o
}

func randomFilter(r *rand.Rand, depth int) rag.Filter {
	if depth > 0 && r.IntN(2) == 0 {
		f := rag.Filter{Op: []rag.Op{rag.OpAnd, rag.OpOr}[r.IntN(2)]}
		for range 1 + r.IntN(3) {
			f.Filters = append(f.Filters, randomFilter(r, depth-1))
		}
		return f
	}
	key := []string{"a", "b", "c", "d"}[r.IntN(4)]
	switch op := []rag.Op{rag.OpEq, rag.OpNe, rag.OpIn, rag.OpNin, rag.OpGt, rag.OpGte, rag.OpLt, rag.OpLte}[r.IntN(8)]; op {
	case rag.OpIn, rag.OpNin:
		return is(op, key, randomValue(r), randomValue(r), randomValue(r))
	case rag.OpEq, rag.OpNe:
		return is(op, key, randomValue(r))
	default:
		return is(op, key, float64(r.IntN(5))/2)
	}
}
