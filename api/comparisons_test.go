package api_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/rag"
)

// shelf keeps one finished comparison and one that broke off.
type shelf struct{ broken bool }

func (s shelf) Comparisons() ([]json.RawMessage, error) {
	if s.broken {
		return nil, errors.New("the disk is gone")
	}
	return []json.RawMessage{json.RawMessage(`{"id":"c2","setup":{},"started":"2026-11-27T12:00:00Z"}`), json.RawMessage(`{"id":"c1","setup":{"store":"handbook"},"started":"2026-11-26T12:00:00Z","finished":"2026-11-26T13:00:00Z"}`)}, nil
}

func (shelf) Comparison(id string, html bool) ([]byte, error) {
	switch {
	case id != "c1":
		return nil, rag.Fail(rag.CodeNotFound, "There is no such comparison.")
	case html:
		return []byte("<!doctype html><style>p{}</style>"), nil
	}
	return []byte(`{"comparison":{},"cells":[],"differences":[],"verdicts":[]}`), nil
}

func TestComparisons(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps, _ *api.Options) { d.Comparisons = shelf{} })
	list := b.do(t, "GET", "/v1/comparisons", keyAdmin, "")
	require.Equal(t, 200, list.status, list.body)
	require.Contains(t, list.body, `"data":[{"id":"c2"`)
	require.Equal(t, 200, b.do(t, "GET", "/v1/comparisons/c1", keyAdmin, "").status)
	page := b.do(t, "GET", "/v1/comparisons/c1/html", keyAdmin, "")
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'unsafe-inline'")
	require.Contains(t, page.header.Get("Content-Security-Policy"), "sandbox")

	for _, path := range []string{"/v1/comparisons", "/v1/comparisons/c1", "/v1/comparisons/c1/html"} {
		for key, status := range map[string]int{keyAsk: 403, keyWrite: 403, keyLimited: 403, keyNothing: 403, keyOther: 404, "": 401} {
			require.Equal(t, status, b.do(t, "GET", path, key, "").status, "%s %s", path, key)
		}
	}
	require.Equal(t, 404, b.do(t, "GET", "/v1/comparisons/c2", keyAdmin, "").status)
	require.Equal(t, 404, setup(t).do(t, "GET", "/v1/comparisons", keyAdmin, "").status)
	broken := setup(t, func(d *api.Deps, _ *api.Options) { d.Comparisons = shelf{broken: true} })
	res := broken.do(t, "GET", "/v1/comparisons", keyAdmin, "")
	require.Equal(t, 500, res.status)
	require.NotContains(t, res.body, "disk")
}
