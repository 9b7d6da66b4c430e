package retrieval_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/eval"
	"groundwork/internal/app"
	"groundwork/internal/app/retrieval"
	"groundwork/llm/llmtest"
)

// setup is a configuration with a scripted embedding model and a data directory of its own.
func setup(t *testing.T) configs.Config {
	t.Helper()
	model := llmtest.Start(t, llmtest.Options{})
	cfg, err := configs.Load("", []string{
		"HOME=" + t.TempDir(), "GROUNDWORK_SERVER__DATA_DIR=" + t.TempDir(),
		"GROUNDWORK_LLM__EMBED__BASE_URL=" + model.BaseURL(), "GROUNDWORK_LLM__EMBED__MODEL=test-embed",
	})
	require.NoError(t, err)
	return cfg
}

func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

var made = map[string]string{
	"retrieval/made/corpus.jsonl": `{"_id":"d#0","doc":"d","text":"The ledger closes on the fifth working day of the month."}
{"_id":"d#1","doc":"d","text":"Dogs may come to the office on Fridays."}
{"_id":"e#0","doc":"e","text":"Hotels cost at most 120 euros a night."}`,
	"retrieval/made/queries.jsonl": `{"_id":"q1","text":"When does the ledger close?"}
{"_id":"q2","text":"May dogs come to the office?"}`,
	"retrieval/made/qrels.tsv": "query-id\tcorpus-id\tscore\nq1\td#0\t1\nq2\td#1\t1\n",
	"qa/wiki-dev.jsonl": `{"id":"w1","question":"How many days of annual leave?","gold":[{"path":"pages/leave.md","quote":"30 days of annual leave"}]}
{"id":"w2","question":"How many cats?"}`,
	"wiki/pages/leave.md": "# Leave\n\nEmployees get 30 days of annual leave.\n\n# Sickness\n\nTell your manager before ten.\n",
	"wiki/README.md":      "not a document of the set",
}

func TestRunMeasuresEveryLegOfEverySet(t *testing.T) {
	t.Parallel()
	cfg, dir := setup(t), write(t, made)
	done, total := 0, 0
	report, err := retrieval.Run(t.Context(), cfg, app.Options{}, dir, func(d, n int) { done, total = d, n })
	require.NoError(t, err)
	require.Equal(t, total, done, "the progress comes to its end")
	require.Len(t, report.Sets, 2)
	require.Equal(t, "made", report.Sets[0].Name)
	require.Equal(t, 3, report.Sets[0].Passages)
	require.Equal(t, "wiki", report.Sets[1].Name)
	require.Equal(t, 1, report.Sets[1].Queries, "what the documents do not answer has nothing to find")
	for _, set := range report.Sets {
		require.Len(t, set.Legs, len(eval.Legs)-1, "without a reranker")
		for _, leg := range []string{eval.LegFTS5, eval.LegBM25, eval.LegHybrid} {
			require.InDelta(t, 1, set.Legs[leg].NDCG10, 1e-9, "%s: %s", set.Name, leg)
		}
		require.Positive(t, set.Legs[eval.LegDense].Recall20)
	}
	require.InDelta(t, 1, report.Macro[eval.LegHybrid].MRR, 1e-9)
	require.Empty(t, report.Lost())
}

func TestRunMeasuresTheReranker(t *testing.T) {
	t.Parallel()
	cfg, dir := setup(t), write(t, made)
	model := llmtest.Start(t, llmtest.Options{})
	cfg.LLM.Rerank.BaseURL, cfg.LLM.Rerank.Model = model.BaseURL(), "test-rerank"
	report, err := retrieval.Run(t.Context(), cfg, app.Options{}, dir, func(int, int) {})
	require.NoError(t, err)
	require.InDelta(t, 1, report.Macro[eval.LegRerank].NDCG10, 1e-9)
	require.Contains(t, report.Sets[0].Against, eval.LegRerank)
	require.NotEmpty(t, model.Requests("/v1/rerank"))

	model.Inject(llmtest.Fault{Kind: llmtest.WrongCount})
	_, err = retrieval.Run(t.Context(), cfg, app.Options{}, dir, func(int, int) {})
	require.ErrorContains(t, err, "no set of scores", "a figure without its reranker would mean nothing")
}

func TestSecondRunAsksNoModel(t *testing.T) {
	t.Parallel()
	cfg, dir := setup(t), write(t, made)
	first, err := retrieval.Run(t.Context(), cfg, app.Options{}, dir, func(int, int) {})
	require.NoError(t, err)
	cfg.LLM.Embed.BaseURL = "http://127.0.0.1:1/v1" // nobody is there
	second, err := retrieval.Run(t.Context(), cfg, app.Options{}, dir, func(int, int) {})
	require.NoError(t, err)
	require.Equal(t, first, second)

	more := write(t, made)
	require.NoError(t, os.WriteFile(filepath.Join(more, "retrieval/made/queries.jsonl"), []byte(`{"_id":"q1","text":"A question that was never embedded"}`), 0o600))
	_, err = retrieval.Run(t.Context(), cfg, app.Options{}, more, func(int, int) {})
	require.Error(t, err)
}

func TestRunSaysWhatIsWrongWithASet(t *testing.T) {
	t.Parallel()
	cfg := setup(t)
	for want, files := range map[string]map[string]string{
		"holds no sets":                {"README.md": "nothing here"},
		"gold quote is not in pages/a": {"qa/wiki-dev.jsonl": `{"id":"w1","question":"?","gold":[{"path":"pages/a.md","quote":"not there"}]}`, "wiki/pages/a.md": "# A\n\ntext\n"},
		"line 1":                       {"qa/wiki-dev.jsonl": `{`, "wiki/pages/a.md": "# A\n"},
		"queries.jsonl: no such file":  {"retrieval/made/corpus.jsonl": `{"_id":"a","text":"x"}`},
		"no question with a judgement": {"retrieval/made/corpus.jsonl": `{"_id":"a","text":"x"}`, "retrieval/made/queries.jsonl": "", "retrieval/made/qrels.tsv": ""},
	} {
		_, err := retrieval.Run(t.Context(), cfg, app.Options{}, write(t, files), func(int, int) {})
		require.ErrorContains(t, err, want)
	}
}

func TestChunksScoresWhatIsSentBesideWindows(t *testing.T) {
	t.Parallel()
	cfg := setup(t)
	ledger, dogs := "The ledger closes on the fifth working day of the month.", "Dogs may come to the office on Fridays."
	filler := strings.Repeat("Gardens bloom in the spring and trees grow leaves. ", 60)
	body := "# Ledger\n\n" + ledger + "\n\n" + filler + "\n\n# Dogs\n\n" + dogs + "\n\n" + filler
	query := func(id, question, span string) string {
		start := strings.Index(body, span)
		return fmt.Sprintf(`{"_id":%q,"text":%q,"doc":"d","references":[{"start":%d,"end":%d}]}`+"\n", id, question, start, start+len(span))
	}
	dir := write(t, map[string]string{
		"retrieval/made/queries.jsonl": query("q1", "When does the ledger close?", ledger) + query("q2", "May dogs come to the office?", dogs) + `{"_id":"q3","text":"No span","doc":"d"}` + "\n",
		"retrieval/made/corpus/d.md":   body,
	})
	done, total := 0, 0
	reports, err := retrieval.Chunks(t.Context(), cfg, app.Options{}, dir, func(d, n int) { done, total = d, n })
	require.NoError(t, err)
	require.Equal(t, 2, total, "a question without spans is none of this")
	require.Equal(t, total, done)
	require.Len(t, reports, 2, "the document, and all together")
	require.Equal(t, "all", reports[1].Document)
	require.Equal(t, reports[0].Windows, reports[1].Windows)
	r := reports[0]
	require.Equal(t, 2, r.Queries)
	require.Greater(t, r.Windows.Tokens, 500.0)
	for _, share := range retrieval.Shares() {
		s := r.Product[retrieval.ShareName(share)]
		require.InDelta(t, 1, s.Recall, 1e-9, "share %v", share)
		require.LessOrEqual(t, s.Tokens, max(share*r.Windows.Tokens, 200)+20, "share %v", share)
	}
	require.Greater(t, r.Product["25 %"].Precision, r.Windows.Precision)
}

func TestChunksSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := setup(t)
	span := `{"_id":"q","text":"?","doc":"d","references":[{"start":0,"end":3}]}`
	for want, files := range map[string]map[string]string{
		"holds no set whose questions name spans": made,
		"corpus/d.md: ":   {"retrieval/made/queries.jsonl": span},
		"queries.jsonl: ": {"retrieval/made/queries.jsonl": "{"},
	} {
		_, err := retrieval.Chunks(t.Context(), cfg, app.Options{}, write(t, files), func(int, int) {})
		require.ErrorContains(t, err, want)
	}
}
