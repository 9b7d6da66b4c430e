package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

const batchesPath = "/v1/vector_stores/vs_1/file_batches"

// files are the ids of new files that belong to no store.
func (b *bundle) files(t *testing.T, names ...string) []string {
	t.Helper()
	ids := make([]string, len(names))
	for i, name := range names {
		f, err := b.library.AddFile(t.Context(), "default", name, "assistants", strings.NewReader(name))
		require.NoError(t, err)
		ids[i] = f.ID
	}
	return ids
}

func TestFileBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.files(t, "a.md", "b.md", "c.md")
	res := b.do(t, "POST", batchesPath, keyWrite, fmt.Sprintf(`{"file_ids":[%q,%q]}`, ids[0], ids[1]))
	require.Equal(t, 200, res.status, res.body)
	v := res.json(t)
	id := v["id"].(string)
	require.Equal(t, map[string]any{"id": id, "object": "vector_store.files_batch", "created_at": 1700000000.0, "vector_store_id": "vs_1", "status": "in_progress",
		"file_counts": map[string]any{"in_progress": 2.0, "completed": 0.0, "failed": 0.0, "cancelled": 0.0, "total": 2.0}}, v)

	_, err := b.library.Wait(t.Context(), rag.Scope{Tenant: "default", Store: "vs_1"}, ids[:1], 0)
	require.NoError(t, err)
	list := b.do(t, "GET", batchesPath+"/"+id+"/files?filter=completed", keyAsk, "")
	require.Equal(t, 200, list.status, list.body)
	require.Contains(t, list.body, `"id":"`+ids[0]+`"`)
	require.NotContains(t, list.body, ids[1])
	require.Contains(t, b.do(t, "GET", "/v1/vector_stores/handbook/file_batches/"+id+"/files?limit=1&order=asc", keyAsk, "").body, `"has_more":true`)

	res = b.do(t, "POST", batchesPath+"/"+id+"/cancel", keyWrite, "")
	require.Equal(t, 200, res.status, res.body)
	require.Contains(t, res.body, `"status":"cancelled","file_counts":{"in_progress":0,"completed":1,"failed":0,"cancelled":1,"total":2}`)
	require.Equal(t, res.body, b.do(t, "GET", batchesPath+"/"+id, keyAsk, "").body)
	require.Equal(t, 200, b.do(t, "POST", batchesPath, keyWrite, fmt.Sprintf(`{"files":[{"file_id":%q}]}`, ids[2])).status)
}

func TestFileBatchRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.files(t, "a.md")
	for _, sc := range []scenario{
		{name: "no files", method: "POST", path: batchesPath, body: `{}`, status: 400, code: "invalid_request", has: []string{`"param":"file_ids"`}},
		{name: "unknown file", method: "POST", path: batchesPath, body: fmt.Sprintf(`{"file_ids":[%q,"file-9"]}`, ids[0]), status: 404, code: "not_found", has: []string{"file-9"}},
		{name: "another tenant's store", method: "POST", path: "/v1/vector_stores/vs_3/file_batches", body: fmt.Sprintf(`{"file_ids":[%q]}`, ids[0]), status: 404, code: "not_found"},
		{name: "not this key's file", key: keyLimited, method: "POST", path: batchesPath, body: fmt.Sprintf(`{"file_ids":[%q]}`, ids[0]), status: 404, code: "not_found"},
		{name: "unknown batch", method: "GET", path: batchesPath + "/vsfb_9", status: 404, code: "not_found", has: []string{"vsfb_9"}},
		{name: "unknown batch's files", method: "GET", path: batchesPath + "/vsfb_9/files", status: 404, code: "not_found", has: []string{"vsfb_9"}},
		{name: "unknown batch cancelled", method: "POST", path: batchesPath + "/vsfb_9/cancel", status: 404, code: "not_found", has: []string{"vsfb_9"}},
		{name: "not this key's store", key: keyLimited, method: "GET", path: "/v1/vector_stores/board/file_batches/vsfb_1", status: 404, code: "not_found", has: []string{"board"}},
	} {
		if sc.key == "" {
			sc.key = keyAdmin
		}
		sc.run(t, b)
	}
	require.Empty(t, b.library.docs, "nothing was attached")
}
