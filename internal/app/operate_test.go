package app_test

import (
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/qdrant/qdranttest"
)

// filled is the configuration of a data directory that a server took three documents into.
func filled(t *testing.T) configs.Config {
	t.Helper()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	s := start(t, cfg)
	for _, d := range s.upload("handbook", "leave.md", handbook(40), "notes.txt", "The badge office opens on Wednesday.", "page.html", "<h1>Canteen</h1><p>Lunch costs 6 euros.</p>") {
		require.Equal(t, "ready", d.Status, "%+v", d)
	}
	require.NoError(t, s.stop())
	return cfg
}

// operator works on a configuration until the function it returns is called.
func operator(t *testing.T, cfg configs.Config) (o *app.Operator, end func()) {
	t.Helper()
	o, err := app.NewOperator(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return o, func() { require.NoError(t, o.Close()) }
}

// kinds are those of the faults that verify finds.
func kinds(t *testing.T, cfg configs.Config) []string {
	t.Helper()
	o, end := operator(t, cfg)
	defer end()
	audit, err := o.Verify(t.Context(), nil)
	require.NoError(t, err)
	out := []string{}
	for _, f := range audit.Faults {
		out = append(out, f.Kind)
	}
	return out
}

// TestVerifyLeavesUploadsOnTheirWayAlone: nothing in the data directory has one owner, so a server may be at work on it.
func TestVerifyLeavesUploadsOnTheirWayAlone(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	cfg.Store.SQL, cfg.Store.Index, cfg.Store.Qdrant.URL = configs.Secret(pgtest.URL(t)), "qdrant", qdranttest.StartOwn(t).URL
	require.Empty(t, kinds(t, cfg), "before the first start too")
	s := start(t, cfg)
	require.Equal(t, "ready", s.upload("handbook", "notes.txt", "The badge office opens on Wednesday.")[0].Status)
	files := filepath.Join(cfg.Server.DataDir, "files")
	coming, nobodys := filepath.Join(files, "tmp", "put-1"), filepath.Join(files, "ab", strings.Repeat("ab", 32))
	require.NoError(t, os.MkdirAll(filepath.Dir(nobodys), 0o700))
	for _, path := range []string{coming, nobodys} {
		require.NoError(t, os.WriteFile(path, []byte("half a file"), 0o600))
	}
	require.Len(t, kinds(t, cfg), 1)
	o, end := operator(t, cfg)
	_, err := o.Repair(t.Context(), nil)
	require.NoError(t, err)
	end()
	require.NoFileExists(t, nobodys)
	require.FileExists(t, coming)
	require.Empty(t, kinds(t, cfg))
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := filled(t)
	require.Empty(t, kinds(t, cfg))

	index, err := sql.Open("sqlite", filepath.Join(cfg.Server.DataDir, "index", "index.db"))
	require.NoError(t, err)
	_, err = index.ExecContext(t.Context(), "UPDATE description SET mark = 'x' || mark")
	require.NoError(t, err)
	require.Contains(t, kinds(t, cfg), "bad_attributes")
	_, err = index.ExecContext(t.Context(), "UPDATE description SET mark = substr(mark, 2)")
	require.NoError(t, err)
	require.NoError(t, index.Close())
	require.Empty(t, kinds(t, cfg))

	originals, err := filepath.Glob(filepath.Join(cfg.Server.DataDir, "files", "*", "*"))
	require.NoError(t, err)
	require.Len(t, originals, 3)
	require.NoError(t, os.Remove(originals[0]))
	require.NoError(t, os.WriteFile(originals[1], []byte("other bytes"), 0o600))
	require.ElementsMatch(t, []string{"missing_original", "missing_original"}, kinds(t, cfg))

	require.NoError(t, os.RemoveAll(filepath.Join(cfg.Server.DataDir, "index")))
	found := kinds(t, cfg)
	require.Contains(t, found, "missing_entry")
	require.Contains(t, found, "bad_frequencies")
}

func TestOperatorsFailWithoutHarmWhenAStoreCannotBeOpened(t *testing.T) {
	t.Parallel()
	cfg := filled(t)
	_, end := operator(t, cfg)
	_, err := app.NewOperator(cfg, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "already works on")
	end()

	changed := cfg
	changed.Chunk.Tokens++ // vectors of other chunks
	o, end := operator(t, changed)
	_, err = o.Verify(t.Context(), nil)
	require.ErrorContains(t, err, "groundwork reindex")
	end()

	away := cfg
	away.Store.SQL = "postgres://nobody@127.0.0.1:1/none"
	o, end = operator(t, away)
	_, err = o.Verify(t.Context(), nil)
	require.Error(t, err)
	end()
	require.Empty(t, kinds(t, cfg))
}

func TestReindexMakesEveryDocumentAnew(t *testing.T) {
	t.Parallel()
	cfg := filled(t)
	cfg.Chunk.Tokens += 40
	o, end := operator(t, cfg)
	n, err := o.Reindex(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	n, err = o.Reindex(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "they are on their way already")
	end()

	s := start(t, cfg)
	for _, d := range s.upload("handbook", "leave.md", handbook(40), "notes.txt", "The badge office opens on Wednesday.", "page.html", "<h1>Canteen</h1><p>Lunch costs 6 euros.</p>") {
		require.Equal(t, "ready", d.Status, "%+v", d) // the same content: waits for the version on its way
	}
	a := s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 30 get?")
	require.NotEmpty(t, a.Groundwork.Sources)
	s.checkCitations(a)
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, cfg))
}
