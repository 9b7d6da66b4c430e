package eval_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/ingest/parse"
)

// These tests hold the sample corpus to what its README says of it.

func TestSampleQuestionsAreSound(t *testing.T) {
	t.Parallel()
	asked := map[string]string{}
	for i, q := range sampleQuestions(t) {
		require.Equal(t, fmt.Sprintf("sample-%03d", i+1), q.ID, "ids are numbered without a gap")
		same := strings.ToLower(oneSpace(q.Question))
		require.Empty(t, asked[same], "%s asks what another asks", q.ID)
		asked[same] = q.ID

		require.Equal(t, q.Type != "unanswerable", q.Answerable(), q.ID)
		require.Equal(t, q.Answerable(), len(q.MustContain) > 0, q.ID)
		require.NotEmpty(t, q.Answer, q.ID)
		require.True(t, eval.Right(q, q.Answer), "%s: the expected answer would count as wrong", q.ID)
		if q.Type == "multi-passage" {
			require.Greater(t, len(q.Gold), 1, q.ID)
		}
	}
}

func TestSampleQuotesStandOnceInTheirDocument(t *testing.T) {
	t.Parallel()
	texts := sampleTexts(t)
	for _, q := range sampleQuestions(t) {
		for _, g := range q.Gold {
			body, known := texts[g.Path]
			require.True(t, known, "%s names %s", q.ID, g.Path)
			require.Equal(t, 1, strings.Count(oneSpace(body), oneSpace(g.Quote)), "%s: %q in %s", q.ID, g.Quote, g.Path)

			words := strings.Fields(g.Quote)
			for i := range words {
				words[i] = regexp.QuoteMeta(words[i])
			}
			found := regexp.MustCompile(strings.Join(words, `\s+`)).FindString(body)
			end := "\n" // of a paragraph, an item, a table's row
			if strings.HasSuffix(g.Path, ".pdf") {
				end = "\n\n"
			}
			require.NotContains(t, found, end, q.ID)
			require.NotContains(t, found, " | ", "%s: a quote of more than one cell", q.ID)
		}
	}
}

func TestSampleReadmeCounts(t *testing.T) {
	t.Parallel()
	readme, texts, questions := oneSpace(sampleFile(t, "README.md")), sampleTexts(t), sampleQuestions(t)
	formats := map[string]int{}
	for path, body := range texts {
		formats[filepath.Ext(path)]++
		require.InDelta(t, 800, len(strings.Fields(body)), 450, "%s: %d words", path, len(strings.Fields(body)))
	}
	requireSays(t, readme, fmt.Sprintf("`documents/` holds %d documents of about 400 to 1,200 words: %d Markdown, %d HTML, %d DOCX and %d PDF.",
		len(texts), formats[".md"], formats[".html"], formats[".docx"], formats[".pdf"]))

	types, answerable := map[string]int{}, 0
	for _, q := range questions {
		types[q.Type]++
		if q.Answerable() {
			answerable++
		}
	}
	requireSays(t, readme, fmt.Sprintf("`questions.jsonl` holds %d questions, %d that the documents answer and %d that they do not.",
		len(questions), answerable, len(questions)-answerable))
	named := map[string]int{}
	for _, m := range regexp.MustCompile("`([a-z-]+)` ([0-9]+)").FindAllStringSubmatch(readme, -1) {
		n, err := strconv.Atoi(m[2])
		require.NoError(t, err)
		named[m[1]] = n
	}
	require.Equal(t, types, named, "the README names every type with its count")
	for _, m := range regexp.MustCompile(`\*([^*]+)\* \(`+"`(sample-[0-9]+)`").FindAllStringSubmatch(readme, -1) {
		at := slices.IndexFunc(questions, func(q eval.Question) bool { return q.ID == m[2] })
		require.Equal(t, questions[at].Question, m[1])
	}
}

// TestSampleIsHeldOutInPart: a third of the documents is set aside for
// comparing what training and what retrieval brings.
func TestSampleIsHeldOutInPart(t *testing.T) {
	t.Parallel()
	texts, held := sampleTexts(t), map[string]bool{}
	var list []string
	for line := range strings.Lines(sampleFile(t, "heldout.txt")) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			require.Contains(t, texts, line)
			list, held[line] = append(list, line), true
		}
	}
	require.True(t, slices.IsSorted(list))
	require.Len(t, held, len(list), "no path twice")
	require.Len(t, list, (len(texts)+1)/3, "a third, rounded")

	folders, formats := map[string]bool{}, map[string]bool{}
	for _, path := range list {
		folders[filepath.Dir(path)], formats[filepath.Ext(path)] = true, true
	}
	require.GreaterOrEqual(t, len(folders), 8, "spread over subjects: %v", folders)
	require.Len(t, formats, 4, "spread over formats: %v", formats)

	readme := sampleFile(t, "README.md")
	pairs := regexp.MustCompile("(?m)^\\| `(archive/[^`]+)` \\| (.+) \\|$").FindAllStringSubmatch(readme, -1)
	outdated := map[string]bool{}
	for _, pair := range pairs {
		require.Contains(t, texts, pair[1])
		outdated[pair[1]] = true
		for _, current := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(pair[2], -1) {
			require.Contains(t, texts, current[1])
			require.Equal(t, held[pair[1]], held[current[1]], "%s and %s are torn apart", pair[1], current[1])
		}
	}
	for path := range texts {
		require.Equal(t, strings.HasPrefix(path, "archive/"), outdated[path], "the README's table of outdated documents: %s", path)
	}

	whole := 0
	for _, q := range sampleQuestions(t) {
		aside := 0
		for _, g := range q.Gold {
			if held[g.Path] {
				aside++
			}
		}
		if q.Answerable() && aside == len(q.Gold) {
			whole++
		}
	}
	requireSays(t, oneSpace(readme), fmt.Sprintf("names %d documents, a third, and %d questions", len(list), whole))
}

func requireSays(t *testing.T, readme, claim string) {
	t.Helper()
	require.True(t, strings.Contains(readme, claim), "the README of the sample does not say %q", claim)
}

const sampleDir = "sample"

func sampleFile(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(sampleDir, name))
	require.NoError(t, err)
	return string(raw)
}

func sampleQuestions(t *testing.T) []eval.Question {
	t.Helper()
	questions, err := eval.Read(strings.NewReader(sampleFile(t, "questions.jsonl")))
	require.NoError(t, err)
	return questions
}

// sampleTexts are the documents as the product reads them, by path.
func sampleTexts(t *testing.T) map[string]string {
	t.Helper()
	if raced {
		t.Skip("under the race detector the PDF reader takes minutes; the run without it tests this")
	}
	texts, err := readSample()
	require.NoError(t, err)
	return texts
}

var readSample = sync.OnceValues(func() (map[string]string, error) {
	compiled, err := os.MkdirTemp("", "sample-pdf-*") // or each PDF compiles its reader anew
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(compiled) }()
	opt := parse.Options{CacheDir: compiled, Limits: parse.Limits{Text: 1 << 20, Pages: 100, Unpacked: 64 << 20, Entries: 1000, Depth: 256}}
	root, texts := filepath.Join(sampleDir, "documents"), map[string]string{}
	return texts, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text, err := parse.Document(context.Background(), raw, path, "", opt)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		rel, err := filepath.Rel(root, path)
		texts[filepath.ToSlash(rel)] = text.Body
		return err
	})
})

func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }
