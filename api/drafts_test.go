package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/api/openai"
	"groundwork/rag"
)

// desk has one set with one draft.
type desk struct{ edits []openai.DraftEdit }

const oneDraft = `{"id":"lookup-1","question":"Why?","answer":"So.","gold":[{"path":"a.md","quote":"So."}],"type":"lookup","must_contain":["so"],"status":"draft","unanswerable":false,"provenance":{}}`

func (*desk) DraftSets() ([]api.DraftSet, error) {
	return []api.DraftSet{{ID: "handbook", Object: "groundwork.drafts", Counts: map[string]int{"draft": 1, "accepted": 0, "dropped": 0}}}, nil
}

func (*desk) Drafts(set string) ([]json.RawMessage, error) {
	if set != "handbook" {
		return nil, rag.Fail(rag.CodeNotFound, "There is no such draft.")
	}
	return []json.RawMessage{json.RawMessage(oneDraft)}, nil
}

func (d *desk) EditDraft(set, id string, e openai.DraftEdit) (json.RawMessage, error) {
	if set != "handbook" || id != "lookup-1" {
		return nil, rag.Fail(rag.CodeNotFound, "There is no such draft.")
	}
	d.edits = append(d.edits, e)
	return json.RawMessage(oneDraft), nil
}

func TestDrafts(t *testing.T) {
	t.Parallel()
	d := &desk{}
	b := setup(t, func(deps *api.Deps, _ *api.Options) { deps.Drafts = d })
	require.Contains(t, b.do(t, "GET", "/v1/drafts", keyAdmin, "").body, `"id":"handbook"`)
	require.Contains(t, b.do(t, "GET", "/v1/drafts/handbook", keyAdmin, "").body, `"id":"lookup-1"`)
	require.Equal(t, 404, b.do(t, "GET", "/v1/drafts/other", keyAdmin, "").status)
	res := b.do(t, "POST", "/v1/drafts/handbook/lookup-1", keyAdmin, `{"status":"accepted","must_contain":["a"],"answer":null}`)
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, "accepted", *d.edits[0].Status)
	require.Equal(t, []string{"a"}, *d.edits[0].MustContain)
	require.Nil(t, d.edits[0].Answer)
	require.Nil(t, d.edits[0].Question)
	require.Equal(t, 404, b.do(t, "POST", "/v1/drafts/handbook/lookup-2", keyAdmin, `{}`).status)
	for body, param := range map[string]string{`{"status":"fine"}`: "status", `{"question":1}`: "question", `{"must_contain":"x"}`: "must_contain", `{"gold":[]}`: "gold"} {
		res := b.do(t, "POST", "/v1/drafts/handbook/lookup-1", keyAdmin, body)
		require.Equal(t, 400, res.status, body)
		require.Equal(t, param, res.problem(t)["param"])
	}
	require.Len(t, d.edits, 1)
	for key, status := range map[string]int{keyAsk: 403, keyWrite: 403, keyLimited: 403, keyNothing: 403, keyOther: 404, "": 401} {
		require.Equal(t, status, b.do(t, "GET", "/v1/drafts", key, "").status, key)
		require.Equal(t, status, b.do(t, "POST", "/v1/drafts/handbook/lookup-1", key, `{}`).status, key)
	}
	require.Equal(t, 404, setup(t).do(t, "GET", "/v1/drafts", keyAdmin, "").status)
}
