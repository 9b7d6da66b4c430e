package indextest_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/internal/apptest"
)

// retrievalSet is a collection of passages with questions and what is relevant to each.
type retrievalSet struct {
	name     string
	passages []setPassage
	queries  []setQuery
}

type setPassage struct {
	id, document string
	seq          int    // in its document
	header, text string // both are embedded and searched
}

type setQuery struct {
	id, text string
	relevant map[string]float64 // gain by passage id
}

// retrievalSets are those of the shared data. The test is skipped, or fails when
// nothing may be skipped, where the data is not here.
func retrievalSets(tb testing.TB) []retrievalSet {
	tb.Helper()
	data := cmp.Or(os.Getenv("GROUNDWORK_DATA"), filepath.Join("..", "..", "..", "..", "shared", "data"))
	if _, err := os.Stat(data); err != nil {
		why := "the retrieval sets are not here (" + data + "); set GROUNDWORK_DATA"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			tb.Fatal(why)
		}
		tb.Skip(why)
	}
	sets := []retrievalSet{handbookSet(tb, data)}
	for _, name := range []string{"chunking-eval", "codebase", "clapnq"} {
		sets = append(sets, beirSet(tb, filepath.Join(data, "retrieval", name)))
	}
	return sets
}

// beirSet reads corpus.jsonl, queries.jsonl and qrels.tsv. Questions without a
// judgement are left out.
func beirSet(tb testing.TB, dir string) retrievalSet {
	tb.Helper()
	set := retrievalSet{name: filepath.Base(dir)}
	places := map[string]int{}
	eachLine(tb, filepath.Join(dir, "corpus.jsonl"), func(line string) {
		var c struct{ ID, Doc, Title, Text string }
		decode(tb, line, &c)
		document := cmp.Or(c.Doc, c.ID)
		set.passages = append(set.passages, setPassage{id: c.ID, document: document, seq: places[document], header: c.Title, text: c.Text})
		places[document]++
	})
	relevant := map[string]map[string]float64{}
	eachLine(tb, filepath.Join(dir, "qrels.tsv"), func(line string) {
		field := strings.Split(line, "\t")
		require.Len(tb, field, 3, line)
		gain, err := strconv.ParseFloat(field[2], 64)
		if err != nil { // the header
			return
		}
		if relevant[field[0]] == nil {
			relevant[field[0]] = map[string]float64{}
		}
		relevant[field[0]][field[1]] = gain
	})
	eachLine(tb, filepath.Join(dir, "queries.jsonl"), func(line string) {
		var q struct{ ID, Text string }
		decode(tb, line, &q)
		if len(relevant[q.ID]) > 0 {
			set.queries = append(set.queries, setQuery{q.ID, q.Text, relevant[q.ID]})
		}
	})
	require.NotEmpty(tb, set.passages)
	require.NotEmpty(tb, set.queries)
	return set
}

// decode takes "_id" for ID.
func decode(tb testing.TB, line string, out any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(strings.Replace(line, `"_id"`, `"ID"`, 1)), out), "%.80s", line)
}

func eachLine(tb testing.TB, file string, each func(line string)) {
	tb.Helper()
	f, err := os.Open(file)
	require.NoError(tb, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) != "" {
			each(lines.Text())
		}
	}
	require.NoError(tb, lines.Err())
}

// handbookSet cuts the handbook's pages as the product does, with words for
// tokens, and takes the questions that it answers.
func handbookSet(tb testing.TB, data string) retrievalSet {
	tb.Helper()
	f, err := os.Open(filepath.Join(data, "qa", "handbook-dev.jsonl"))
	require.NoError(tb, err)
	defer f.Close()
	asked, err := eval.Read(f)
	require.NoError(tb, err)
	set, at, bodies := retrievalSet{name: "handbook"}, map[string][]stretch{}, map[string]string{}
	root := filepath.Join(data, "handbook")
	require.NoError(tb, filepath.WalkDir(filepath.Join(root, "pages"), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".md" {
			return err
		}
		path, err := filepath.Rel(root, file)
		require.NoError(tb, err)
		path = filepath.ToSlash(path)
		raw, err := os.ReadFile(file)
		require.NoError(tb, err)
		for seq, s := range cut(tb, path, raw) {
			id := path + "#" + strconv.Itoa(seq)
			set.passages = append(set.passages, setPassage{id, path, seq, s.header, s.body[s.start:s.end]})
			at[path] = append(at[path], stretch{s.start, s.end, id})
			bodies[path] = s.body
		}
		return nil
	}))
	for _, q := range asked {
		relevant := map[string]float64{}
		for _, g := range q.Gold {
			start := strings.Index(bodies[g.Path], g.Quote)
			require.NotEqual(tb, -1, start, q.ID)
			for _, s := range at[g.Path] {
				if s.covers(start, start+len(g.Quote)) {
					relevant[s.id] = 1
				}
			}
		}
		if q.Answerable() {
			require.NotEmpty(tb, relevant, q.ID)
			set.queries = append(set.queries, setQuery{q.ID, q.Question, relevant})
		}
	}
	return set
}

// stretch is where a passage lies in its document.
type stretch struct {
	start, end int
	id         string
}

// covers holds when 30 % of a quote is in the passage, or 30 % of the passage is quote.
func (s stretch) covers(start, end int) bool {
	common := float64(min(s.end, end) - max(s.start, start))
	return common > 0 && (common >= 0.3*float64(end-start) || common >= 0.3*float64(s.end-s.start))
}

type cutSpan struct {
	body, header string
	start, end   int
}

func cut(tb testing.TB, path string, raw []byte) []cutSpan {
	tb.Helper()
	body, spans := apptest.Cut(tb, raw, path, "text/markdown")
	out := make([]cutSpan, len(spans))
	for i, s := range spans {
		out[i] = cutSpan{body, s.Header, s.Start, s.End}
	}
	return out
}

// sampled is a part of the set, always the same: questions taken at equal
// distances, the passages relevant to them, and others at equal distances.
func (s retrievalSet) sampled(queries, passages int) retrievalSet {
	out := retrievalSet{name: s.name}
	wanted := map[string]bool{}
	for i := range min(queries, len(s.queries)) {
		q := s.queries[i*len(s.queries)/min(queries, len(s.queries))]
		out.queries = append(out.queries, q)
		for id := range q.relevant {
			wanted[id] = true
		}
	}
	step := max(1, len(s.passages)/max(1, passages-len(wanted)))
	for i := 0; i < len(s.passages) && len(wanted) < passages; i += step {
		wanted[s.passages[i].id] = true
	}
	out.passages = slices.Clone(s.passages)
	out.passages = slices.DeleteFunc(out.passages, func(p setPassage) bool { return !wanted[p.id] })
	return out
}
