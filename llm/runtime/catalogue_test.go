package runtime_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/llm/runtime"
	"groundwork/rag"
)

var update = flag.Bool("update", false, "write the golden files anew")

func shipped(t *testing.T) runtime.Catalogue {
	t.Helper()
	c, err := runtime.ParseCatalogue(configs.Catalogue)
	require.NoError(t, err)
	return c
}

func TestShippedCatalogue(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, e := range shipped(t).Models {
		fmt.Fprintf(&out, "%s %s %s %s %s context=%d dimensions=%d ram=%dMB pinned=%v\n", e.Name, e.Kind, e.Licence, e.Parameters, e.Quantisation, e.Context, e.Dimensions, e.RAMMB, e.Pinned())
		for _, f := range e.Files {
			fmt.Fprintf(&out, "  %s %s %d %s hub=%v pypi=%v maven=%v\n", f.Role, f.Name, f.Size, f.SHA256, f.Hub != nil, f.PyPI != nil, f.Maven != nil)
		}
	}
	const golden = "testdata/catalogue.golden"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func TestFindByNameAndAlias(t *testing.T) {
	t.Parallel()
	c := shipped(t)
	for name, want := range map[string]string{
		"default": "qwen2.5-coder-1.5b-instruct", "small": "qwen2.5-coder-0.5b-instruct",
		"multilingual": "multilingual-e5-small", "bge-small-en-v1.5": "bge-small-en-v1.5",
	} {
		e, err := c.Find(name)
		require.NoError(t, err)
		require.Equal(t, want, e.Name)
	}
	_, err := c.Find("gpt-9")
	require.Equal(t, rag.CodeModel, rag.CodeOf(err))
	require.ErrorContains(t, err, "groundwork models list")
}

const good = `models:
  - name: tiny
    aliases: [t]
    kind: chat
    family: Tiny
    licence: MIT
    parameters: 1M
    quantisation: Q8
    context: 1024
    template: chatml
    ram_mb: 10
    files:
      - role: model
        name: tiny.gguf
        size: 10
        sha256: "` + zeros + `"
        hub: {repository: me/tiny, file: tiny.gguf}
`

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func TestCatalogueRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := runtime.ParseCatalogue([]byte(good))
	require.NoError(t, err)
	for name, c := range map[string]struct{ old, new, says string }{
		"unknown field":       {"kind: chat", "kind: chat\n    colour: red", "colour"},
		"unknown kind":        {"kind: chat", "kind: rerank", "neither chat nor embed"},
		"name that escapes":   {"name: tiny\n", "name: ../tiny\n", "no name"},
		"alias used twice":    {"aliases: [t]", "aliases: [tiny]", "used twice"},
		"file that escapes":   {"name: tiny.gguf\n", "name: ../tiny.gguf\n", "plain file name"},
		"no checksum":         {`sha256: "` + zeros + `"`, "sha256: ''", "either sha256 or unpinned"},
		"checksum and none":   {"size: 10", "size: 10\n        unpinned: true", "either sha256 or unpinned"},
		"short checksum":      {zeros, "00", "64 hexadecimal"},
		"no source":           {"hub: {repository: me/tiny, file: tiny.gguf}", "", "needs a source"},
		"hub without owner":   {"me/tiny", "tiny", "owner/name"},
		"hub file escapes":    {"file: tiny.gguf", "file: ../x", "repository"},
		"no licence":          {"licence: MIT", "licence: ''", "licence"},
		"no context":          {"context: 1024", "context: 0", "context"},
		"tokenizer for chat":  {"role: model", "role: tokenizer", "role model"},
		"unknown role":        {"role: model", "role: vocabulary", "neither model nor tokenizer"},
		"embedder incomplete": {"kind: chat", "kind: embed", "tokenizer file"},
		"no size":             {"size: 10", "size: 0", "size"},
		"pypi without wheels": {"hub: {repository: me/tiny, file: tiny.gguf}", "pypi: {package: p, version: '1', member: m, wheels: []}", "wheels"},
		"maven without group": {"hub: {repository: me/tiny, file: tiny.gguf}", "maven: {artifact: 'a:1', size: 1, sha256: '" + zeros + "', member: m}", "maven"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, good, c.old)
			_, err := runtime.ParseCatalogue([]byte(strings.Replace(good, c.old, c.new, 1)))
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestFingerprintFollowsWhatVectorsDependOn(t *testing.T) {
	t.Parallel()
	e, err := shipped(t).Find("bge-small-en-v1.5")
	require.NoError(t, err)
	before := e.Fingerprint()
	require.Contains(t, before, "onnxruntime-"+runtime.PackageVersion("onnxruntime"))
	changed := e
	changed.QueryPrefix = "query: "
	require.NotEqual(t, before, changed.Fingerprint())
	changed = e
	changed.Pooling = "mean"
	require.NotEqual(t, before, changed.Fingerprint())
	require.Equal(t, before, e.Fingerprint())
	require.Empty(t, runtime.PackageVersion("no-such-package"))
}

func FuzzParseCatalogue(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("models: [{name: a, files: [{pypi: {}}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := runtime.ParseCatalogue(data)
		if err != nil {
			return
		}
		for _, e := range c.Models {
			if strings.ContainsAny(e.Name, "/\\") || e.Fingerprint() == "" {
				t.Fatalf("accepted %q", e.Name)
			}
		}
	})
}
