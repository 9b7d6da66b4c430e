package rag_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func compare(op rag.Op, key string, values ...any) rag.Filter {
	return rag.Filter{Op: op, Key: key, Values: values}
}

func join(op rag.Op, filters ...rag.Filter) rag.Filter { return rag.Filter{Op: op, Filters: filters} }

func TestFilterMatches(t *testing.T) {
	t.Parallel()
	facts := rag.Attributes{"team": "hr", "year": 2024.0, "draft": true, "code": "5"}
	get := func(key string) (any, bool) { v, ok := facts[key]; return v, ok }
	yes, no := compare(rag.OpEq, "team", "hr"), compare(rag.OpEq, "team", "it")
	for _, test := range []struct {
		name   string
		filter rag.Filter
		want   bool
	}{
		{"eq", yes, true},
		{"eq with another value", no, false},
		{"eq is exact in case", compare(rag.OpEq, "team", "HR"), false},
		{"eq without the key", compare(rag.OpEq, "town", "hr"), false},
		{"eq of a number with a string", compare(rag.OpEq, "year", "2024"), false},
		{"eq of a string with a number", compare(rag.OpEq, "code", 5.0), false},
		{"eq of a boolean with a string", compare(rag.OpEq, "draft", "true"), false},
		{"eq of a boolean", compare(rag.OpEq, "draft", true), true},
		{"ne", compare(rag.OpNe, "team", "it"), true},
		{"ne with the same value", compare(rag.OpNe, "team", "hr"), false},
		{"ne without the key", compare(rag.OpNe, "town", "hr"), true},
		{"ne of another type", compare(rag.OpNe, "year", "2024"), true},
		{"in", compare(rag.OpIn, "year", 2023.0, 2024.0), true},
		{"in with other values", compare(rag.OpIn, "year", "2024", 2025.0), false},
		{"in nothing", compare(rag.OpIn, "year"), false},
		{"nin", compare(rag.OpNin, "year", 2023.0), true},
		{"nin with the value", compare(rag.OpNin, "year", 2023.0, 2024.0), false},
		{"nin without the key", compare(rag.OpNin, "town", "Bern"), true},
		{"nin nothing", compare(rag.OpNin, "year"), true},
		{"gt", compare(rag.OpGt, "year", 2023.0), true},
		{"gt at the bound", compare(rag.OpGt, "year", 2024.0), false},
		{"gte at the bound", compare(rag.OpGte, "year", 2024.0), true},
		{"lt at the bound", compare(rag.OpLt, "year", 2024.0), false},
		{"lte at the bound", compare(rag.OpLte, "year", 2024.0), true},
		{"lt below", compare(rag.OpLt, "year", 2024.5), true},
		{"gt of a string", compare(rag.OpGt, "team", 0.0), false},
		{"gt of a boolean", compare(rag.OpGt, "draft", 0.0), false},
		{"gt without the key", compare(rag.OpGt, "town", 0.0), false},
		{"and", join(rag.OpAnd, yes, yes), true},
		{"and of which one does not hold", join(rag.OpAnd, yes, no), false},
		{"and of nothing", join(rag.OpAnd), true},
		{"or", join(rag.OpOr, no, yes), true},
		{"or of which none holds", join(rag.OpOr, no, no), false},
		{"or of nothing", join(rag.OpOr), false},
		{"nested", join(rag.OpAnd, yes, join(rag.OpOr, no, join(rag.OpAnd, compare(rag.OpGte, "year", 2020.0), yes))), true},
		{"an unknown operation", compare("like", "team", "hr"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, test.filter.Match(get))
		})
	}
}

func TestOnlyNeedsAGroupAndTheFilter(t *testing.T) {
	t.Parallel()
	none := func(string) (any, bool) { return nil, false }
	never := compare(rag.OpEq, "team", "hr")
	for _, test := range []struct {
		name  string
		only  *rag.Only
		allow []string
		want  bool
	}{
		{"no narrowing", nil, nil, true},
		{"no groups asked for", &rag.Only{}, nil, true},
		{"a common group", &rag.Only{Groups: []string{"hr", "it"}}, []string{"it"}, true},
		{"no common group", &rag.Only{Groups: []string{"hr"}}, []string{"HR", "it"}, false},
		{"a document without groups is nobody's", &rag.Only{Groups: []string{"hr"}}, nil, false},
		{"a reader without groups reads nothing", &rag.Only{Groups: []string{}}, []string{"hr"}, false},
		{"a common group, but the filter", &rag.Only{Groups: []string{"hr"}, Filter: &never}, []string{"hr"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, test.only.Match(none, test.allow))
		})
	}
}

func TestOnlyKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	number, text := compare(rag.OpEq, "a", 5.0), compare(rag.OpEq, "a", "5")
	for _, o := range []*rag.Only{nil, {}, {Groups: []string{}}, {Groups: []string{"hr"}}, {Filter: &number}, {Filter: &text}, {Filter: &text, Groups: []string{"hr"}}} {
		require.False(t, seen[o.Key()], "%s is there twice", o.Key())
		seen[o.Key()] = true
	}
}

func TestFilterKeys(t *testing.T) {
	t.Parallel()
	f := join(rag.OpAnd, compare(rag.OpEq, "year", 1.0), join(rag.OpOr, compare(rag.OpNe, "team", "a"), compare(rag.OpEq, "year", 2.0)))
	require.Equal(t, []string{"team", "year"}, f.Keys())
}

func TestFacts(t *testing.T) {
	t.Parallel()
	made := time.Unix(1_700_000_000, 5)
	d := rag.Document{Path: "guides/Leave.MD", CreatedAt: made, Labels: rag.Labels{Attributes: rag.Attributes{"team": "hr"}}}
	require.Equal(t, rag.Attributes{
		"team": "hr", "groundwork.path": "guides/Leave.MD", "groundwork.filename": "Leave.MD",
		"groundwork.media_type": "text/markdown", "groundwork.created_at": 1_700_000_000.0,
	}, d.Facts())
	for declared, want := range map[string]string{"text/HTML; charset=utf-8": "text/html", "application/octet-stream": "text/markdown", "no type": "text/markdown"} {
		d.MediaType = declared
		require.Equal(t, want, d.Facts()[rag.FactMediaType], declared)
	}
	d.Path, d.MediaType = "data.bin", ""
	require.Equal(t, "application/octet-stream", d.Facts()[rag.FactMediaType])
}
