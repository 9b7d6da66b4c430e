package sql_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/sql"
)

func TestRetryTakesItsTurnAndOnlyWhatFailed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		opt := place(t)
		opt.MaxQueue = 1
		store := open(t, opt)
		st, err := store.CreateStore(t.Context(), "acme", "handbook", nil)
		require.NoError(t, err)
		scope := rag.Scope{Tenant: "acme", Store: st.ID}
		failed, _, err := store.Accept(t.Context(), ingest.Accepted{Tenant: "acme", StoreID: st.ID, Path: "a.md", SHA256: "a", Bytes: 1, MediaType: "text/markdown"})
		require.NoError(t, err)
		_, err = store.Retry(t.Context(), scope, failed.ID)
		require.Equal(t, rag.CodeConflict, rag.CodeOf(err))
		require.NoError(t, store.Fail(t.Context(), ingest.Ref{Tenant: "acme", StoreID: st.ID, DocumentID: failed.ID, Version: failed.Version}, rag.CodeNoText, "it holds no text"))
		other, _, err := store.Accept(t.Context(), ingest.Accepted{Tenant: "acme", StoreID: st.ID, Path: "b.md", SHA256: "b", Bytes: 1})
		require.NoError(t, err)

		_, err = store.Retry(t.Context(), scope, failed.ID)
		require.Equal(t, rag.CodeBusy, rag.CodeOf(err), "another one fills the queue")
		_, err = store.Retry(t.Context(), rag.Scope{Tenant: "else", Store: st.ID}, failed.ID)
		require.Equal(t, rag.CodeNotFound, rag.CodeOf(err), "another tenant's")
		doc, err := store.Document(t.Context(), scope, failed.ID)
		require.NoError(t, err)
		require.Equal(t, rag.CodeNoText, doc.ErrorCode, "a refusal changes nothing")

		_, err = store.Remove(t.Context(), scope, other.ID)
		require.NoError(t, err)
		doc, err = store.Retry(t.Context(), scope, failed.ID)
		require.NoError(t, err)
		require.Equal(t, failed.Version+1, doc.Version)
		require.Equal(t, "text/markdown", doc.MediaType)
		again, err := store.Document(t.Context(), scope, failed.ID)
		require.NoError(t, err)
		require.Equal(t, doc, again)
		_, err = store.Start(t.Context(), ingest.Ref{Tenant: "acme", StoreID: st.ID, DocumentID: doc.ID, Version: doc.Version})
		require.NoError(t, err, "the new version is on its way")
	})
}

// TestRenewingBeginsWhatWasHalfIndexedAnew: the part of a document that is in a
// lost index would be missing from it for ever.
func TestRenewingBeginsWhatWasHalfIndexedAnew(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		store := open(t, place(t))
		st, err := store.CreateStore(t.Context(), "acme", "handbook", nil)
		require.NoError(t, err)
		refs := map[rag.State]ingest.Ref{}
		for _, state := range []rag.State{rag.StateQueued, rag.StateParsing, rag.StateEmbedding, rag.StateFailed} {
			doc, _, err := store.Accept(t.Context(), ingest.Accepted{Tenant: "acme", StoreID: st.ID, Path: string(state) + ".md", SHA256: string(state), Bytes: 1})
			require.NoError(t, err)
			ref := ingest.Ref{Tenant: "acme", StoreID: st.ID, DocumentID: doc.ID, Version: doc.Version}
			refs[state] = ref
			if state != rag.StateQueued {
				_, err = store.Start(t.Context(), ref)
				require.NoError(t, err)
			}
		}
		half := refs[rag.StateEmbedding]
		var chunks []ingest.Chunk
		for i := range 2 {
			chunks = append(chunks, ingest.Chunk{ID: ingest.ChunkID(half, i), Seq: i, Start: i, End: i + 1, Text: "ab"[i : i+1]})
		}
		require.NoError(t, store.SaveText(t.Context(), half, ingest.Reading{Text: "ab", Chunks: chunks}, 1))
		require.NoError(t, store.Embedded(t.Context(), half, 0, 1))
		require.NoError(t, store.Fail(t.Context(), refs[rag.StateFailed], rag.CodeNoText, "it holds no text"))

		n, err := store.RenewAll(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, n)
		for state, ref := range refs {
			doc, err := store.Document(t.Context(), ref.Scope(), ref.DocumentID)
			require.NoError(t, err)
			renewed := state == rag.StateEmbedding || state == rag.StateFailed
			require.Equal(t, renewed, doc.Version > ref.Version, state)
			if renewed {
				require.Equal(t, rag.StateQueued, doc.State)
			}
		}
		require.ErrorIs(t, store.Embedded(t.Context(), half, 1, 2), ingest.ErrStale, "the half that was done counts no more")
		n, err = store.RenewAll(t.Context())
		require.NoError(t, err)
		require.Zero(t, n, "a second call does nothing")
	})
}
