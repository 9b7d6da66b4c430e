package indextest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
	"groundwork/rag/analyze"
)

// The default run's part of what BenchmarkTenants measures.
const (
	someTenants   = 50
	someDocuments = 10 // of the tenant that is looked at
	fewDocuments  = 3  // of each of the others
	someQuestions = 10
)

// TestNoTenantMovesAnothersScores: what a tenant finds, with which scores, is the
// same before and after other tenants come and go, and the same as in an
// installation that has no other tenant.
func TestNoTenantMovesAnothersScores(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			const dimensions = 48
			documents := madeUp(0, someDocuments, dimensions)
			asked := questions(0, documents, someQuestions)
			many, alone := k.open(t, dimensions), k.open(t, dimensions)
			first, err := many.admit(t.Context(), "tenant-0", documents)
			require.NoError(t, err)
			before := many.scores(first, asked)

			others := make([]tenancy, someTenants)
			for n := 1; n < someTenants; n++ {
				others[n], err = many.admit(t.Context(), fmt.Sprintf("tenant-%d", n), madeUp(uint64(n), fewDocuments, dimensions))
				require.NoError(t, err)
			}
			requireScores(t, k.rounding, before, many.scores(first, asked), "after the others came")

			only, err := alone.admit(t.Context(), "tenant-0", documents)
			require.NoError(t, err)
			requireScores(t, k.rounding, before, alone.scores(only, asked), "as without any other")

			require.NoError(t, many.index.RemoveStore(t.Context(), others[1].scope))
			for _, id := range others[2].ids {
				_, _, err := many.index.Remove(t.Context(), others[2].scope, id)
				require.NoError(t, err)
			}
			requireScores(t, k.rounding, before, many.scores(first, asked), "after some of the others went")
		})
	}
}

// scored is what one question finds, by where it lies: ids differ between installations.
type scored struct {
	Dense, Text, Fused map[string]float64
	IDF                []float64
}

// requireScores wants the same chunks with the same scores, up to a share of the best.
func requireScores(t *testing.T, rounding float64, want, got []scored, when string) {
	t.Helper()
	require.Len(t, got, len(want), when)
	for i, w := range want {
		require.Equal(t, w.IDF, got[i].IDF, when)
		for leg, pair := range map[string][2]map[string]float64{"dense": {w.Dense, got[i].Dense}, "text": {w.Text, got[i].Text}, "fused": {w.Fused, got[i].Fused}} {
			require.Len(t, pair[1], len(pair[0]), "%s: %s", when, leg)
			best := 0.0
			for _, score := range pair[0] {
				best = max(best, math.Abs(score))
			}
			for place, score := range pair[0] {
				require.Contains(t, pair[1], place, "%s: %s", when, leg)
				require.InDelta(t, score, pair[1][place], rounding*best, "%s: %s of %s", when, leg, place)
			}
		}
	}
}

// all is more than a tenant of the default run has.
const all = 1000

// scores asks each question of both legs and of the whole search.
func (in *installation) scores(t tenancy, asked []question) []scored {
	in.tb.Helper()
	ctx := in.tb.Context()
	path := map[string]string{}
	for p, id := range t.ids {
		path[id] = p
	}
	out := make([]scored, len(asked))
	for i, q := range asked {
		dense, err := in.index.Dense(ctx, t.scope, q.vector, all)
		require.NoError(in.tb, err)
		require.NotEmpty(in.tb, dense)
		terms := analyze.Terms(q.text)
		text, err := in.index.Text(ctx, t.scope, terms, all)
		require.NoError(in.tb, err)
		require.NotEmpty(in.tb, text)
		idf, err := in.index.IDF(ctx, t.scope, terms)
		require.NoError(in.tb, err)
		ranked, err := in.pipeline(asked).Search(ctx, t.scope, q.text, all)
		require.NoError(in.tb, err)
		fused := map[string]float64{}
		for _, r := range ranked {
			fused[place(path, r.Passage)] = r.Score
		}
		out[i] = scored{Dense: in.places(t, path, dense), Text: in.places(t, path, text), Fused: fused, IDF: idf}
	}
	return out
}

// places gives the hits' scores by path and place in the document.
func (in *installation) places(t tenancy, path map[string]string, hits []rag.Hit) map[string]float64 {
	in.tb.Helper()
	ids, score := make([]string, len(hits)), map[string]float64{}
	for i, h := range hits {
		ids[i], score[h.ChunkID] = h.ChunkID, h.Score
	}
	passages, err := in.library.Passages(in.tb.Context(), t.scope, ids)
	require.NoError(in.tb, err)
	require.Len(in.tb, passages, len(hits))
	out := map[string]float64{}
	for _, p := range passages {
		out[place(path, p)] = score[p.ChunkID]
	}
	return out
}

func place(path map[string]string, p rag.Passage) string {
	return fmt.Sprintf("%s/%d", path[p.DocumentID], p.Seq)
}

// pipeline searches as the server does, with the vectors of the questions known.
func (in *installation) pipeline(asked []question) *rag.Pipeline {
	known := vectors{}
	for _, q := range asked {
		known[q.text] = q.vector
	}
	return &rag.Pipeline{
		Embedder: known, Searcher: in.index, Passages: in.library, Analyze: analyze.Terms,
		Options: rag.Options{Candidates: candidates, DenseWeight: denseWeight, K: 5},
	}
}

// As the shipped configuration has them.
const (
	candidates  = 100
	denseWeight = 0.7
)
