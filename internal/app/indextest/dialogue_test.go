package indextest_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"groundwork/internal/apptest"
	"groundwork/rag"
	"groundwork/rag/analyze"
)

// dialogue is a conversation whose last question is to be answered. Standalone
// is the same question in words of its own. Of kind change, it has nothing to do
// with what was asked before.
type dialogue struct {
	ID, Kind   string
	Messages   []rag.Message
	Standalone string
	Gold       struct{ Path, Quote string }
}

// TestFollowUpsFindWhatTheirStandaloneWordingFinds: hit@5 over the sample
// corpus, with vectors of the default embedding model.
func TestFollowUpsFindWhatTheirStandaloneWordingFinds(t *testing.T) {
	t.Parallel()
	p := sampleShelf(t)
	var asked, alone, last, n int
	eachLine(t, filepath.Join("testdata", "dialogues.jsonl"), func(line string) {
		var d dialogue
		require.NoError(t, json.Unmarshal([]byte(line), &d))
		n++
		final := d.Messages[len(d.Messages)-1:]
		found, query := p.finds(t, d.Messages, d.Gold.Quote)
		wanted, _ := p.finds(t, []rag.Message{{Role: "user", Content: d.Standalone}}, d.Gold.Quote)
		bare, _ := p.finds(t, final, d.Gold.Quote)
		asked, alone, last = asked+found, alone+wanted, last+bare
		if d.Kind == "change" {
			require.Equal(t, final[0].Content, query, "%s: a new subject is searched as it is asked", d.ID)
		} else {
			require.NotEqual(t, final[0].Content, query, "%s: this needs what was said before", d.ID)
		}
		if found < wanted {
			t.Logf("%s: %q does not find %q", d.ID, query, d.Gold.Quote)
		}
	})
	require.GreaterOrEqual(t, n, 24)
	t.Logf("gold among the first five: %d of %d follow-ups, %d in standalone wording, %d without the turns before", asked, n, alone, last)
	require.GreaterOrEqual(t, 100*float64(asked)/float64(n), 100*float64(alone)/float64(n)-5)
}

// memory is the sample corpus in memory, behind a pipeline that answers nothing.
type memory struct {
	*rag.Pipeline
	passages []rag.Passage
	vectors  [][]float32
	terms    []map[string]int
	lengths  []int
	embedder *realEmbedder
}

func sampleShelf(t *testing.T) *memory {
	t.Helper()
	m := &memory{embedder: newRealEmbedder(t)}
	root := filepath.Join("..", "..", "..", "eval", "sample", "documents")
	var texts []string
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		path, err := filepath.Rel(root, file)
		require.NoError(t, err)
		for _, p := range samplePassages(t, file, filepath.ToSlash(path)) {
			m.passages, texts = append(m.passages, p), append(texts, p.Header+"\n"+p.Text)
		}
		return nil
	}))
	m.vectors = m.embedder.passages(texts)
	for _, text := range texts {
		counts, length := map[string]int{}, 0
		for _, term := range analyze.Terms(text) {
			counts[term]++
			length++
		}
		m.terms, m.lengths = append(m.terms, counts), append(m.lengths, length)
	}
	m.Pipeline = &rag.Pipeline{Embedder: m, Searcher: m, Passages: m, Generator: m, Analyze: analyze.Terms,
		Options: rag.Options{Candidates: 100, DenseWeight: 0.7, K: 5, Abstain: rag.AbstainOff, MaxTokens: 10}, About: rag.About{Generation: func() int { return 1 }}}
	return m
}

func samplePassages(t *testing.T, file, path string) []rag.Passage {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	body, spans := apptest.Cut(t, raw, path, "")
	out := make([]rag.Passage, len(spans))
	for i, s := range spans {
		start := utf8.RuneCountInString(body[:s.Start])
		out[i] = rag.Passage{ChunkID: fmt.Sprintf("%s#%03d", path, i), DocumentID: "file-" + path, Filename: path, Seq: i, Start: start,
			End: start + utf8.RuneCountInString(body[s.Start:s.End]), Heading: s.Heading, Header: s.Header, Text: body[s.Start:s.End]}
	}
	return out
}

// finds gives 1 when the quote is in one of the first five passages for the conversation, and what was searched for.
func (m *memory) finds(t *testing.T, messages []rag.Message, quote string) (hit int, query string) {
	t.Helper()
	flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	require.True(t, slices.ContainsFunc(m.passages, func(p rag.Passage) bool { return strings.Contains(flat(p.Text), quote) }), "no passage says %q", quote)
	a, err := m.Ask(t.Context(), rag.Question{Messages: messages}, func(rag.Delta) error { return nil })
	require.NoError(t, err)
	if slices.ContainsFunc(a.Sources, func(s rag.Source) bool { return strings.Contains(flat(s.Passage.Text), quote) }) {
		return 1, a.Query
	}
	return 0, a.Query
}

func (m *memory) EmbedQuery(_ context.Context, text string) ([]float32, error) {
	return m.embedder.query(text), nil
}

func (m *memory) EmbedSentences(_ context.Context, texts []string) ([][]float32, error) {
	return m.embedder.passages(texts), nil
}

func (m *memory) Dense(_ context.Context, _ rag.Scope, vector []float32, k int) ([]rag.Hit, error) {
	return m.best(k, func(i int) float64 {
		sum := 0.0
		for j, x := range m.vectors[i] {
			sum += float64(x * vector[j])
		}
		return sum
	}), nil
}

func (m *memory) Text(ctx context.Context, scope rag.Scope, terms []string, k int) ([]rag.Hit, error) {
	idf, err := m.IDF(ctx, scope, terms)
	return m.best(k, func(i int) float64 {
		sum := 0.0
		for j, term := range terms {
			sum += idf[j] * rag.TermWeight(m.terms[i][term], m.lengths[i])
		}
		return sum
	}), err
}

func (m *memory) IDF(_ context.Context, _ rag.Scope, terms []string) ([]float64, error) {
	out := make([]float64, len(terms))
	for i, term := range terms {
		n := 0
		for _, has := range m.terms {
			if has[term] > 0 {
				n++
			}
		}
		out[i] = rag.TermIDF(len(m.terms), n)
	}
	return out, nil
}

func (m *memory) best(k int, score func(i int) float64) []rag.Hit {
	var hits []rag.Hit
	for i, p := range m.passages {
		if x := score(i); x > 0 {
			hits = append(hits, rag.Hit{ChunkID: p.ChunkID, Score: x})
		}
	}
	slices.SortFunc(hits, func(a, b rag.Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ChunkID, b.ChunkID))
	})
	return hits[:min(k, len(hits))]
}

func (m *memory) Passages(_ context.Context, _ rag.Scope, ids []string) ([]rag.Passage, error) {
	var out []rag.Passage
	for _, id := range ids {
		if i := slices.IndexFunc(m.passages, func(p rag.Passage) bool { return p.ChunkID == id }); i >= 0 {
			out = append(out, m.passages[i])
		}
	}
	return out, nil
}

func (m *memory) Generate(_ context.Context, _ rag.Prompt, emit func(string) error) (rag.Usage, error) {
	return rag.Usage{FinishReason: "stop"}, emit("No answer.")
}

func (m *memory) CountTokens(_ context.Context, texts []string) ([]int, error) {
	return make([]int, len(texts)), nil
}

func (m *memory) Limits() rag.Limits {
	return rag.Limits{Model: "none", ContextTokens: 1 << 20, ContextBudget: 1 << 20}
}
