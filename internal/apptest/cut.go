package apptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest/chunk"
	"groundwork/ingest/parse"
)

// pdfCache keeps the compiled PDF reader for all tests of the machine.
var pdfCache = filepath.Join(os.TempDir(), "groundwork-pdf-reader")

// Cut reads a document as the product does, in this process, and cuts it into
// its chunks of about 160 tokens; a token is taken for three quarters of a word.
func Cut(tb testing.TB, raw []byte, path, declared string) (body string, spans []chunk.Span) {
	tb.Helper()
	limits := parse.Limits{Text: 10 << 20, Pages: 5000, Unpacked: 200 << 20, Entries: 10_000, Depth: 256}
	text, err := parse.Document(tb.Context(), raw, path, declared, parse.Options{CacheDir: pdfCache, Limits: limits})
	require.NoError(tb, err, path)
	doc := chunk.Doc{Body: text.Body, Title: text.Title, Path: path}
	for _, m := range text.Marks {
		doc.Marks = append(doc.Marks, chunk.Mark{Kind: chunk.Kind(m.Kind), Start: m.Start, End: m.End, Level: m.Level, Page: m.Page, Label: m.Label})
	}
	spans, err = chunk.Split(doc, chunk.Options{Tokens: 160, Max: 20_000}, func(texts []string) ([]int, error) {
		counts := make([]int, len(texts))
		for i, t := range texts {
			counts[i] = len(strings.Fields(t)) * 4 / 3
		}
		return counts, nil
	})
	require.NoError(tb, err, path)
	return text.Body, spans
}
