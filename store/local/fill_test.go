package local_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/local"
)

// Two indexes get the same changes: one keeps all posting lists, one none, so
// that it reads each from FTS5. Both must always find the same, to the bit.
func TestListsInMemorySayWhatTheFileSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keeping := open(t, dir, local.Options{Dimensions: 4})
	reading := open(t, t.TempDir(), local.Options{Dimensions: 4, TermCache: 1})
	random := rand.New(rand.NewPCG(1, 2))
	document := func(name string, version int) (out []ingest.Entry) {
		for seq := range 40 {
			terms := []string{"all", "all", fmt.Sprint("most", random.IntN(10)/9)}
			for range 12 {
				terms = append(terms, fmt.Sprint("word", int(random.ExpFloat64()*30)))
			}
			out = append(out, entryOf(name, version, seq, append(terms, fmt.Sprintf("only-%s.%d", name, seq))...))
		}
		return out
	}
	same := func(x *local.Index) {
		t.Helper()
		for _, query := range [][]string{
			{"all"}, {"all", "most0", "most1"}, {"word1", "all", "word40", "most0"}, {"only-d3.7", "all"},
			{"word2", "absent", "word3"}, {"only-d0.1"}, {"most0", "word25", "word0"}, {"all", "word60", "word61", "word62"},
		} {
			want, err := reading.Text(t.Context(), scope, query, 10)
			require.NoError(t, err)
			got, err := x.Text(t.Context(), scope, query, 10)
			require.NoError(t, err)
			require.Equal(t, want, got, "%v", query)
			idf, err := reading.IDF(t.Context(), scope, query)
			require.NoError(t, err)
			again, err := x.IDF(t.Context(), scope, query)
			require.NoError(t, err)
			require.Equal(t, idf, again, "%v", query)
		}
	}
	for step := range 30 {
		name := fmt.Sprint("d", random.IntN(5))
		entries := document(name, step+1)
		for _, x := range []*local.Index{keeping, reading} {
			if step%4 == 3 {
				_, _, err := x.Remove(t.Context(), scope, name)
				require.NoError(t, err)
				continue
			}
			publish(t, x, entries...)
		}
		same(keeping)
	}
	require.NoError(t, keeping.Close())
	same(open(t, dir, local.Options{Dimensions: 4}))
}

// Where half of the chunks hold a term, its list is not walked for chunks that
// cannot be among the best. Those that hold nothing else still come when there
// are too few others.
func TestCommonTermsStillFind(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	var entries []ingest.Entry
	for seq := range 20 {
		terms := []string{"common", "usual"}
		if seq < 3 {
			terms = append(terms, "rare")
		}
		entries = append(entries, entryOf("d", 1, seq, terms...))
	}
	publish(t, x, entries...)
	for k, want := range map[int]int{2: 2, 3: 3, 5: 5, 50: 20} {
		hits, err := x.Text(t.Context(), scope, []string{"common", "rare", "usual"}, k)
		require.NoError(t, err)
		require.Len(t, hits, want)
		for i, h := range hits {
			holds := i < 3
			require.Equal(t, holds, h.Score > 1, "%d of %d: %v", i, k, h)
		}
	}
	full := rag.TermIDF(20, 3)*rag.TermWeight(1, 3) + 2*rag.TermIDF(20, 20)*rag.TermWeight(1, 3)
	require.InDelta(t, full, text(t, x, "common", "rare", "usual")[0].Score, 1e-12, "common terms count")
}
