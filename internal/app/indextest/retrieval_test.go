package indextest_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/local"
	"groundwork/store/qdrant"
	"groundwork/store/qdrant/qdranttest"
)

// The default run's part of each set: what embeds within half a minute on two cores.
const (
	sampledQueries  = 40
	sampledPassages = 150
)

// TestRetrievalQualityIsThatOfEitherIndex: on real questions over real passages,
// with vectors of the default embedding model, both indexes find the same and
// rank equally well. BenchmarkRetrievalSets does it with the whole sets.
func TestRetrievalQualityIsThatOfEitherIndex(t *testing.T) {
	t.Parallel()
	sets, embedder := retrievalSets(t), newRealEmbedder(t)
	for _, whole := range sets {
		set := whole.sampled(sampledQueries, sampledPassages)
		t.Run(set.name, func(t *testing.T) {
			q := compareSet(t, embedder, set, true)
			t.Logf("%d passages, %d questions: %s", len(set.passages), len(set.queries), q)
			q.check(t)
		})
	}
}

// BenchmarkRetrievalSets reports how both indexes do on the whole sets.
func BenchmarkRetrievalSets(b *testing.B) {
	sets, embedder := retrievalSets(b), newRealEmbedder(b)
	for _, set := range sets {
		for _, quantise := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/quantise=%t", set.name, quantise), func(b *testing.B) {
				var q quality
				for b.Loop() {
					q = compareSet(b, embedder, set, quantise)
				}
				q.check(b)
				b.ReportMetric(float64(len(set.passages)), "passages")
				b.ReportMetric(float64(len(set.queries)), "questions")
				b.ReportMetric(q.dense, "dense-overlap@10")
				b.ReportMetric(q.text, "text-overlap@10")
				b.ReportMetric(q.ndcg[0], "embedded-nDCG@10")
				b.ReportMetric(q.ndcg[1], "qdrant-nDCG@10")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// quality of both indexes on a set: means over its questions.
type quality struct {
	dense, text float64    // share of the embedded index's first ten that Qdrant's hold
	ndcg        [2]float64 // of the hybrid search at 10: embedded, Qdrant
}

func (q quality) String() string {
	return fmt.Sprintf("dense overlap %.4f, text overlap %.4f, nDCG@10 embedded %.4f, Qdrant %.4f", q.dense, q.text, q.ndcg[0], q.ndcg[1])
}

func (q quality) check(tb testing.TB) {
	tb.Helper()
	require.GreaterOrEqual(tb, q.dense, 0.99, "dense overlap")
	require.GreaterOrEqual(tb, q.text, 0.95, "text overlap")
	require.LessOrEqual(tb, math.Abs(q.ndcg[0]-q.ndcg[1]), 0.005, "difference of nDCG@10")
	require.Greater(tb, q.ndcg[0], 0.4, "the questions are answered at all")
}

// setScope is where the passages of a set lie.
var setScope = rag.Scope{Tenant: "default", Store: "vs_set"}

const top = 10

func compareSet(tb testing.TB, embedder *realEmbedder, set retrievalSet, quantise bool) quality {
	tb.Helper()
	known, byID, both := vectors{}, heldPassages{}, bothIndexes(tb, embedder.entry.Dimensions, quantise)
	fillSet(tb, embedder, set, both, byID)
	name := map[string]string{} // chunk id to id in the set
	for _, p := range set.passages {
		name[chunkID(p)] = p.id
	}
	var q quality
	share := 1 / float64(len(set.queries))
	for _, asked := range set.queries {
		known[asked.text] = embedder.query(asked.text)
		terms := analyze.Terms(asked.text)
		var dense, text [2][]string
		for i, x := range both {
			hits, err := x.Dense(tb.Context(), setScope, known[asked.text], top)
			require.NoError(tb, err)
			dense[i] = chunkIDs(hits)
			hits, err = x.Text(tb.Context(), setScope, terms, top)
			require.NoError(tb, err)
			text[i] = chunkIDs(hits)
			p := &rag.Pipeline{
				Embedder: known, Searcher: x, Passages: byID, Analyze: analyze.Terms,
				Options: rag.Options{Candidates: candidates, DenseWeight: denseWeight, K: top},
			}
			found, err := p.Search(tb.Context(), setScope, asked.text, top)
			require.NoError(tb, err)
			var ranked []string
			for _, r := range found {
				if r.Dropped == "" {
					ranked = append(ranked, name[r.Passage.ChunkID])
				}
			}
			q.ndcg[i] += share * eval.NDCG(ranked, asked.relevant, top)
		}
		q.dense += share * common(dense)
		q.text += share * common(text)
	}
	return q
}

// bothIndexes are empty ones: the embedded, then Qdrant.
func bothIndexes(tb testing.TB, dimensions int, quantise bool) [2]index {
	tb.Helper()
	embedded, err := local.Open(tb.Context(), tb.TempDir(), local.Options{Dimensions: dimensions, Fingerprint: "sets"})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, embedded.Close()) })
	remote := openQdrant(tb, qdrant.Options{Dimensions: dimensions, Quantise: quantise}, &qdranttest.Ledger{})
	tb.Cleanup(func() { require.NoError(tb, remote.Close()) })
	return [2]index{embedded, remote}
}

// fillSet takes the passages of a set into both indexes, document by document.
func fillSet(tb testing.TB, embedder *realEmbedder, set retrievalSet, both [2]index, byID heldPassages) {
	tb.Helper()
	texts := make([]string, len(set.passages))
	for i, p := range set.passages {
		texts[i] = ingest.Chunk{Header: p.header, Text: p.text}.Searchable()
	}
	var order []string
	documents := map[string][]ingest.Entry{}
	for i, v := range embedder.passages(texts) {
		p := set.passages[i]
		if documents[p.document] == nil {
			order = append(order, p.document)
		}
		documents[p.document] = append(documents[p.document], ingest.Entry{
			ChunkID: chunkID(p), DocumentID: p.document, Version: 1, Vector: v, Terms: analyze.Terms(texts[i]),
		})
		byID[chunkID(p)] = rag.Passage{ChunkID: chunkID(p), DocumentID: p.document, Filename: p.document, Seq: p.seq, Header: p.header, Text: p.text}
	}
	for _, document := range order {
		for _, x := range both {
			require.NoError(tb, x.Upsert(tb.Context(), setScope, documents[document]))
			require.NoError(tb, x.Publish(tb.Context(), setScope, document, 1))
		}
	}
}

func chunkID(p setPassage) string {
	return ingest.ChunkID(ingest.Ref{StoreID: setScope.Store, DocumentID: p.document, Version: 1}, p.seq)
}

func chunkIDs(hits []rag.Hit) []string {
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.ChunkID
	}
	return ids
}

// common is the share of the first list that the second holds; two empty ones are equal.
func common(lists [2][]string) float64 {
	if len(lists[0]) == 0 && len(lists[1]) == 0 {
		return 1
	}
	n := 0
	for _, id := range lists[0] {
		if slices.Contains(lists[1], id) {
			n++
		}
	}
	return float64(n) / float64(max(len(lists[0]), len(lists[1])))
}

// heldPassages are passages by chunk id.
type heldPassages map[string]rag.Passage

// Passages implements rag.Passages.
func (h heldPassages) Passages(_ context.Context, _ rag.Scope, ids []string) ([]rag.Passage, error) {
	var out []rag.Passage
	for _, id := range ids {
		if p, ok := h[id]; ok {
			out = append(out, p)
		}
	}
	return out, nil
}
