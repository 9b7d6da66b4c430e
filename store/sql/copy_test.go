package sql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

func TestStatementsAreNumberedOutsideOfLiterals(t *testing.T) {
	t.Parallel()
	require.Equal(t, "SELECT '?', $1 WHERE a = $2 AND b = 'it''s ?' AND c = $3", sql.Number("SELECT '?', ? WHERE a = ? AND b = 'it''s ?' AND c = ?"))
}

// content is everything that a library holds.
type content struct {
	Stores    []rag.Store
	Files     []rag.File
	Documents []rag.Document
	Chunks    map[string][]ingest.Chunk
	Texts     map[string]string
	Keys      []rag.Key
}

func contentOf(t *testing.T, s *sql.Store) content {
	t.Helper()
	ctx := t.Context()
	c := content{Chunks: map[string][]ingest.Chunk{}, Texts: map[string]string{}}
	require.NoError(t, s.EachStore(ctx, func(st rag.Store) error {
		full, err := s.Store(ctx, st.Tenant, st.ID)
		c.Stores = append(c.Stores, full)
		return err
	}))
	require.NoError(t, s.EachFile(ctx, func(f rag.File) error {
		c.Files = append(c.Files, f)
		return nil
	}))
	require.NoError(t, s.EachDocument(ctx, func(d rag.Document) error {
		c.Documents = append(c.Documents, d)
		for _, version := range []int{d.LiveVersion, d.Version} {
			ref := ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: version}
			key := fmt.Sprint(d.StoreID, d.ID, version)
			c.Chunks[key] = nil
			if err := s.EachChunk(ctx, ref, func(chunk ingest.Chunk) error {
				c.Chunks[key] = append(c.Chunks[key], chunk)
				return nil
			}); err != nil {
				return err
			}
			text, sound, err := s.Body(ctx, ref)
			if rag.CodeOf(err) != rag.CodeNotFound {
				require.NoError(t, err)
			}
			require.True(t, sound || err != nil)
			c.Texts[key] = text
		}
		return nil
	}))
	for _, tenant := range []string{"acme", "other"} {
		keys, err := s.Keys(ctx, tenant)
		require.NoError(t, err)
		c.Keys = append(c.Keys, keys...)
	}
	return c
}

// fill makes documents in every state, for two tenants.
func fill(t *testing.T, s *sql.Store) (token string, pending ingest.Removal) {
	t.Helper()
	ctx := t.Context()
	for _, tenant := range []string{"acme", "other"} {
		st, err := s.CreateStore(ctx, tenant, "Handbuch für alle", map[string]string{"team": "é"})
		require.NoError(t, err)
		b := &bench{Store: s, scope: rag.Scope{Tenant: tenant, Store: st.ID}}
		require.NoError(t, b.Delayed(ctx, b.accept(t, "queued.md"), true, "The model server is away."))
		for i := range 620 {
			ref := b.accept(t, fmt.Sprint(i, ".md"))
			if i >= 5 {
				continue
			}
			b.save(t, ref, 3)
			for seq := range 3 {
				require.NoError(t, b.Embedded(ctx, ref, seq, seq+1))
			}
			_, err := b.Ready(ctx, ref)
			require.NoError(t, err)
		}
		long := b.accept(t, "long.md")
		b.save(t, long, 1203)
		failed := b.accept(t, "failed.md")
		require.NoError(t, b.Fail(ctx, failed, rag.CodeNoText, "run OCR on it"))
		gone := b.accept(t, "gone.md")
		pending, err = b.Remove(ctx, b.scope, gone.DocumentID)
		require.NoError(t, err)
		_, token, err = s.CreateKey(ctx, rag.Key{Tenant: tenant, Verbs: []string{"ask"}, Stores: []string{st.ID}})
		require.NoError(t, err)
	}
	return token, pending
}

// anew is how documents are in a copy that begin anew there.
func (c content) anew() content {
	for i, d := range c.Documents {
		if !d.State.Done() {
			c.Documents[i].State, c.Documents[i].Chunks, c.Documents[i].ChunksDone = rag.StateQueued, 0, 0
			c.Documents[i].Attempts, c.Documents[i].WaitsFor = 0, ""
			c.Chunks[fmt.Sprint(d.StoreID, d.ID, d.Version)] = nil
		}
	}
	for i, st := range c.Stores {
		waiting := st.Counts[rag.StateQueued] + st.Counts[rag.StateEmbedding]
		c.Stores[i].Counts = map[rag.State]int{rag.StateQueued: waiting, rag.StateReady: st.Counts[rag.StateReady], rag.StateFailed: st.Counts[rag.StateFailed]}
	}
	return c
}

func TestALibraryIsCopiedThereAndBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	first := open(t, sql.Options{Now: c.Now})
	url := pgtest.URL(t)
	second := open(t, sql.Options{URL: url, Timeout: 20 * time.Second})
	third := open(t, sql.Options{})
	token, pending := fill(t, first)
	want := contentOf(t, first).anew()
	scope := rag.Scope{Tenant: want.Stores[0].Tenant, Store: want.Stores[0].ID}
	batch, err := first.CreateBatch(t.Context(), scope, []string{"file-1", "file-2"})
	require.NoError(t, err)

	copied := map[string]int{}
	require.NoError(t, sql.Copy(t.Context(), first, second, func(table string, rows int) { copied[table] = rows }))
	require.Equal(t, 2, copied["stores"])
	require.Equal(t, len(want.Documents), copied["documents"])
	got := contentOf(t, second)
	require.Equal(t, want, got)
	_, err = second.Authenticate(t.Context(), token)
	require.NoError(t, err, "keys go on working")
	again, err := second.Batch(t.Context(), scope, batch.ID)
	require.NoError(t, err)
	require.Equal(t, batch, again)
	_, err = second.Pending(t.Context(), pending.Tenant, pending.ID)
	require.NoError(t, err)
	kinds, err := second.JobKinds(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2*617, strings.Count(strings.Join(kinds, " "), "parse"), "what was on its way begins anew")
	require.Equal(t, 2, strings.Count(strings.Join(kinds, " "), "sweep"))

	require.NoError(t, sql.Copy(t.Context(), second, third, nil))
	require.Equal(t, want, contentOf(t, third))

	require.Equal(t, rag.CodeConflict, rag.CodeOf(sql.Copy(t.Context(), first, second, nil)), "the target is not empty")
	require.Equal(t, want, contentOf(t, second), "and stays as it was")
}
