package eval_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
)

func files(corpus, queries, qrels string) fstest.MapFS {
	return fstest.MapFS{
		"made/corpus.jsonl": {Data: []byte(corpus)}, "made/queries.jsonl": {Data: []byte(queries)}, "made/qrels.tsv": {Data: []byte(qrels)},
	}
}

func TestReadSet(t *testing.T) {
	t.Parallel()
	sets, err := eval.ReadSet(files(
		`{"_id":"d#0","doc":"d","text":"one"}`+"\n"+`{"_id":"d#1","doc":"d","title":"Two","text":"two"}`+"\n"+`{"_id":"alone","text":"three"}`,
		`{"_id":"q1","text":"which?"}`+"\n"+`{"_id":"q2","text":"never judged"}`,
		"query-id\tcorpus-id\tscore\nq1\td#1\t2\nq1\talone\t1\n"), "made")
	require.NoError(t, err)
	require.Equal(t, []eval.Set{{
		Name:     "made",
		Passages: []eval.SetPassage{{ID: "d#0", Document: "d", Text: "one"}, {ID: "d#1", Document: "d", Seq: 1, Header: "Two", Text: "two"}, {ID: "alone", Document: "alone", Text: "three"}},
		Queries:  []eval.SetQuery{{ID: "q1", Text: "which?", Relevant: map[string]float64{"d#1": 2, "alone": 1}}},
	}}, sets)
}

func TestReadSetOfSeveralCorpora(t *testing.T) {
	t.Parallel()
	sets, err := eval.ReadSet(files(
		`{"_id":"a#0","doc":"a","text":"one"}`+"\n"+`{"_id":"b#0","doc":"b","text":"two"}`,
		`{"_id":"q1","doc":"b","text":"which?"}`+"\n"+`{"_id":"q2","doc":"a","text":"what?"}`,
		"q1\tb#0\t1\nq2\ta#0\t1\n"), "made")
	require.NoError(t, err)
	require.Len(t, sets, 2)
	for i, name := range []string{"a", "b"} {
		require.Equal(t, name, sets[i].Name)
		require.Len(t, sets[i].Passages, 1)
		require.Len(t, sets[i].Queries, 1)
		require.Contains(t, sets[i].Queries[0].Relevant, name+"#0")
	}
}

func TestReadSetNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	corpus, query, qrels := `{"_id":"a","text":"one"}`, `{"_id":"q","text":"which?"}`, "q\ta\t1\n"
	for want, fsys := range map[string]fstest.MapFS{
		"corpus.jsonl, line 2":  files(corpus+"\n{", query, qrels),
		"queries.jsonl, line 1": files(corpus, "[]", qrels),
		"qrels.tsv, line 2":     files(corpus, query, qrels+"q\ta\tmuch\n"),
		"not three fields":      files(corpus, query, "q a 1\n"),
		"no question with":      files(corpus, query, "other\ta\t1\n"),
		"of which there is no":  files(corpus, `{"_id":"q","doc":"x","text":"which?"}`, qrels),
		"file does not exist":   {},
	} {
		_, err := eval.ReadSet(fsys, "made")
		require.ErrorContains(t, err, want)
	}
}
