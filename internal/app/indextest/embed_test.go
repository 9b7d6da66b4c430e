package indextest_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/llm"
	"groundwork/llm/runtime"
)

// realEmbedder embeds with the default embedding model behind its own server.
// Vectors are kept in the folder for temporary files, by what they depend on; the
// server starts when the first one is missing.
type realEmbedder struct {
	tb       testing.TB
	cfg      configs.Config
	entry    runtime.Entry
	folder   string
	embedder *llm.Embedder
}

// newRealEmbedder skips the test, or fails it when nothing may be skipped, where
// the model is not here.
func newRealEmbedder(tb testing.TB) *realEmbedder {
	tb.Helper()
	e := &realEmbedder{tb: tb}
	var err error
	e.cfg, err = configs.Load("", os.Environ())
	require.NoError(tb, err)
	catalogue, err := app.Catalogue()
	require.NoError(tb, err)
	e.entry, err = catalogue.Find(e.cfg.LLM.Embed.Model)
	require.NoError(tb, err)
	if !runtime.Installed(e.cfg.LLM.ModelsDir, e.entry) {
		why := "the embedding model " + e.entry.Name + " is not here; `make test-setup` fetches it"
		if os.Getenv("GROUNDWORK_TEST_STRICT") == "1" {
			tb.Fatal(why)
		}
		tb.Skip(why)
	}
	e.folder = filepath.Join(os.TempDir(), fmt.Sprintf("groundwork-vectors-%.8x", sha256.Sum256([]byte(e.entry.Fingerprint()))))
	require.NoError(tb, os.MkdirAll(e.folder, 0o700))
	return e
}

// passages embeds texts as documents' passages, in order.
func (e *realEmbedder) passages(texts []string) [][]float32 {
	e.tb.Helper()
	const batch = 64 // kept together: a run that breaks off loses no more
	out, missing := make([][]float32, len(texts)), []int(nil)
	for i, text := range texts {
		if out[i] = e.kept("passage", text); out[i] == nil {
			missing = append(missing, i)
		}
	}
	for places := range slices.Chunk(missing, batch) {
		some := make([]string, len(places))
		for i, place := range places {
			some[i] = texts[place]
		}
		vectors, err := e.server().EmbedPassages(e.tb.Context(), some)
		require.NoError(e.tb, err)
		for i, place := range places {
			out[place] = vectors[i]
			e.keep("passage", some[i], vectors[i])
		}
	}
	return out
}

// query embeds a question.
func (e *realEmbedder) query(text string) []float32 {
	e.tb.Helper()
	if v := e.kept("query", text); v != nil {
		return v
	}
	v, err := e.server().EmbedQuery(e.tb.Context(), text)
	require.NoError(e.tb, err)
	e.keep("query", text, v)
	return v
}

func (e *realEmbedder) server() *llm.Embedder {
	e.tb.Helper()
	if e.embedder != nil {
		return e.embedder
	}
	launch := runtime.Launch{
		Env: runtime.NewEnv(runtime.EnvOptions{Dir: e.cfg.LLM.ModelsDir, Python: e.cfg.LLM.Python, Environ: os.Environ()}),
		Dir: e.cfg.LLM.ModelsDir, LogDir: e.tb.TempDir(), Environ: os.Environ(),
	}
	o, err := launch.Embed(e.entry, goruntime.NumCPU())
	require.NoError(e.tb, err)
	o.StartTimeout, o.HealthWait = e.cfg.LLM.StartTimeout, time.Minute // patient: the machine may be busy
	server, err := runtime.Start(e.tb.Context(), o)
	require.NoError(e.tb, err)
	e.tb.Cleanup(func() { _ = server.Stop(e.tb.Context()) }) // it ends with the test's context in any case
	require.NoError(e.tb, server.WaitReady(e.tb.Context()))
	e.embedder, err = llm.NewEmbedder(llm.EmbedOptions{
		BaseURLs: []string{server.BaseURL()}, APIKey: server.APIKey(), Model: e.entry.Name, Dimensions: e.entry.Dimensions,
		QueryPrefix: e.entry.QueryPrefix, PassagePrefix: e.entry.PassagePrefix, Timeout: 10 * time.Minute, QueryTimeout: 2 * time.Minute,
	})
	require.NoError(e.tb, err)
	e.tb.Cleanup(e.embedder.Close)
	return e.embedder
}

func (e *realEmbedder) file(kind, text string) string {
	return filepath.Join(e.folder, fmt.Sprintf("%s-%x", kind, sha256.Sum256([]byte(text))))
}

// kept is nil for a vector that has to be made.
func (e *realEmbedder) kept(kind, text string) []float32 {
	e.tb.Helper()
	raw, err := os.ReadFile(e.file(kind, text))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(e.tb, err)
	if len(raw) != 4*e.entry.Dimensions {
		return nil
	}
	v := make([]float32, e.entry.Dimensions)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return v
}

func (e *realEmbedder) keep(kind, text string, v []float32) {
	e.tb.Helper()
	raw := make([]byte, 0, 4*len(v))
	for _, a := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(a))
	}
	part, err := os.CreateTemp(e.folder, "part")
	require.NoError(e.tb, err)
	_, err = part.Write(raw)
	require.NoError(e.tb, errors.Join(err, part.Close()))
	require.NoError(e.tb, os.Rename(part.Name(), e.file(kind, text)))
}
