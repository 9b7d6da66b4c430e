package local_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
)

// hr is the store's documents of that team.
func hr() rag.Scope {
	s := scope
	s.Only = &rag.Only{Filter: &rag.Filter{Op: rag.OpEq, Key: "team", Values: []any{"hr"}}}
	return s
}

func found(t testing.TB, x *local.Index, in rag.Scope) int {
	t.Helper()
	hits, err := x.Text(t.Context(), in, []string{"leave"}, 10)
	require.NoError(t, err)
	return len(hits)
}

// TestAFileFromBeforeDescriptions: it is opened as it is, and described then.
func TestAFileFromBeforeDescriptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := local.Options{Dimensions: 4, Fingerprint: "model a"}
	x, err := local.Open(t.Context(), dir, o)
	require.NoError(t, err)
	publish(t, x, entryOf("doc", 1, 0, "leave"))
	require.NoError(t, x.Close())
	db, err := sql.Open("sqlite", filepath.Join(dir, "index.db"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "DROP TABLE description")
	require.NoError(t, err)
	require.NoError(t, db.Close())

	x = open(t, dir, o)
	require.Equal(t, 1, found(t, x, scope))
	require.Zero(t, found(t, x, hr()))
	require.NoError(t, x.Describe(t.Context(), scope, ingest.Description{DocumentID: "doc", Facts: rag.Attributes{"team": "hr"}}))
	require.Equal(t, 1, found(t, x, hr()))
}

// TestSelectionsFollowEveryChange asks the same filter again and again, so that what was remembered must be found stale.
func TestSelectionsFollowEveryChange(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	describe := func(document, team string) {
		require.NoError(t, x.Describe(t.Context(), scope, ingest.Description{DocumentID: document, Facts: rag.Attributes{"team": team}}))
	}
	publish(t, x, entryOf("a", 1, 0, "leave"), entryOf("a", 1, 1, "leave"))
	require.Zero(t, found(t, x, hr()))
	describe("a", "hr")
	require.Equal(t, 2, found(t, x, hr()))
	generation := x.Generation()
	describe("a", "hr")
	require.Equal(t, generation, x.Generation(), "nothing changed")
	publish(t, x, entryOf("b", 1, 0, "leave"))
	require.Equal(t, 2, found(t, x, hr()))
	describe("b", "hr")
	require.Equal(t, 3, found(t, x, hr()))
	publish(t, x, entryOf("a", 2, 0, "leave"))
	require.Equal(t, 2, found(t, x, hr()))
	var many []ingest.Entry
	for seq := range 1500 { // enough that removing them compacts the store
		many = append(many, entryOf("c", 1, seq, "leave"))
	}
	publish(t, x, many...)
	_, _, err := x.Remove(t.Context(), scope, "c")
	require.NoError(t, err)
	require.Equal(t, 2, found(t, x, hr()))
	_, _, err = x.Remove(t.Context(), scope, "b")
	require.NoError(t, err)
	require.Equal(t, 1, found(t, x, hr()))
}

// TestARemovedDescriptionIsGoneFromTheDisk as the document's text is.
func TestARemovedDescriptionIsGoneFromTheDisk(t *testing.T) {
	t.Parallel()
	x, dir := setup(t)
	publish(t, x, entryOf("doc", 1, 0, "leave"))
	require.NoError(t, x.Describe(t.Context(), scope, ingest.Description{DocumentID: "doc", Facts: rag.Attributes{"owner": "Ms Findable"}}))
	require.NoError(t, x.Describe(t.Context(), scope, ingest.Description{DocumentID: "doc", Facts: rag.Attributes{"owner": "Mr Traceable"}}))
	disk := func() string {
		var all []byte
		for _, suffix := range []string{"", "-wal"} {
			raw, err := os.ReadFile(filepath.Join(dir, "index.db"+suffix))
			require.NoError(t, err)
			all = append(all, raw...)
		}
		return string(all)
	}
	require.Contains(t, disk(), "Mr Traceable")
	require.NotContains(t, disk(), "Ms Findable", "what was said before is gone")
	_, _, err := x.Remove(t.Context(), scope, "doc")
	require.NoError(t, err)
	require.NotContains(t, disk(), "Mr Traceable")
}
