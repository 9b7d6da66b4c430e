package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func storeSuite(t *testing.T, open OpenLibrary) {
	t.Run("is found by id and by name", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		made, err := f.CreateStore(t.Context(), tenant, " Support FAQ ", map[string]string{"team": "support"})
		require.NoError(t, err)
		require.Regexp(t, `^vs_[0-9A-Za-z]{24}$`, made.ID)
		require.Equal(t, "Support FAQ", made.Name)
		for _, key := range []string{made.ID, "Support FAQ"} {
			got, err := f.Store(t.Context(), tenant, key)
			require.NoError(t, err)
			require.Equal(t, made, got)
			_, err = f.Store(t.Context(), "other", key)
			requireCode(t, rag.CodeNotFound, err)
		}
	})
	t.Run("has a name of its own in the tenant", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		f.scope(t, "handbook")
		_, err := f.CreateStore(t.Context(), tenant, "handbook", nil)
		requireCode(t, rag.CodeConflict, err)
		_, err = f.CreateStore(t.Context(), "other", "handbook", nil)
		require.NoError(t, err)
		unnamed, err := f.CreateStore(t.Context(), tenant, "", nil)
		require.NoError(t, err)
		require.Equal(t, unnamed.ID, unnamed.Name)
		for _, bad := range []string{"vs_mine", "a\nb", "\xff", string(make([]byte, 300))} {
			_, err := f.CreateStore(t.Context(), tenant, bad, nil)
			requireCode(t, rag.CodeInvalid, err)
		}
	})
	t.Run("is made once when many want it", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				st, err := f.EnsureStore(t.Context(), tenant, "handbook")
				if err != nil {
					t.Error(err)
				}
				ids[i] = st.ID
			})
		}
		wg.Wait()
		require.Len(t, slices.Compact(ids), 1)
		_, err := f.EnsureStore(t.Context(), tenant, "vs_absent")
		requireCode(t, rag.CodeNotFound, err)
	})
	t.Run("can be renamed and described", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		f.scope(t, "taken")
		st, err := f.CreateStore(t.Context(), tenant, "old", map[string]string{"a": "1"})
		require.NoError(t, err)
		name := "new"
		got, err := f.UpdateStore(t.Context(), tenant, st.ID, &name, nil)
		require.NoError(t, err)
		require.Equal(t, "new", got.Name)
		require.Equal(t, map[string]string{"a": "1"}, got.Metadata)
		got, err = f.UpdateStore(t.Context(), tenant, st.ID, &name, map[string]string{})
		require.NoError(t, err)
		require.Empty(t, got.Metadata)
		name = "taken"
		_, err = f.UpdateStore(t.Context(), tenant, st.ID, &name, nil)
		requireCode(t, rag.CodeConflict, err)
		_, err = f.UpdateStore(t.Context(), "other", st.ID, nil, nil)
		requireCode(t, rag.CodeNotFound, err)
	})
	t.Run("counts its documents", func(t *testing.T) {
		t.Parallel()
		f := open(t, Limits{})
		scope := f.scope(t, "handbook")
		f.upload(t, f.scope(t, "other"), "x.md", "xxx")
		f.upload(t, scope, "a.md", "a")
		f.upload(t, scope, "b.md", "bb")
		f.ready(t, f.upload(t, scope, "c.md", "cccc"), "c")
		got, err := f.Store(t.Context(), tenant, scope.Store)
		require.NoError(t, err)
		require.Equal(t, map[rag.State]int{rag.StateQueued: 2, rag.StateReady: 1}, got.Counts)
		require.EqualValues(t, 7, got.Bytes)
		all, _, err := f.Stores(t.Context(), tenant, rag.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Contains(t, all, got)

		failing := f.upload(t, scope, "b.md", "bbbbb")
		require.NoError(t, f.Fail(t.Context(), refOf(failing), rag.CodeNoText, "x"))
		docs, _, err := f.Documents(t.Context(), scope, rag.Page{Limit: 10, State: rag.StateReady})
		require.NoError(t, err)
		_, err = f.Remove(t.Context(), scope, docs[0].ID)
		require.NoError(t, err)
		got, err = f.Store(t.Context(), tenant, scope.Store)
		require.NoError(t, err)
		require.Equal(t, map[rag.State]int{rag.StateQueued: 1, rag.StateFailed: 1}, got.Counts)
		require.EqualValues(t, 6, got.Bytes)
	})
}

func listSuite(t *testing.T, open OpenLibrary) {
	f := open(t, Limits{})
	scope := f.scope(t, "handbook")
	var oldest []string
	for i := range 7 {
		if i != 3 { // two have the same time
			f.Advance(time.Second)
		}
		doc := f.upload(t, scope, fmt.Sprintf("%d.md", i), fmt.Sprint(i))
		oldest = append(oldest, doc.ID)
		if i%2 == 0 {
			require.NoError(t, f.Fail(t.Context(), refOf(doc), rag.CodeNoText, "x"))
		}
	}
	slices.Sort(oldest[2:4])
	newest := slices.Clone(oldest)
	slices.Reverse(newest)

	documents := func(p rag.Page) (ids []string, more bool) {
		docs, more, err := f.Documents(t.Context(), scope, p)
		require.NoError(t, err)
		for _, d := range docs {
			ids = append(ids, d.ID)
		}
		return ids, more
	}
	for _, order := range []struct {
		ascending bool
		want      []string
	}{{true, oldest}, {false, newest}} {
		var got []string
		for more := true; more; {
			var ids []string
			ids, more = documents(rag.Page{Limit: 3, After: last(got), Ascending: order.ascending})
			require.LessOrEqual(t, len(ids), 3)
			got = append(got, ids...)
		}
		require.Equal(t, order.want, got)
	}
	all, more := documents(rag.Page{Limit: 7})
	require.Len(t, all, 7)
	require.False(t, more)
	failed, _ := documents(rag.Page{Limit: 100, State: rag.StateFailed})
	require.Len(t, failed, 4)

	files, more, err := f.Files(t.Context(), tenant, rag.Page{Limit: 2, After: newest[1]})
	require.NoError(t, err)
	require.True(t, more)
	require.Equal(t, newest[2:4], []string{files[0].ID, files[1].ID})
	_, _, err = f.Documents(t.Context(), scope, rag.Page{Limit: 3, After: "file-absent"})
	requireCode(t, rag.CodeInvalid, err)
	_, _, err = f.Documents(t.Context(), rag.Scope{Tenant: "other", Store: scope.Store}, rag.Page{Limit: 3})
	requireCode(t, rag.CodeNotFound, err)
	none, _, err := f.Files(t.Context(), "other", rag.Page{Limit: 3})
	require.NoError(t, err)
	require.Empty(t, none)
}
