package sql_test

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// exported is everything that a reader of the same database exports, through JSON.
func exported(t *testing.T, opt sql.Options) (parts []sql.Part, needed []string) {
	t.Helper()
	r, err := sql.OpenReader(t.Context(), opt)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Export(t.Context(), func(sums []string) error { needed = sums; return nil }, func(p sql.Part) error {
		raw, err := json.Marshal(p)
		require.NoError(t, err)
		back, err := sql.DecodePart(raw)
		parts = append(parts, back)
		return err
	}))
	return parts, needed
}

func imported(t *testing.T, s *sql.Store, parts []sql.Part) error {
	t.Helper()
	return s.Import(t.Context(), func() (sql.Part, error) {
		if len(parts) == 0 {
			return sql.Part{}, io.EOF
		}
		p := parts[0]
		parts = parts[1:]
		return p, nil
	})
}

func TestALibraryIsExportedBesideItsServerAndImportedElsewhere(t *testing.T) {
	t.Parallel()
	path, url := filepath.Join(t.TempDir(), "library.db"), pgtest.URL(t)
	first := open(t, sql.Options{Path: path, Now: newClock().Now})
	token, pending := fill(t, first)
	want := contentOf(t, first).anew()
	scope := rag.Scope{Tenant: want.Stores[0].Tenant, Store: want.Stores[0].ID}
	kept := want.Documents[0].ID
	require.NoError(t, first.KeepAnswer(t.Context(), scope, "ans_1", `{"q":"é"}`, nil, 10, time.Hour))
	require.NotEmpty(t, kept)

	parts, needed := exported(t, sql.Options{Path: path})
	require.NotEmpty(t, needed)
	free, err := first.Unreferenced(t.Context(), needed)
	require.NoError(t, err)
	require.Empty(t, free)
	second := open(t, sql.Options{URL: url, Timeout: 20 * time.Second, Now: newClock().Now})
	require.NoError(t, second.Empty(t.Context()))
	require.NoError(t, imported(t, second, parts))
	require.Equal(t, rag.CodeConflict, rag.CodeOf(second.Empty(t.Context())))
	require.Equal(t, want, contentOf(t, second))
	_, err = second.Authenticate(t.Context(), token)
	require.NoError(t, err, "keys go on working")
	_, err = second.Pending(t.Context(), pending.Tenant, pending.ID)
	require.NoError(t, err)
	body, err := second.KeptAnswer(t.Context(), scope.Tenant, "ans_1", time.Hour)
	require.NoError(t, err)
	require.JSONEq(t, `{"q":"é"}`, body)

	again, _ := exported(t, sql.Options{URL: url, Timeout: 20 * time.Second})
	third := open(t, sql.Options{})
	require.NoError(t, imported(t, third, again))
	require.Equal(t, want, contentOf(t, third))

	fourth := open(t, sql.Options{})
	require.NoError(t, sql.CopyAll(t.Context(), second, fourth, nil))
	require.Equal(t, want, contentOf(t, fourth))
	_, err = fourth.KeptAnswer(t.Context(), scope.Tenant, "ans_1", 100*365*24*time.Hour)
	require.NoError(t, err)

	require.Equal(t, rag.CodeConflict, rag.CodeOf(imported(t, second, parts)), "it is not empty")
	require.Equal(t, want, contentOf(t, second), "and stays as it was")
}

func TestAnImportOfWhatIsNotKnownLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, sql.Options{})
	store := sql.Part{Table: "stores", Columns: []string{"id", "tenant", "name", "metadata", "created_at"}, Rows: [][]any{{"vs_1", "acme", "a", "{}", int64(1)}}}
	for _, bad := range []sql.Part{{Table: "sqlite_schema"}, {Table: "keys", Columns: []string{"id", "scent"}}} {
		err := imported(t, s, []sql.Part{store, bad})
		require.Equal(t, rag.CodeConflict, rag.CodeOf(err))
		require.ErrorContains(t, err, "or a newer one")
		require.NoError(t, s.Empty(t.Context()))
	}
	for _, raw := range []string{`{"table":"stores","columns":["id"],"rows":[[1.5]]}`, `{"table":"stores","columns":["id"],"rows":[[[1]]]}`, `{"table":"stores","columns":["id"],"rows":[["a","b"]]}`} {
		_, err := sql.DecodePart([]byte(raw))
		require.Error(t, err, raw)
	}
}

func TestAnExportEndsWhenItsOriginalsCannotBeHad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "library.db")
	fill(t, open(t, sql.Options{Path: path}))
	r, err := sql.OpenReader(t.Context(), sql.Options{Path: path})
	require.NoError(t, err)
	defer r.Close()
	gone := errors.New("gone")
	err = r.Export(t.Context(), func([]string) error { return gone }, func(sql.Part) error { t.Error("a part came"); return nil })
	require.ErrorIs(t, err, gone)
}

func TestAReaderRefusesWhatIsNotThereOrNotItsOwn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "library.db")
	_, err := sql.OpenReader(t.Context(), sql.Options{Path: path})
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
	require.NoFileExists(t, path)
	s := open(t, sql.Options{Path: path})
	require.NoError(t, s.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"))
	_, err = sql.OpenReader(t.Context(), sql.Options{Path: path})
	require.Equal(t, rag.CodeConflict, rag.CodeOf(err))
}

func TestAWithdrawnDocumentIsQueuedAnew(t *testing.T) {
	t.Parallel()
	s := open(t, sql.Options{})
	fill(t, s)
	seen := map[rag.State]bool{}
	require.NoError(t, s.EachDocument(t.Context(), func(d rag.Document) error {
		if d.LiveVersion == 0 || seen[d.State] {
			return nil
		}
		seen[d.State] = true
		scope := rag.Scope{Tenant: d.Tenant, Store: d.StoreID}
		orphans, err := s.Withdraw(t.Context(), scope, d.ID)
		require.NoError(t, err)
		require.Empty(t, orphans)
		after, err := s.Document(t.Context(), scope, d.ID)
		require.NoError(t, err)
		require.Equal(t, rag.StateQueued, after.State)
		require.Zero(t, after.LiveVersion)
		require.Greater(t, after.Version, d.Version)
		_, _, err = s.Body(t.Context(), ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.Version})
		require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
		_, err = s.Start(t.Context(), ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: after.Version})
		return err
	}))
	require.True(t, seen[rag.StateReady])
}

func TestAWithdrawnVersionGivesItsOriginalBack(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sql.Options{})
	st, err := s.CreateStore(ctx, "acme", "handbook", nil)
	require.NoError(t, err)
	b := &bench{Store: s, scope: rag.Scope{Tenant: "acme", Store: st.ID}}
	ref := b.accept(t, "leave.md")
	b.save(t, ref, 1)
	require.NoError(t, b.Embedded(ctx, ref, 0, 1))
	_, err = b.Ready(ctx, ref)
	require.NoError(t, err)
	old, err := s.Document(ctx, b.scope, ref.DocumentID)
	require.NoError(t, err)
	newer, _, err := s.Accept(ctx, ingest.Accepted{Tenant: "acme", StoreID: st.ID, Path: old.Path, SHA256: "newer", Bytes: 1})
	require.NoError(t, err)
	require.Equal(t, old.ID, newer.ID)
	orphans, err := s.Withdraw(ctx, b.scope, old.ID)
	require.NoError(t, err)
	require.Equal(t, []string{old.SHA256}, orphans, "the newer version was on its way")
}

// TestEveryTableIsExportedOrMadeAnew: who adds a table says which.
func TestEveryTableIsExportedOrMadeAnew(t *testing.T) {
	t.Parallel()
	there, exported, err := open(t, sql.Options{}).Tables(t.Context())
	require.NoError(t, err)
	anew := []string{"goose_db_version", "tallies", "batches", "ledger_stores", "ledger_documents", "ledger_terms", "ledger_turns",
		"repeats", "repeat_objects", "expected"} // for a day, and of the server that was asked
	require.ElementsMatch(t, there, append(exported, anew...))
}
