package api_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"groundwork/docs"
)

// described is the description, loaded and validated once.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	data, err := docs.OpenAPI()
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(data)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(loader.Context)
})

func TestDescriptionMatchesRoutes(t *testing.T) {
	t.Parallel()
	doc, err := described()
	require.NoError(t, err)
	want := map[string][]string{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			want[path] = append(want[path], method)
		}
		slices.Sort(want[path])
	}
	got := map[string][]string{}
	param := regexp.MustCompile(`[:*](\w+)`)
	for path, methods := range setup(t).api.Routes() {
		path = param.ReplaceAllString(path, "{$1}")
		slices.Sort(methods)
		got[path] = methods
	}
	require.Equal(t, want, got, "docs/openapi.yaml and routes.go")
}

func TestDescriptionIsServed(t *testing.T) {
	t.Parallel()
	res := setup(t).do(t, "GET", "/openapi.json", "", "")
	require.Equal(t, http.StatusOK, res.status)
	require.Equal(t, "Groundwork", res.json(t)["info"].(map[string]any)["title"])
}

// conforms checks a JSON reply, or each event of a stream, against the description.
func conforms(t *testing.T, method, path string, res result) {
	t.Helper()
	doc, err := described()
	require.NoError(t, err)
	path, _, _ = strings.Cut(path, "?")
	media, _, _ := strings.Cut(res.header.Get("Content-Type"), ";")
	schema := doc.Components.Schemas["ErrorBody"].Value
	if op := operation(doc, method, path); op != nil && res.status < 400 || res.status == 503 && path == "/readyz" {
		reply := op.Responses.Status(res.status)
		require.NotNil(t, reply, "%s %s may not answer %d", method, path, res.status)
		described := reply.Value.Content.Get(media)
		require.False(t, described == nil && res.body != "", "%s %s may not answer with %s", method, path, media)
		if described == nil {
			return
		}
		schema = described.Schema.Value
	}
	switch media {
	case "application/json":
		visit(t, schema, res.body)
	case "text/event-stream":
		for event := range strings.SplitSeq(strings.TrimSpace(res.body), "\n\n") {
			name, data, _ := strings.Cut(event, "data: ")
			if name != "" {
				require.Contains(t, data, `{"type":"`+strings.TrimSpace(strings.TrimPrefix(name, "event: "))+`",`)
			}
			switch {
			case data == "[DONE]":
			case strings.HasPrefix(data, `{"error"`):
				visit(t, doc.Components.Schemas["ErrorBody"].Value, data)
			default:
				visit(t, schema, data)
			}
		}
	}
}

func visit(t *testing.T, schema *openapi3.Schema, body string) {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	require.NoError(t, schema.VisitJSON(v), body)
}

// operation finds the operation whose path template matches, the longest one first.
func operation(doc *openapi3.T, method, path string) *openapi3.Operation {
	var found *openapi3.Operation
	best := -1
	for template, item := range doc.Paths.Map() {
		pattern := regexp.MustCompile(`\{(model|path)\}`).ReplaceAllString(template, `.+`)
		pattern = "^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(pattern, `[^/]+`) + "$"
		if fixed := len(template); regexp.MustCompile(pattern).MatchString(path) && fixed > best {
			found, best = item.GetOperation(method), fixed
		}
	}
	return found
}
