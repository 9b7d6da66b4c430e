package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
)

func TestAReaderSeesWhatTheIndexHoldsAndCopiesIt(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{entryOf("doc", 1, 0, "every"), entryOf("doc", 1, 1, "every")}))
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 1))
	require.NoError(t, x.Upsert(t.Context(), scope, []ingest.Entry{entryOf("doc", 2, 0, "every")}))

	r, err := local.OpenReader(t.Context(), dir)
	require.NoError(t, err)
	defer r.Close()
	scopes, err := r.Scopes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []rag.Scope{scope}, scopes)
	held := map[bool]int{}
	require.NoError(t, r.Held(t.Context(), scope, func(h ingest.Held) error { held[h.Published]++; return nil }))
	require.Equal(t, map[bool]int{true: 2, false: 1}, held)

	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, r.Snapshot(t.Context(), to))
	require.Error(t, r.Snapshot(t.Context(), to), "it is there already")
	info, err := os.Stat(filepath.Join(to, "index.db"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, _, err = x.Remove(t.Context(), scope, "doc")
	require.NoError(t, err, "nobody reads it any more")
	copied := open(t, to, local.Options{Dimensions: r.Dimensions, Fingerprint: r.Fingerprint})
	hits, err := copied.Text(t.Context(), scope, []string{"every"}, 10)
	require.NoError(t, err)
	require.Len(t, hits, 2)

	_, err = local.OpenReader(t.Context(), t.TempDir())
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
}
