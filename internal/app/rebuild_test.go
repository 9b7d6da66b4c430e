package app_test

import (
	"context"
	database "database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/qdrant/qdranttest"
	"groundwork/store/sql"
)

// changed is a configuration with another model and other chunks.
func changed(cfg configs.Config) configs.Config {
	cfg.LLM.Embed.Model = "test-embed-next"
	cfg.Chunk.Tokens += 40
	return cfg
}

func rebuild(t *testing.T, cfg configs.Config) *app.Rebuild {
	t.Helper()
	needed, err := app.NeedsRebuild(t.Context(), cfg)
	require.NoError(t, err)
	require.True(t, needed)
	r, err := app.OpenRebuild(t.Context(), cfg, app.Options{Version: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func unseen(int, int) {}

func TestANewIndexIsBuiltBesideTheOldOneAndTakesItsPlace(t *testing.T) {
	t.Parallel()
	onBothPairs(t, func(t *testing.T, old configs.Config) {
		next := changed(old)
		s := start(t, old)
		s.uploadRules(20)
		before := s.listed("handbook")

		interrupted(t, next)
		c := churn(s) // uploads, replacements, deletions and questions of the old index
		r := rebuild(t, next)
		from := -1
		b, err := r.Build(t.Context(), func(done, _ int) {
			if from < 0 {
				from = done
				c.end() // all of it came while the new one was being built
			}
		})
		require.NoError(t, err)
		require.Positive(t, from, "it goes on where it was")
		require.Empty(t, b.Lost)
		require.Zero(t, b.Failed)
		k, err := r.Compare(t.Context(), &old, nil, 30, 0)
		require.NoError(t, err)
		require.Greater(t, k.Queries, 20)
		require.Empty(t, k.Verdict, "%+v", k)
		require.Greater(t, k.Overlap, 0.3)
		require.ErrorContains(t, r.Swap(t.Context(), unseen), "works on")
		s.checkCitations(s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 7 get?"))
		late := s.upload("handbook", "late.md", "# Late\n\nThe late shift of the harbour begins at 21:40.")
		require.Equal(t, "ready", late[0].Status)
		require.NoError(t, s.stop())
		require.Empty(t, kinds(t, old))

		require.NoError(t, r.Swap(t.Context(), unseen))
		require.NoDirExists(t, filepath.Join(next.Server.DataDir, "reindex"))
		require.Empty(t, kinds(t, next))
		needed, err := app.NeedsRebuild(t.Context(), next)
		require.NoError(t, err)
		require.False(t, needed)
		s = start(t, next)
		after := s.listed("handbook")
		require.Len(t, after, len(before)+1)
		s.checkCitations(s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 7 get?"))
		a := s.ask("test-chat@handbook", "When does the late shift of the harbour begin?")
		require.Equal(t, late[0].ID, a.Groundwork.Sources[0].DocumentID)
		c.check(s)
		again := s.upload("handbook", "late.md", "# Late\n\nThe late shift of the harbour begins at 22:10.")
		require.Equal(t, "ready", again[0].Status)
		require.NoError(t, s.stop())
		require.Empty(t, kinds(t, next))
		require.ErrorContains(t, app.Run(t.Context(), old, app.Options{}), "groundwork reindex")
	})
}

// TestANewIndexWaitsForTheServersOfOtherMachines, also for those that work no jobs.
func TestANewIndexWaitsForTheServersOfOtherMachines(t *testing.T) {
	t.Parallel()
	old := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
	old.Store.SQL, old.Store.Index = configs.Secret(pgtest.URL(t)), "qdrant"
	old.Store.Qdrant.URL = qdranttest.StartOwn(t).URL
	old.Ingest.Workers = 0
	s := start(t, old)
	next := changed(old)
	next.Server.DataDir = t.TempDir()
	r := rebuild(t, next)
	require.ErrorIs(t, r.Swap(t.Context(), unseen), sql.ErrAttended)
	require.NoError(t, s.stop())
	require.NoError(t, r.Swap(t.Context(), unseen))
	s = start(t, next)
	require.NoError(t, s.stop())
}

// TestAServerThatANewIndexOvertookEnds: it had lost the database while the index took its place.
func TestAServerThatANewIndexOvertookEnds(t *testing.T) {
	t.Parallel()
	cfg := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
	url := pgtest.URL(t)
	cfg.Store.SQL = configs.Secret(url)
	listening, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(t.Context(), cfg, app.Options{OnListen: func(url string) { listening <- url }})
	}()
	<-listening
	db, err := database.Open("pgx", url)
	require.NoError(t, err)
	defer db.Close()
	for _, q := range []string{
		"UPDATE swaps SET number = number + 1",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
	} {
		_, err = db.ExecContext(t.Context(), q)
		require.NoError(t, err)
	}
	select {
	case err := <-ended:
		require.ErrorContains(t, err, "a new index took the place of the old one")
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
}

// interrupted begins to build, and ends when some documents are done.
func interrupted(t *testing.T, cfg configs.Config) {
	t.Helper()
	r := rebuild(t, cfg)
	_, err := app.OpenRebuild(t.Context(), cfg, app.Options{})
	require.ErrorContains(t, err, "already works on")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = r.Build(ctx, func(done, _ int) {
		if done > 0 {
			cancel()
		}
	})
	if err != nil { // else everything was done between two looks
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, r.Close())
}

// TestAnInterruptedSwapIsCompleted makes what a crash leaves when the swap was
// decided, and when all was done but the last step.
func TestAnInterruptedSwapIsCompleted(t *testing.T) {
	t.Parallel()
	old := filled(t)
	next := changed(old)
	dir := filepath.Join(next.Server.DataDir, "reindex")
	r := rebuild(t, next)
	_, err := r.Build(t.Context(), unseen)
	require.NoError(t, err)
	require.NoError(t, r.Close())

	require.NoError(t, os.WriteFile(filepath.Join(dir, "swap"), nil, 0o600))
	for _, cfg := range []configs.Config{old, next} {
		require.ErrorContains(t, app.Run(t.Context(), cfg, app.Options{}), "`groundwork reindex` again")
	}
	_, err = app.OpenRebuild(t.Context(), old, app.Options{})
	require.ErrorContains(t, err, "with another configuration")
	saved := t.TempDir()
	require.NoError(t, os.CopyFS(saved, os.DirFS(dir)))
	r = rebuild(t, next)
	require.True(t, r.Decided())
	require.NoError(t, r.Swap(t.Context(), unseen))
	require.Empty(t, kinds(t, next))

	require.NoError(t, os.RemoveAll(filepath.Join(saved, "index"))) // it is in its place
	require.NoError(t, os.CopyFS(dir, os.DirFS(saved)))
	r = rebuild(t, next)
	require.NoError(t, r.Swap(t.Context(), unseen))
	require.Empty(t, kinds(t, next))
	require.NoDirExists(t, dir)
	s := start(t, next)
	s.checkCitations(s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 30 get?"))
}

func TestARebuildKeepsWhatIsSaidOfDocumentsAndNamesWhatItLoses(t *testing.T) {
	t.Parallel()
	old := filled(t)
	s := start(t, old)
	var listed struct{ Data []document }
	s.json(http.MethodGet, "/v1/documents?store=handbook", nil, http.StatusOK, &listed)
	for _, d := range listed.Data {
		s.json(http.MethodPost, "/v1/vector_stores/handbook/files/"+d.ID, map[string]any{"attributes": map[string]any{"team": d.Filename}}, http.StatusOK, nil)
	}
	before := s.listed("handbook")
	require.NoError(t, s.stop())
	next := changed(old)
	r := rebuild(t, next)
	b, err := r.Build(t.Context(), unseen)
	require.NoError(t, err)
	require.Equal(t, 3, b.Ready)
	require.NoError(t, r.Swap(t.Context(), unseen))
	require.Empty(t, kinds(t, next))
	s = start(t, next)
	after := s.listed("handbook")
	for i := range before {
		require.Equal(t, told(t, before[i]), told(t, after[i]))
	}
	require.NoError(t, s.stop())

	third := next
	third.Parse.MaxText = 30 // the long one is refused now
	third.Chunk.Tokens += 10
	r = rebuild(t, third)
	b, err = r.Build(t.Context(), unseen)
	require.NoError(t, err)
	require.Contains(t, b.Lost, "leave.md")
	require.NoError(t, r.Close())
	require.Empty(t, kinds(t, next), "nothing changed")
}

// told is what a listed document says that no version changes.
func told(t *testing.T, raw string) string {
	t.Helper()
	var d struct {
		ID, Filename, SHA256, Status string
		Attributes                   map[string]any
	}
	require.NoError(t, errors.Join(json.Unmarshal([]byte(raw), &d)))
	require.NotEmpty(t, d.ID)
	return fmt.Sprint(d)
}
