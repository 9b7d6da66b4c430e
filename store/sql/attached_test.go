package sql_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// TestAMirrorTakesAttachmentsFromTheLibrary: each keeps its id, and a mail is
// read with or without what is attached to it, as it was read before.
func TestAMirrorTakesAttachmentsFromTheLibrary(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		real, mirror := open(t, place(t)), open(t, sql.Options{})
		st, err := real.CreateStore(t.Context(), rag.DefaultTenant, "handbook", nil)
		require.NoError(t, err)
		scope := rag.Scope{Tenant: st.Tenant, Store: st.ID}
		ready := func(s *sql.Store, d rag.Document, attached ...ingest.Attached) {
			t.Helper()
			ref := ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.Version}
			_, err := s.Start(t.Context(), ref)
			require.NoError(t, err)
			apart := d.TakenApart || attached != nil
			require.NoError(t, s.SaveText(t.Context(), ref, ingest.Reading{Text: "x", Chunks: []ingest.Chunk{{ID: ingest.ChunkID(ref, 0), End: 1, Text: "x"}}, TakenApart: apart, Attached: attached}, 1))
			require.NoError(t, s.Embedded(t.Context(), ref, 0, 1))
			_, err = s.Ready(t.Context(), ref)
			require.NoError(t, err)
		}
		all := func(s *sql.Store) map[string]rag.Document {
			t.Helper()
			docs, _, err := s.Documents(t.Context(), scope, rag.Page{Limit: 100})
			require.NoError(t, err)
			out := map[string]rag.Document{}
			for _, d := range docs {
				out[d.Path] = d
			}
			return out
		}
		upload := func(path, sum string) rag.Document {
			t.Helper()
			d, _, err := real.Accept(t.Context(), ingest.Accepted{Tenant: scope.Tenant, StoreID: scope.Store, Path: path, SHA256: sum, Bytes: 1})
			require.NoError(t, err)
			return d
		}
		ready(real, upload("before.eml", "b")) // by a version that knew no attachments
		ready(real, upload("mail.eml", "m"), ingest.Attached{Path: "inner.eml", SHA256: "i"}, ingest.Attached{Path: "gone.csv", SHA256: "g"})
		ready(real, all(real)["inner.eml"], ingest.Attached{Path: "deep.csv", SHA256: "d"})
		for _, name := range []string{"deep.csv", "gone.csv"} {
			ready(real, all(real)[name])
		}

		queued, gone, err := mirror.Mirror(t.Context(), real)
		require.NoError(t, err)
		require.Equal(t, 5, queued)
		require.Empty(t, gone)
		for name, want := range all(real) {
			got := all(mirror)[name]
			require.Equal(t, []any{want.ID, want.AttachedTo, want.TakenApart, want.Version + 1}, []any{got.ID, got.AttachedTo, got.TakenApart, got.Version}, name)
			ready(mirror, got)
		}
		require.Equal(t, map[string]bool{"before.eml": false, "mail.eml": true, "inner.eml": true, "gone.csv": false, "deep.csv": false}, apartness(all(mirror)))

		ready(real, upload("before.eml", "b2"), ingest.Attached{Path: "late.csv", SHA256: "l"})
		ready(real, upload("mail.eml", "m2"), ingest.Attached{Path: "inner.eml", SHA256: "i"})
		ready(real, all(real)["late.csv"])
		require.ErrorIs(t, real.Adopt(t.Context(), mirror, false), sql.ErrBehind)
		queued, gone, err = mirror.Mirror(t.Context(), real)
		require.NoError(t, err)
		require.Equal(t, 3, queued)
		require.Len(t, gone, 1)
		require.Equal(t, "gone.csv", gone[0].Path)
		_, err = mirror.Remove(t.Context(), scope, gone[0].ID)
		require.NoError(t, err)
		for name, d := range all(mirror) {
			if !d.State.Done() {
				ready(mirror, d)
			}
			require.Equal(t, all(real)[name].TakenApart, d.TakenApart, name)
		}
		before := all(real)
		require.NoError(t, real.Adopt(t.Context(), mirror, false))
		for name, d := range all(real) {
			require.Equal(t, []any{before[name].ID, before[name].AttachedTo}, []any{d.ID, d.AttachedTo}, name)
			require.Greater(t, d.Version, before[name].Version, name)
		}

		// what a mail has no more goes as ever, although its version rose meanwhile
		ready(real, upload("mail.eml", "m3"), ingest.Attached{Path: "new.csv", SHA256: "n"})
		require.NotContains(t, all(real), "inner.eml")
		require.NotContains(t, all(real), "deep.csv")
		require.Contains(t, all(real), "new.csv")
		require.Contains(t, all(real), "late.csv")
	})
}

func apartness(docs map[string]rag.Document) map[string]bool {
	out := map[string]bool{}
	for name, d := range docs {
		out[name] = d.TakenApart
	}
	return out
}
