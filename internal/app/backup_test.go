package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/pgtest"
	"groundwork/llm/llmtest"
	"groundwork/store/blob/s3test"
	"groundwork/store/qdrant/qdranttest"
)

func nowhere(string, int64, int64) {}

// backedUp takes a backup of what may be running.
func backedUp(t *testing.T, cfg configs.Config) (file string, b app.Backup) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "backup.tar.gz")
	b, err := app.TakeBackup(t.Context(), cfg, app.Options{Version: "test"}, file, nowhere)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, b.Bytes, info.Size())
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	return file, b
}

func restored(t *testing.T, file string, into configs.Config) app.Restoration {
	t.Helper()
	o, end := operator(t, into)
	defer end()
	r, err := o.Restore(t.Context(), file, false, nowhere)
	require.NoError(t, err)
	return r
}

// TestBackupUnderLoad takes backups while documents come, are replaced and deleted and
// questions are asked: of the embedded stores, restored to PostgreSQL, Qdrant
// and S3, and of those, restored to embedded ones.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	documents := 20
	if os.Getenv(soakEnv) == "1" {
		documents = 400
	}
	first := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{KeepNothing: true}))
	s := start(t, first)
	s.uploadRules(documents)
	before := s.remember(documents)

	cluster := first
	cluster.Server.DataDir = t.TempDir()
	originals := s3test.Start(t)
	cluster.Store.SQL, cluster.Store.Index = configs.Secret(pgtest.URL(t)), "qdrant"
	cluster.Store.Qdrant.URL = qdranttest.StartOwn(t).URL
	cluster.Store.Files = originals.NewBucket()
	cluster.Store.FilesAccessKey, cluster.Store.FilesSecretKey = s3test.AccessKey, s3test.SecretKey
	last := first
	last.Server.DataDir = t.TempDir()

	c := churn(s)
	file, _ := backedUp(t, first)
	c.end()
	require.NoError(t, s.stop())
	restored(t, file, cluster)
	require.Empty(t, kinds(t, cluster))
	s = start(t, cluster)
	before.equal(t, s.remember(documents))
	c.check(s)
	require.Empty(t, kinds(t, cluster))
	refusesToReplace(t, file, cluster)
	require.Empty(t, kinds(t, cluster))

	c = churn(s)
	file, _ = backedUp(t, cluster)
	c.end()
	require.NoError(t, s.stop())
	restored(t, file, last)
	require.Empty(t, kinds(t, last))
	s = start(t, last)
	before.equal(t, s.remember(documents))
	c.check(s)
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, last))
}

// refusesToReplace tries what would take the stores outside of the data directory from their owner.
func refusesToReplace(t *testing.T, file string, cluster configs.Config) {
	t.Helper()
	cluster.Server.DataDir = t.TempDir()
	o, end := operator(t, cluster)
	_, err := o.Restore(t.Context(), file, true, nowhere)
	require.ErrorContains(t, err, "restore into a new database")
	end()
	cluster.Store.SQL = ""
	o, end = operator(t, cluster)
	_, err = o.Restore(t.Context(), file, true, nowhere)
	require.ErrorContains(t, err, "holds entries of another installation")
	end()
}

// churned is a store in which documents come, change and go.
type churned struct {
	t    *testing.T
	s    *server
	stop chan struct{}
	wait sync.WaitGroup
	errs chan error

	mu       sync.Mutex
	contents map[string]string // that were ever sent, by SHA-256
}

// stayed are documents of that store that are replaced all the time, and never deleted.
const stayed = 4

// churn returns when all kinds of changes were made once; they go on until end.
func churn(s *server) *churned {
	c := &churned{t: s.t.(*testing.T), s: s, stop: make(chan struct{}), errs: make(chan error, 8), contents: map[string]string{}}
	for i := range stayed {
		require.NoError(c.t, c.replace(i, 0))
	}
	for _, change := range []func(turn int) error{
		func(turn int) error { return c.replace(turn%stayed, turn) },
		c.comeAndGo,
		func(turn int) error {
			return c.call(http.MethodPost, "/v1/chat/completions", "application/json", strings.NewReader(fmt.Sprintf(
				`{"model":"test-chat@handbook","messages":[{"role":"user","content":"How many days of annual leave do employees of unit %d get?"}]}`, turn%7)), nil)
		},
	} {
		first := make(chan struct{})
		c.wait.Go(func() {
			for turn := 1; ; turn++ {
				if err := change(turn); err != nil {
					c.errs <- err
					return
				}
				if turn == 1 {
					close(first)
				}
				select {
				case <-c.stop:
					return
				default:
				}
			}
		})
		select {
		case <-first:
		case err := <-c.errs:
			require.NoError(c.t, err)
		}
	}
	return c
}

func (c *churned) end() {
	close(c.stop)
	c.wait.Wait()
	close(c.errs)
	for err := range c.errs {
		require.NoError(c.t, err)
	}
}

func (c *churned) replace(which, turn int) error {
	_, err := c.send(fmt.Sprintf("stays-%d.md", which), fmt.Sprintf("# Notice %d\n\nThis is notice %d, as of turn %d of the %s.\n", which, which, turn, word(turn)))
	return err
}

func (c *churned) comeAndGo(turn int) error {
	id, err := c.send(fmt.Sprintf("goes-%d.md", turn), fmt.Sprintf("# Short\n\nThis was written in turn %d and is thrown away.\n", turn))
	if err != nil {
		return err
	}
	return c.call(http.MethodDelete, "/v1/files/"+url.PathEscape(id), "", http.NoBody, nil)
}

func (c *churned) send(path, content string) (id string, err error) {
	c.mu.Lock()
	c.contents[fmt.Sprintf("%x", sha256.Sum256([]byte(content)))] = content
	c.mu.Unlock()
	body, contentType := form(c.t, "churn", path, content)
	var reply struct{ Data []document }
	err = c.call(http.MethodPost, "/v1/documents", contentType, body, &reply)
	if err == nil && len(reply.Data) != 1 {
		err = fmt.Errorf("%d documents came of one", len(reply.Data))
	}
	if err != nil {
		return "", err
	}
	return reply.Data[0].ID, nil
}

func (c *churned) call(method, path, contentType string, body io.Reader, out any) (err error) {
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.s.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, raw)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(raw, out)
	}
	return err
}

// check holds a restored store to what was acknowledged before the backup:
// what was never deleted is there, in one of its versions, and everything that
// is there becomes ready and has its bytes.
func (c *churned) check(s *server) {
	there := map[string]bool{}
	for _, raw := range s.listed("churn") {
		var d struct{ ID, Filename, SHA256 string }
		require.NoError(c.t, json.Unmarshal([]byte(raw), &d))
		content, sent := c.contents[d.SHA256]
		require.True(c.t, sent, "%s", raw)
		require.Equal(c.t, d.SHA256, s.checksum(d.ID))
		done := s.upload("churn", d.Filename, content) // the same document: waits for it
		require.Equal(c.t, d.ID, done[0].ID)
		require.Equal(c.t, "ready", done[0].Status, "%+v", done[0])
		there[d.Filename] = true
	}
	for i := range stayed {
		require.True(c.t, there[fmt.Sprintf("stays-%d.md", i)])
	}
}

func TestRestoreIsAllOrNothing(t *testing.T) {
	t.Parallel()
	cfg := filled(t)
	file, b := backedUp(t, cfg)
	require.Equal(t, 3, b.Counts["documents"])
	require.Equal(t, 3, b.Counts["originals"])
	require.Positive(t, b.Counts["vectors"])
	k, err := app.CheckBackup(file, nowhere)
	require.NoError(t, err)
	require.Equal(t, b.Counts, k.Counts)
	require.Equal(t, "test", k.Head.Version)

	o, end := operator(t, cfg)
	_, err = o.Restore(t.Context(), file, false, nowhere)
	require.ErrorContains(t, err, "--force")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	cut := filepath.Join(t.TempDir(), "cut.tar.gz")
	require.NoError(t, os.WriteFile(cut, whole[:len(whole)-100], 0o600))
	_, err = o.Restore(t.Context(), cut, true, nowhere)
	require.ErrorContains(t, err, "nothing was restored")
	end()
	require.Empty(t, kinds(t, cfg), "nothing changed")

	s := start(t, cfg)
	s.upload("later", "later.md", "This came after the backup.")
	require.NoError(t, s.stop())
	o, end = operator(t, cfg)
	r, err := o.Restore(t.Context(), file, true, nowhere)
	require.NoError(t, err)
	require.Equal(t, 3, r.Audit.Documents)
	require.Zero(t, r.Queued)
	end()
	require.Empty(t, kinds(t, cfg))
	left, err := filepath.Glob(filepath.Join(cfg.Server.DataDir, "restore.*"))
	require.NoError(t, err)
	require.Empty(t, left)
	s = start(t, cfg)
	require.Len(t, s.listed("handbook"), 3)
	s.json(http.MethodGet, "/v1/documents?store=later", nil, http.StatusNotFound, nil)
	s.checkCitations(s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 30 get?"))
}

// TestARestorationThatEndsInTheMiddleIsCompletedAtTheNextStart makes what a
// crash leaves at each of its steps.
func TestARestorationThatEndsInTheMiddleIsCompletedAtTheNextStart(t *testing.T) {
	t.Parallel()
	file, _ := backedUp(t, filled(t))
	names := []string{"adapters", "runs", "comparisons", "drafts", "index", "files", "library.db-shm", "library.db-wal", "library.db"}
	raw, err := json.Marshal(names)
	require.NoError(t, err)
	for _, at := range []struct {
		moved  int  // away, of what was there
		done   bool // that is marked
		placed int  // of what comes
	}{{0, false, 0}, {5, false, 0}, {9, false, 0}, {9, true, 0}, {9, true, 5}, {9, true, 8}, {9, true, 9}} {
		built := config(t, t.TempDir(), llmtest.Start(t, llmtest.Options{}))
		restored(t, file, built)
		cfg, dir := built, t.TempDir()
		cfg.Server.DataDir = dir
		ready := filepath.Join(dir, "restore.ready")
		old := filepath.Join(ready, "restore.old")
		require.NoError(t, os.MkdirAll(old, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(ready, "restore.json"), raw, 0o600))
		if at.done {
			require.NoError(t, os.WriteFile(filepath.Join(ready, "restore.done"), nil, 0o600))
		}
		for i, name := range names {
			was, comes := dir, ready
			if i < at.moved {
				was = old
			}
			if i < at.placed {
				comes = dir
			}
			require.NoError(t, os.WriteFile(filepath.Join(was, name), []byte("what was there before"), 0o600))
			if err := os.Rename(filepath.Join(built.Server.DataDir, name), filepath.Join(comes, name)); !errors.Is(err, os.ErrNotExist) {
				require.NoError(t, err)
			}
		}
		require.Empty(t, kinds(t, cfg), "%+v", at)
		require.NoDirExists(t, ready)
		require.NoFileExists(t, filepath.Join(dir, "library.db-wal"), "not that of the database before")
	}
}

func TestARestoreWithAnotherChunkerIndexesAnew(t *testing.T) {
	t.Parallel()
	from := filled(t)
	file, _ := backedUp(t, from)
	into := from
	into.Server.DataDir = t.TempDir()
	into.Chunk.Tokens += 40
	r := restored(t, file, into)
	require.Equal(t, 3, r.Queued)
	require.Zero(t, r.Entries)
	require.Empty(t, kinds(t, into))
	s := start(t, into)
	require.Eventually(t, func() bool {
		var list struct{ Data []document }
		s.json(http.MethodGet, "/v1/documents?store=handbook&status=ready", nil, http.StatusOK, &list)
		return len(list.Data) == 3
	}, time.Minute, 20*time.Millisecond)
	s.checkCitations(s.ask("test-chat@handbook", "How many days of annual leave do employees of unit 30 get?"))
	require.NoError(t, s.stop())
	require.Empty(t, kinds(t, into))
}

func TestABackupWithoutAnOriginalNamesItAndLeavesNoFile(t *testing.T) {
	t.Parallel()
	cfg := filled(t)
	originals, err := filepath.Glob(filepath.Join(cfg.Server.DataDir, "files", "??", "*"))
	require.NoError(t, err)
	require.Len(t, originals, 3)
	raw, err := os.ReadFile(originals[0])
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "backup.tar.gz")
	for _, spoil := range []func() error{
		func() error { return os.WriteFile(originals[0], append(bytes.Clone(raw), 'x'), 0o600) },
		func() error { return os.Remove(originals[0]) },
	} {
		require.NoError(t, spoil())
		_, err = app.TakeBackup(t.Context(), cfg, app.Options{}, file, nowhere)
		require.ErrorContains(t, err, filepath.Base(originals[0]))
		left, err := os.ReadDir(filepath.Dir(file))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
