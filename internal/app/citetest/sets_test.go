package citetest_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/internal/apptest"
	"groundwork/rag"
	"groundwork/rag/analyze"
)

// item is a question, a right answer that a person wrote, and the passages that the model was given.
type item struct {
	id, question, answer string
	sources              []rag.Passage // those with the gold quotes, then what looks alike
}

// given is how many passages go with a question.
const given = 5

type set struct {
	name  string
	items []item
}

// handbook is the handbook's pages, cut as the product cuts them.
func handbook(tb testing.TB) set {
	tb.Helper()
	root := filepath.Join(data(tb), "handbook")
	return asked(tb, "handbook", root, filepath.Join(data(tb), "qa", "handbook-dev.jsonl"), func(file string) bool { return filepath.Ext(file) == ".md" })
}

// sample is the sample corpus: Markdown, HTML, DOCX and PDF.
func sample(tb testing.TB) set {
	tb.Helper()
	root := filepath.Join("..", "..", "..", "eval", "sample")
	return asked(tb, "sample", filepath.Join(root, "documents"), filepath.Join(root, "questions.jsonl"), func(string) bool { return true })
}

// clapnq is one half of the questions that have an answer; the halves interleave.
func clapnq(tb testing.TB, half int) set {
	tb.Helper()
	dir := filepath.Join(data(tb), "retrieval", "clapnq")
	var all []rag.Passage
	place := map[string]int{}
	lines(tb, filepath.Join(dir, "corpus.jsonl"), func(line string) {
		var c struct{ ID, Title, Text string }
		require.NoError(tb, json.Unmarshal([]byte(strings.Replace(line, `"_id"`, `"ID"`, 1)), &c))
		place[c.ID] = len(all)
		all = append(all, rag.Passage{ChunkID: c.ID, DocumentID: "file-" + c.ID, Filename: c.Title, End: utf8.RuneCountInString(c.Text), Header: c.Title, Text: c.Text})
	})
	gold := map[string][]int{}
	lines(tb, filepath.Join(dir, "qrels.tsv"), func(line string) {
		if field := strings.Split(line, "\t"); len(field) == 3 {
			if at, known := place[field[1]]; known {
				gold[field[0]] = append(gold[field[0]], at)
			}
		}
	})
	words := weigh(all)
	out := set{name: fmt.Sprintf("clapnq, half %d", half+1)}
	n := 0
	lines(tb, filepath.Join(dir, "queries.jsonl"), func(line string) {
		var q struct {
			ID, Text string
			Answers  []string
		}
		require.NoError(tb, json.Unmarshal([]byte(strings.Replace(line, `"_id"`, `"ID"`, 1)), &q))
		if len(gold[q.ID]) == 0 {
			return
		}
		if n++; (n-1)%2 == half {
			for _, answer := range slices.Compact(q.Answers) {
				out.items = append(out.items, item{q.ID, q.Text, strings.TrimSpace(answer), words.with(q.Text+" "+answer, all, gold[q.ID])})
			}
		}
	})
	return out
}

// excerpts are questions whose answers are sentences of the passages themselves.
func excerpts(tb testing.TB) set {
	tb.Helper()
	dir := filepath.Join(data(tb), "retrieval", "chunking-eval")
	var all []rag.Passage
	lines(tb, filepath.Join(dir, "corpus.jsonl"), func(line string) {
		var c struct{ ID, Text string }
		require.NoError(tb, json.Unmarshal([]byte(strings.Replace(line, `"_id"`, `"ID"`, 1)), &c))
		all = append(all, rag.Passage{ChunkID: c.ID, DocumentID: "file-" + c.ID, Filename: c.ID, End: utf8.RuneCountInString(c.Text), Text: c.Text})
	})
	words := weigh(all)
	out := set{name: "excerpts"}
	lines(tb, filepath.Join(dir, "queries.jsonl"), func(line string) {
		var q struct {
			ID, Text   string
			References []struct{ Content, Text string }
		}
		require.NoError(tb, json.Unmarshal([]byte(strings.Replace(line, `"_id"`, `"ID"`, 1)), &q))
		if len(q.References) == 0 {
			return
		}
		answer := strings.TrimSpace(cmp.Or(q.References[0].Content, q.References[0].Text))
		var gold []int
		for i, p := range all {
			if strings.Contains(flat(p.Text), flat(answer)) {
				gold = append(gold, i)
			}
		}
		if len(gold) > 0 && len(answer) < 400 {
			out.items = append(out.items, item{q.ID, q.Text, answer, words.with(q.Text+" "+answer, all, gold)})
		}
	})
	return out
}

// asked are the questions of a file over the documents below root.
func asked(tb testing.TB, name, root, questions string, wanted func(file string) bool) set {
	tb.Helper()
	f, err := os.Open(questions)
	require.NoError(tb, err)
	defer f.Close()
	qs, err := eval.Read(f)
	require.NoError(tb, err)
	var all []rag.Passage
	of := map[string][]int{}
	require.NoError(tb, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !wanted(file) {
			return err
		}
		path, err := filepath.Rel(root, file)
		require.NoError(tb, err)
		for _, p := range cut(tb, file, filepath.ToSlash(path)) {
			of[p.Filename] = append(of[p.Filename], len(all))
			all = append(all, p)
		}
		return nil
	}))
	words := weigh(all)
	out := set{name: name}
	for _, q := range qs {
		if !q.Answerable() {
			continue
		}
		var gold []int
		for _, g := range q.Gold {
			at := slices.IndexFunc(of[g.Path], func(i int) bool { return strings.Contains(flat(all[i].Text), flat(g.Quote)) })
			for _, i := range of[g.Path] { // a quote may lie across the border of two
				if at < 0 && overlap(flat(all[i].Text), flat(g.Quote)) {
					gold = append(gold, i)
				}
			}
			if at >= 0 {
				gold = append(gold, of[g.Path][at])
			}
		}
		require.NotEmpty(tb, gold, q.ID)
		out.items = append(out.items, item{q.ID, q.Question, q.Answer, words.with(q.Question+" "+q.Answer, all, gold)})
	}
	return out
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func overlap(text, quote string) bool {
	half := len(quote) / 2
	return strings.Contains(text, quote[:half]) || strings.Contains(text, quote[half:])
}

func cut(tb testing.TB, file, path string) []rag.Passage {
	tb.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(tb, err)
	body, spans := apptest.Cut(tb, raw, path, "")
	out := make([]rag.Passage, len(spans))
	for i, s := range spans {
		start := utf8.RuneCountInString(body[:s.Start])
		out[i] = rag.Passage{ChunkID: fmt.Sprintf("%s#%d", path, i), DocumentID: "file-" + path, Filename: path, Seq: i, Start: start,
			End: start + utf8.RuneCountInString(body[s.Start:s.End]), Heading: s.Heading, Header: s.Header, Text: body[s.Start:s.End]}
	}
	return out
}

// rarity tells how rare a word is among the passages of a set.
type rarity map[string]float64

func weigh(all []rag.Passage) rarity {
	in := map[string]int{}
	for _, p := range all {
		terms := analyze.Terms(p.Header + "\n" + p.Text)
		slices.Sort(terms)
		for _, t := range slices.Compact(terms) {
			in[t]++
		}
	}
	out := rarity{}
	for t, n := range in {
		out[t] = math.Log(float64(len(all)) / float64(n))
	}
	return out
}

// with gives the gold passages and the others that share most with the
// question and its answer, so that what the answer says is in them.
func (r rarity) with(text string, all []rag.Passage, gold []int) []rag.Passage {
	slices.Sort(gold)
	gold = slices.Compact(gold)
	var out []rag.Passage
	for _, i := range gold {
		out = append(out, all[i])
	}
	wanted := analyze.Terms(text)
	type scored struct {
		at    int
		score float64
	}
	others := make([]scored, 0, len(all))
	for i, p := range all {
		if slices.Contains(gold, i) {
			continue
		}
		has := map[string]bool{}
		for _, t := range analyze.Terms(p.Header + "\n" + p.Text) {
			has[t] = true
		}
		s := scored{at: i}
		for _, t := range wanted {
			if has[t] {
				s.score += r[t]
			}
		}
		others = append(others, s)
	}
	slices.SortStableFunc(others, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	for _, o := range others[:max(0, given-len(out))] {
		out = append(out, all[o.at])
	}
	return out
}

func data(tb testing.TB) string {
	tb.Helper()
	dir := cmp.Or(os.Getenv("GROUNDWORK_DATA"), filepath.Join("..", "..", "..", "..", "shared", "data"))
	if _, err := os.Stat(dir); err != nil {
		why := "the question sets are not here (" + dir + "); set GROUNDWORK_DATA"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			tb.Fatal(why)
		}
		tb.Skip(why)
	}
	return dir
}

func lines(tb testing.TB, file string, each func(line string)) {
	tb.Helper()
	f, err := os.Open(file)
	require.NoError(tb, err)
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<22)
	for s.Scan() {
		if strings.TrimSpace(s.Text()) != "" {
			each(s.Text())
		}
	}
	require.NoError(tb, s.Err())
}
