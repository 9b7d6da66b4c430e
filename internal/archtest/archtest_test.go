// Package archtest holds the tree to its diagram: who imports whom, and that
// the documents say what the code does. It reads files itself instead of
// calling the go command, whose cached result would hide a violation.
package archtest_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
)

const root = "../.."

// rule is one line of the import table. Ours lists packages of this module,
// theirs prefixes of third-party modules; both for non-test files.
type rule struct{ ours, theirs []string }

var table = map[string]rule{
	"rag":                     {},
	"rag/analyze":             {theirs: []string{"github.com/kljensen/snowball"}},
	"ingest/chunk":            {},
	"ingest/parse":            {theirs: []string{"*"}},
	"ingest/parse/parsetest":  {},
	"ingest":                  {ours: []string{"rag", "ingest/parse", "ingest/chunk", "internal/failpoint"}, theirs: []string{"github.com/riverqueue/river", "github.com/google/uuid"}},
	"api/openai":              {},
	"api":                     {ours: []string{"rag", "api/openai"}, theirs: []string{"github.com/gin-gonic/gin"}},
	"web":                     {},
	"web/webtest":             {theirs: []string{"github.com/chromedp/", "github.com/stretchr/testify"}},
	"configs":                 {theirs: []string{"github.com/knadh/koanf", "github.com/go-viper/mapstructure"}},
	"docs":                    {theirs: []string{"go.yaml.in/yaml/v3"}},
	"llm":                     {ours: []string{"rag"}, theirs: []string{"github.com/tmc/langchaingo/llms", "github.com/tmc/langchaingo/embeddings", "github.com/cenkalti/backoff", "github.com/hashicorp/golang-lru", "github.com/sony/gobreaker/v2", "golang.org/x/sync"}},
	"llm/llmtest":             {},
	"llm/runtime":             {ours: []string{"rag"}, theirs: []string{"*"}},
	"store/sql":               {ours: []string{"rag", "ingest", "internal/disk", "internal/failpoint", "internal/leftover"}, theirs: []string{"*"}},
	"store/local":             {ours: []string{"rag", "ingest", "internal/disk", "internal/failpoint", "internal/leftover"}, theirs: []string{"modernc.org/sqlite", "golang.org/x/sys", "github.com/hashicorp/golang-lru"}},
	"store/blob":              {ours: []string{"rag", "ingest", "internal/disk", "internal/failpoint"}, theirs: []string{"gocloud.dev/", "github.com/aws/"}},
	"store/backup":            {},
	"store/blob/s3test":       {theirs: []string{"github.com/stretchr/testify"}},
	"store/storetest":         {ours: []string{"rag", "ingest"}, theirs: []string{"github.com/stretchr/testify", "github.com/google/uuid"}},
	"store/qdrant":            {ours: []string{"rag", "ingest"}, theirs: []string{"github.com/qdrant/go-client", "google.golang.org/grpc", "github.com/cenkalti/backoff", "github.com/sony/gobreaker", "github.com/google/uuid"}},
	"store/qdrant/qdranttest": {ours: []string{"rag"}, theirs: []string{"github.com/stretchr/testify"}},
	"eval":                    {},
	"eval/runs":               {ours: []string{"eval", "internal/disk"}},
	"eval/tune":               {ours: []string{"rag", "rag/analyze", "eval", "internal/disk"}},
	"eval/draft":              {ours: []string{"rag", "rag/analyze", "eval", "internal/disk"}},
	"eval/judge":              {ours: []string{"eval"}},
	"eval/plot":               {},
	"eval/compare":            {ours: []string{"rag", "eval", "eval/plot"}},
	"eval/reports":            {ours: []string{"internal/disk"}},
	"eval/load":               {ours: []string{"eval/plot"}, theirs: []string{"github.com/HdrHistogram/hdrhistogram-go"}},
	"eval/tune/jobs":          {ours: []string{"eval/tune", "internal/disk"}},
	"eval/tune/tunetest":      {},
	"internal/telemetry":      {theirs: []string{"github.com/prometheus/", "go.opentelemetry.io/"}},
	"internal/app":            {ours: []string{"*"}, theirs: []string{"*"}},
	"internal/app/retrieval":  {ours: []string{"configs", "eval", "ingest", "ingest/chunk", "ingest/parse", "internal/app", "rag", "rag/analyze", "store/local"}, theirs: []string{"modernc.org/sqlite"}},
	"internal/app/clienttest": {theirs: []string{"github.com/openai/openai-go"}},
	"internal/apptest":        {ours: []string{"internal/app", "ingest/parse", "ingest/chunk"}, theirs: []string{"github.com/stretchr/testify"}},
	"internal/archtest":       {},
	"internal/deploytest":     {},
	"internal/disk":           {ours: []string{"rag"}},
	"internal/diskfault":      {theirs: []string{"golang.org/x/sys"}},
	"internal/failpoint":      {},
	"internal/leftover":       {},
	"internal/pgtest":         {theirs: []string{"github.com/jackc/pgx/v5/stdlib", "github.com/stretchr/testify"}},
	"cmd/groundwork":          {ours: []string{"configs", "eval", "eval/compare", "eval/draft", "eval/judge", "eval/load", "eval/plot", "eval/reports", "eval/runs", "eval/tune", "internal/app", "internal/app/retrieval", "internal/disk", "rag"}, theirs: []string{"github.com/spf13/", "github.com/schollz/progressbar", "github.com/cenkalti/backoff", "golang.org/x/sync", "golang.org/x/term", "github.com/fsnotify/fsnotify"}},
}

// only names the one package that may import a library.
var only = map[string]string{
	"github.com/gin-gonic/gin":     "api",
	"github.com/tmc/langchaingo":   "llm",
	"github.com/qdrant/go-client":  "store/qdrant",
	"gocloud.dev/":                 "store/blob",
	"github.com/aws/":              "store/blob",
	"github.com/kljensen/snowball": "rag/analyze",
	"github.com/spf13/cobra":       "cmd/groundwork",
	"github.com/prometheus/":       "internal/telemetry",
	"go.opentelemetry.io/":         "internal/telemetry",
}

func TestImports(t *testing.T) {
	t.Parallel()
	eachFile(t, ".go", func(file, text string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		pkg := path.Dir(file)
		rule, known := table[pkg]
		require.True(t, known, "package %s is not in the import table; add it there and to the diagram in the README", pkg)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			require.True(t, allowed(rule, name), "%s imports %s: the import table does not allow it", file, name)
			for lib, home := range only {
				if strings.HasPrefix(name, lib) {
					require.Equal(t, home, pkg, "%s imports %s: only %s may", file, name, home)
				}
			}
		}
	})
}

func allowed(r rule, name string) bool {
	if own, ok := strings.CutPrefix(name, "groundwork/"); ok {
		return slices.Contains(r.ours, own) || slices.Contains(r.ours, "*")
	}
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") {
		return true
	}
	return slices.ContainsFunc(r.theirs, func(p string) bool { return p == "*" || strings.HasPrefix(name, p) })
}

func TestEveryDirectDependencyHasADecision(t *testing.T) {
	t.Parallel()
	mod := read(t, "go.mod")
	var adrs strings.Builder
	eachFile(t, ".md", func(file, text string) {
		if strings.HasPrefix(file, "docs/adr/") {
			adrs.WriteString(text)
		}
	})
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(mod, -1) {
		require.Contains(t, adrs.String(), m[1], "%s is a direct dependency: docs/adr must say what it replaces", m[1])
	}
}

func TestConfigFileAndStructAgree(t *testing.T) {
	t.Parallel()
	require.ElementsMatch(t, configs.Keys(), configs.Fields())
}

func TestReadmeNamesRealThings(t *testing.T) {
	t.Parallel()
	readme, makefile := read(t, "README.md"), read(t, "Makefile")
	for _, m := range regexp.MustCompile("(?m)(?:^|[` ])make ([a-z][a-z-]*)").FindAllStringSubmatch(readme, -1) {
		require.Regexp(t, `(?m)^`+m[1]+`:`, makefile, "the README names `make %s`", m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z/_.-]*/)  `).FindAllStringSubmatch(readme, -1) {
		require.DirExists(t, filepath.Join(root, m[1]), "the README's diagram names it")
	}
	keys := configs.Keys()
	for _, m := range regexp.MustCompile("`((?:server|upload|parse|chunk|ingest|llm|search|answer|log|telemetry)\\.[a-z_.]+)`").FindAllStringSubmatch(readme, -1) {
		require.True(t, slices.ContainsFunc(keys, func(k string) bool { return k == m[1] || strings.HasPrefix(k, m[1]+".") }), "the README names the key %s", m[1])
	}
}

func TestSizesArePrinted(t *testing.T) {
	t.Parallel()
	var source, tests int
	var lines []int
	eachFile(t, ".go", func(file, text string) {
		n := strings.Count(text, "\n")
		if strings.HasSuffix(file, "_test.go") {
			tests += n
			return
		}
		source += n
		lines = append(lines, n)
		if n > 350 {
			t.Logf("%s has %d lines: what two things does it do?", file, n)
		}
	})
	slices.Sort(lines)
	t.Logf("lines per file: median %d, p95 %d; tests per source line: %.2f", lines[len(lines)/2], lines[len(lines)*95/100], float64(tests)/float64(source))
}

func eachFile(t *testing.T, ext string, do func(file, text string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && file != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "node_modules" || name == "testdata") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ext {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		require.NoError(t, err)
		do(filepath.ToSlash(rel), read(t, rel))
		return nil
	}))
}

func read(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return string(raw)
}
