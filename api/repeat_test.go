package api_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/api"
	"groundwork/rag"
)

func (b *bundle) postAs(t *testing.T, name, path, key string, fields ...field) result {
	t.Helper()
	body, contentType := form(t, fields...)
	return b.do(t, "POST", path, key, body, "Content-Type", contentType, "Idempotency-Key", name)
}

func TestARequestThatComesAgainGetsTheSameReply(t *testing.T) {
	t.Parallel()
	var temp string
	b := setup(t, func(_ *api.Deps, o *api.Options) { temp = o.TempDir })
	upload := []field{{name: "purpose", value: "assistants"}, {"file", "28 days", "leave.md"}}
	first := b.postAs(t, "k1", "/v1/files", keyWrite, upload...)
	require.Equal(t, 200, first.status, first.body)
	require.Empty(t, first.header.Get("Idempotent-Replayed"))
	again := b.postAs(t, "k1", "/v1/files", keyWrite, upload...) // with another boundary
	require.Equal(t, first.body, again.body)
	require.Equal(t, first.status, again.status)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.NotEqual(t, first.body, b.postAs(t, "k2", "/v1/files", keyWrite, upload...).body, "another key is another request")
	require.NotEqual(t, first.body, b.post(t, "/v1/files", keyWrite, upload...).body)
	require.NotEqual(t, first.body, b.postAs(t, "k1", "/v1/files", keyAdmin, upload...).body, "another caller has keys of its own")

	for _, other := range [][]field{
		{{name: "purpose", value: "assistants"}, {"file", "29 days", "leave.md"}},
		{{name: "purpose", value: "assistants"}, {"file", "28 days", "rest.md"}},
		{{name: "purpose", value: "user_data"}, {"file", "28 days", "leave.md"}},
	} {
		res := b.postAs(t, "k1", "/v1/files", keyWrite, other...)
		require.Equal(t, 422, res.status, res.body)
		require.Equal(t, "idempotency_key_reused", res.problem(t)["code"])
	}
	require.Equal(t, 422, b.postAs(t, "k1", docsPath+"?store=handbook", keyWrite, upload[1]).status, "another address too")
	for _, name := range []string{"two words", strings.Repeat("x", 256), "ümlaut"} {
		require.Equal(t, 400, b.postAs(t, name, "/v1/files", keyWrite, upload...).status, name)
	}
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left, "nothing stays on disk")
}

func TestWhatWasRefusedMayComeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.library.refuse = &rag.Error{Code: rag.CodeBusy, Message: "The queue is full."}
	one := field{"file", "28 days", "leave.md"}
	res := b.postAs(t, "k", docsPath+"?store=handbook", keyWrite, one)
	require.Equal(t, 503, res.status, res.body)
	require.NotEmpty(t, res.header.Get("Retry-After"))
	b.library.refuse = nil
	res = b.postAs(t, "k", docsPath+"?store=handbook", keyWrite, one)
	require.Equal(t, 202, res.status, res.body)
	require.Empty(t, res.header.Get("Idempotent-Replayed"))
	require.Equal(t, "file-1", uploads(t, res)[0]["id"])

	made := b.do(t, "POST", "/v1/vector_stores", keyAdmin, `{"name":"once"}`, "Content-Type", "application/json", "Idempotency-Key", "s")
	require.Equal(t, 200, made.status, made.body)
	require.Equal(t, made.body, b.do(t, "POST", "/v1/vector_stores", keyAdmin, `{"name":"once"}`, "Content-Type", "application/json", "Idempotency-Key", "s").body)
	require.Equal(t, 409, b.do(t, "POST", "/v1/vector_stores", keyAdmin, `{"name":"once"}`, "Content-Type", "application/json", "Idempotency-Key", "t").status)
	require.Equal(t, 413, b.do(t, "POST", "/v1/vector_stores", keyAdmin, strings.Repeat("x", 300<<10), "Content-Type", "application/json", "Idempotency-Key", "u").status)
}

func TestWaitingForDocumentsHoldsUpNoRepetition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, path := field{"file", "28 days", "leave.md"}, docsPath+"?store=handbook&wait=ready&timeout=2m"
	state := rag.StateEmbedding
	b.library.waited = func(context.Context) rag.State {
		require.Zero(t, b.library.carriesOut.Load(), "it waits while nothing is held")
		return state
	}
	res := b.postAs(t, "k", path, keyWrite, one)
	require.Equal(t, 202, res.status, res.body)
	require.Equal(t, "embedding", uploads(t, res)[0]["status"])
	state = rag.StateReady
	res = b.postAs(t, "k", path, keyWrite, one)
	require.Equal(t, 200, res.status, "a repetition waits too")
	require.Equal(t, "true", res.header.Get("Idempotent-Replayed"))
	require.Equal(t, "ready", uploads(t, res)[0]["status"])
	require.Len(t, b.library.docs, 1)
	require.Equal(t, 202, b.postAs(t, "k2", docsPath+"?store=handbook", keyWrite, one).status, "who does not ask does not wait")
}
