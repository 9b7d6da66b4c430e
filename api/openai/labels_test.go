package openai_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api/openai"
)

func TestToFilter(t *testing.T) {
	t.Parallel()
	f, bad := openai.ToFilter(json.RawMessage(`{"type":"and","filters":[
		{"type":"eq","key":"team","value":"hr"},
		{"type":"or","filters":[{"type":"gte","key":"year","value":2025},{"type":"nin","key":"draft","value":[true,"x",1.5]}]}]}`), "filters")
	require.Nil(t, bad)
	require.Equal(t, &openai.Filter{Type: "and", Filters: []openai.Filter{
		{Type: "eq", Key: "team", Values: []any{"hr"}},
		{Type: "or", Filters: []openai.Filter{{Type: "gte", Key: "year", Values: []any{2025.0}}, {Type: "nin", Key: "draft", Values: []any{true, "x", 1.5}}}},
	}}, f)
	for _, none := range []string{"", "null"} {
		f, bad := openai.ToFilter(json.RawMessage(none), "filters")
		require.Nil(t, bad)
		require.Nil(t, f)
	}
	nested := func(levels int) string {
		return strings.Repeat(`{"type":"and","filters":[`, levels-1) + `{"type":"eq","key":"a","value":1}` + strings.Repeat(`]}`, levels-1)
	}
	many := func(n int) string {
		return `{"type":"or","filters":[` + strings.TrimSuffix(strings.Repeat(`{"type":"eq","key":"a","value":1},`, n), ",") + `]}`
	}
	listed := func(n int) string {
		return `{"type":"in","key":"a","value":[` + strings.TrimSuffix(strings.Repeat(`1,`, n), ",") + `]}`
	}
	for _, good := range []string{nested(8), many(64), listed(256), `{"type":"eq","key":"a","value":false}`, `{"type":"ne","key":"a","value":""}`} {
		_, bad := openai.ToFilter(json.RawMessage(good), "filters")
		require.Nil(t, bad, good)
	}
	for body, param := range map[string]string{
		`[]`: "filters", `"a"`: "filters", `{}`: "filters.type", `{"type":"like","key":"a","value":"b"}`: "filters.type", `{"type":7}`: "filters.type",
		`{"type":"eq","value":1}`: "filters.key", `{"type":"eq","key":"","value":1}`: "filters.key", `{"type":"eq","key":5,"value":1}`: "filters.key",
		`{"type":"eq","key":"a"}`: "filters.value", `{"type":"eq","key":"a","value":null}`: "filters.value", `{"type":"eq","key":"a","value":[1]}`: "filters.value",
		`{"type":"eq","key":"a","value":{}}`: "filters.value", `{"type":"gt","key":"a","value":"5"}`: "filters.value", `{"type":"lte","key":"a","value":true}`: "filters.value",
		`{"type":"eq","key":"a","value":1e999}`: "filters.value", `{"type":"in","key":"a","value":1}`: "filters.value", `{"type":"in","key":"a","value":[]}`: "filters.value",
		`{"type":"in","key":"a","value":[[1]]}`: "filters.value", listed(257): "filters.value", `{"type":"eq","key":"a","value":1,"x":1}`: "filters.x",
		`{"type":"and"}`: "filters.filters", `{"type":"or","filters":[]}`: "filters.filters", `{"type":"and","filters":{}}`: "filters.filters",
		`{"type":"and","filters":[{"type":"eq","key":"a","value":1},{"type":"eq","key":"b"}]}`: "filters.filters[1].value",
		`{"type":"and","filters":[1]}`: "filters.filters[0]", `{"type":"and","key":"a","filters":[{"type":"eq","key":"a","value":1}]}`: "filters.key",
	} {
		_, bad := openai.ToFilter(json.RawMessage(body), "filters")
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
	_, bad = openai.ToFilter(json.RawMessage(nested(9)), "filters")
	require.Contains(t, bad.Message, "filters nests deeper than 8 levels")
	_, bad = openai.ToFilter(json.RawMessage(many(65)), "filters")
	require.Contains(t, bad.Message, "filters holds more than 64 comparisons or 512 values")
	lists := func(n int) string {
		return `{"type":"or","filters":[` + strings.TrimSuffix(strings.Repeat(listed(256)+",", n), ",") + `]}`
	}
	_, bad = openai.ToFilter(json.RawMessage(lists(2)), "filters")
	require.Nil(t, bad)
	_, bad = openai.ToFilter(json.RawMessage(lists(3)), "filters")
	require.Contains(t, bad.Message, "or 512 values")
}

func TestToQuestionReadsTheExtension(t *testing.T) {
	t.Parallel()
	const head = `{"model":"m@s","messages":[{"role":"user","content":"a"}],`
	q, bad := openai.ToQuestion(fields(t, head+`"groundwork":{"filters":{"type":"eq","key":"team","value":"hr"}}}`), limits)
	require.Nil(t, bad)
	require.Equal(t, &openai.Filter{Type: "eq", Key: "team", Values: []any{"hr"}}, q.Extension.Filter)
	q, bad = openai.ToQuestion(fields(t, head+`"groundwork":{}}`), limits)
	require.Nil(t, bad)
	require.Nil(t, q.Extension.Filter)
	require.False(t, q.Extension.Isolated)
	q, bad = openai.ToQuestion(fields(t, head+`"groundwork":{"isolated":true}}`), limits)
	require.Nil(t, bad)
	require.True(t, q.Extension.Isolated)
	for member, param := range map[string]string{
		`"groundwork":[]`: "groundwork", `"groundwork":{"filter":{}}`: "groundwork.filter", `"groundwork":{"filters":{"type":"eq","key":"a"}}`: "groundwork.filters.value",
	} {
		_, bad := openai.ToQuestion(fields(t, head+member+`}`), limits)
		require.NotNil(t, bad, member)
		require.Equal(t, param, bad.Param)
	}
	require.Equal(t, "groundwork", openai.CheckForward(fields(t, head+`"groundwork":{}}`), limits).Param, "a model by itself knows no documents")
}

func TestToAttributes(t *testing.T) {
	t.Parallel()
	of := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	a, bad := openai.ToAttributes(json.RawMessage(`{"team":"hr","year":2026,"draft":false,"`+strings.Repeat("ü", 64)+`":"`+strings.Repeat("ü", 512)+`"}`), "attributes")
	require.Nil(t, bad)
	require.Equal(t, map[string]any{"team": "hr", "year": 2026.0, "draft": false, strings.Repeat("ü", 64): strings.Repeat("ü", 512)}, a)
	a, bad = openai.ToAttributes(json.RawMessage(`{}`), "attributes")
	require.Nil(t, bad)
	require.NotNil(t, a, "given, and empty")
	a, bad = openai.ToAttributes(nil, "attributes")
	require.Nil(t, bad)
	require.Nil(t, a)
	_, bad = openai.ToAttributes(json.RawMessage(of(16)), "attributes")
	require.Nil(t, bad)
	for _, body := range []string{
		of(17), `[]`, `"a"`, `{"":1}`, `{"a\u0000":1}`, `{"` + strings.Repeat("x", 65) + `":1}`, `{"groundwork.path":"a"}`,
		`{"a":null}`, `{"a":[1]}`, `{"a":{}}`, `{"a":1e999}`, `{"a":"` + strings.Repeat("x", 513) + `"}`,
	} {
		_, bad := openai.ToAttributes(json.RawMessage(body), "attributes")
		require.NotNil(t, bad, body)
		require.True(t, strings.HasPrefix(bad.Param, "attributes"), bad.Param)
	}
}

func TestToLabels(t *testing.T) {
	t.Parallel()
	l, bad := openai.ToLabels(fields(t, `{"groundwork":{"allow":[]}}`))
	require.Nil(t, bad)
	require.Equal(t, openai.Labels{Allow: []string{}}, l)
	for body, param := range map[string]string{
		`{}`: "attributes", `{"attributes":null}`: "attributes", `{"groundwork":{}}`: "attributes", `{"attributes":{},"x":1}`: "x",
		`{"groundwork":{"allow":"hr"}}`: "groundwork.allow", `{"groundwork":{"allow":[""]}}`: "groundwork.allow", `{"groundwork":{"allow":[" hr"]}}`: "groundwork.allow",
		`{"groundwork":{"allow":["a\nb"]}}`: "groundwork.allow", `{"groundwork":{"allow":["` + strings.Repeat("x", 65) + `"]}}`: "groundwork.allow",
	} {
		_, bad := openai.ToLabels(fields(t, body))
		require.NotNil(t, bad, body)
		require.Equal(t, param, bad.Param, body)
	}
	l, bad = openai.ToLabel("allow", `["hr","it"]`)
	require.Nil(t, bad)
	require.Equal(t, openai.Labels{Allow: []string{"hr", "it"}}, l)
	l, bad = openai.ToLabel("attributes", `{"team":"hr"}`)
	require.Nil(t, bad)
	require.Equal(t, openai.Labels{Attributes: map[string]any{"team": "hr"}}, l)
	for _, value := range []string{"", "null", "hr", `{"a":1,"a":2}`, `{"a":[1]}`, `[1]`} {
		for _, field := range []string{"allow", "attributes"} {
			_, bad := openai.ToLabel(field, value)
			require.NotNil(t, bad, "%s=%s", field, value)
			require.True(t, strings.HasPrefix(bad.Param, field), bad.Param)
		}
	}
}
