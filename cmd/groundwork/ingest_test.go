package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

func (s shell) sync(args ...string) (result, error) {
	s.t.Helper()
	out, err := s.run(append([]string{"ingest", "--store", "h", "--json", "--settle", "20ms"}, args...)...)
	var r result
	if out != "" {
		require.NoError(s.t, json.Unmarshal([]byte(out), &r), out)
	}
	return r, err
}

func TestSyncMakesTheStoreWhatTheFolderIs(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{
		"people/leave.md": "Employees get 30 days of annual leave.", "it/badge.txt": "The badge office opens on Wednesday.", "it/vpn.md": "Use the VPN.",
		"it/~$vpn.docx": "lock", ".git/config": "hidden", "drafts/plan.md": "Not yet.", "blob.bin": "\x00\x01\x02\xff\x00",
	})
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(docs, "link.txt")))

	r, err := s.sync("--sync", docs, "--dry-run", "--ignore", "drafts/*")
	require.NoError(t, err)
	require.True(t, r.Sync.DryRun)
	require.Equal(t, []string{"blob.bin", "it/badge.txt", "it/vpn.md", "people/leave.md"}, r.Sync.Added)
	require.Equal(t, []skipped{{"link.txt", "it is a link, and links are not followed"}}, r.Skipped)

	r, err = s.sync("--sync", docs, "--ignore", "drafts/*")
	require.ErrorIs(t, err, errReported, "one file is of no known kind")
	require.Len(t, r.Sync.Added, 4, "the dry run sent nothing")
	require.Equal(t, 3, r.Ready)
	require.Equal(t, "unsupported_file", r.Failed[0].Error.Code)

	require.NoError(t, os.Remove(filepath.Join(docs, "it/vpn.md")))
	require.NoError(t, os.Remove(filepath.Join(docs, "blob.bin")))
	write(t, docs, map[string]string{"people/leave.md": "Employees get 31 days of annual leave.", "people/sick.md": "Call before nine."})
	r, err = s.sync("--sync", docs, "--ignore", "drafts")
	require.NoError(t, err)
	require.Equal(t, changes{Added: []string{"people/sick.md"}, Replaced: []string{"people/leave.md"}, Labelled: []string{},
		Removed: []string{"blob.bin", "it/vpn.md"}, Unchanged: 1}, *r.Sync)
	require.Equal(t, 3, r.Ready)

	out, err := s.run("search", "--store", "h", "annual leave VPN")
	require.NoError(t, err)
	require.Contains(t, out, "31 days")
	require.NotContains(t, out, "30 days")
	require.NotContains(t, out, "Use the VPN")

	r, err = s.sync("--sync", docs, "--ignore", "drafts", "--attribute", "team=hr")
	require.NoError(t, err)
	require.Equal(t, []string{"it/badge.txt", "people/leave.md", "people/sick.md"}, r.Sync.Labelled)
	r, err = s.sync("--sync", docs, "--ignore", "drafts", "--attribute", "team=hr")
	require.NoError(t, err)
	require.True(t, r.Sync.none())
	require.Equal(t, 3, r.Sync.Unchanged)
}

func TestSyncAsksBeforeItEmptiesAStore(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs, none := t.TempDir(), t.TempDir()
	write(t, docs, map[string]string{"leave.md": "Employees get 30 days of annual leave."})
	_, err := s.sync("--sync", docs)
	require.NoError(t, err)

	_, err = s.sync("--sync", none)
	require.ErrorContains(t, err, "1 of 1 documents of the store have no file in the folder, which has 0 files")
	_, err = s.sync("--sync", filepath.Join(docs, "away"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = s.sync("--sync", filepath.Join(docs, "leave.md"))
	require.ErrorIs(t, err, errNoFolder)
	r, err := s.sync("--sync", docs)
	require.NoError(t, err)
	require.Equal(t, 1, r.Sync.Unchanged, "nothing was removed")

	r, err = s.sync("--sync", none, "--force")
	require.NoError(t, err)
	require.Equal(t, []string{"leave.md"}, r.Sync.Removed)
	for want, args := range map[string][]string{
		"belong to --sync": {docs, "--force"}, "name one": {docs, none, "--sync"},
		"do not go together": {docs, "--watch", "--dry-run"}, "is no pattern": {docs, "--ignore", "["},
	} {
		_, err = s.sync(args...)
		require.ErrorContains(t, err, want)
	}
}

func TestWatchFollowsTheFolder(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	write(t, docs, map[string]string{"leave.md": "Employees get 30 days of annual leave."})
	c := &cli{environment: environment{environ: s.environ, err: io.Discard}}
	cfg, err := c.config()
	require.NoError(t, err)
	api, stop, err := c.start(t.Context(), cfg, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(stop)
	at, err := url.Parse(api.base)
	require.NoError(t, err)
	var up atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(at)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			panic(http.ErrAbortHandler) // as a server that is down
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)

	ctx, interrupt := context.WithCancel(t.Context())
	out, outWriter := io.Pipe()
	trouble, troubleWriter := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, environment{args: []string{"ingest", "--watch", docs, "--store", "h", "--json", "--settle", "20ms", "--server", front.URL, "--key", api.key},
			environ: s.environ, in: strings.NewReader(""), out: outWriter, err: troubleWriter})
		outWriter.Close()
	}()
	line, err := bufio.NewReader(trouble).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "it is tried again")
	go io.Copy(io.Discard, trouble)
	up.Store(true)

	passes := json.NewDecoder(out)
	pass := func() changes {
		var r result
		require.NoError(t, passes.Decode(&r))
		return *r.Sync
	}
	put := func(content string) { // at once: a pass between two steps of writing would see another file
		aside := t.TempDir()
		write(t, aside, map[string]string{"vpn.md": content})
		require.NoError(t, os.MkdirAll(filepath.Join(docs, "new/folder"), 0o700))
		require.NoError(t, os.Rename(filepath.Join(aside, "vpn.md"), filepath.Join(docs, "new/folder/vpn.md")))
	}
	require.Equal(t, []string{"leave.md"}, pass().Added)
	put("Use the VPN.")
	require.Equal(t, []string{"new/folder/vpn.md"}, pass().Added)
	put("Use the new VPN, always.")
	require.Equal(t, []string{"new/folder/vpn.md"}, pass().Replaced)
	require.NoError(t, os.RemoveAll(filepath.Join(docs, "new")))
	require.Equal(t, []string{"new/folder/vpn.md"}, pass().Removed)

	interrupt()
	require.NoError(t, <-ended)
}

// secretive is a folder of which some names may not be read.
type secretive struct {
	fstest.MapFS
	secret map[string]bool
}

func (s secretive) Open(name string) (fs.File, error) {
	if s.secret[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return s.MapFS.Open(name)
}

func (s secretive) ReadDir(name string) ([]fs.DirEntry, error) {
	if s.secret[name] {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrPermission}
	}
	return s.MapFS.ReadDir(name)
}

func TestWhatCannotBeReadStaysInTheStore(t *testing.T) {
	t.Parallel()
	folder := secretive{fstest.MapFS{
		"a.md": {Data: []byte("one")}, "b.md": {Data: []byte("two")}, "closed/c.md": {Data: []byte("three")},
		"pipe": {Mode: fs.ModeNamedPipe}, "~$a.docx": {}, "x.tmp": {}, `back\slash.md`: {}, "back/slash.md": {},
	}, map[string]bool{"b.md": true, "closed": true}}
	var entered []string
	files, left, err := scan(folder, nil, func(dir string) { entered = append(entered, dir) })
	require.NoError(t, err)
	require.Equal(t, []string{".", "back", "closed"}, entered)
	require.Equal(t, []skipped{{`back\slash.md`, "another file has the same path in the store; rename one"}, {"closed", "you may not read it"}, {"pipe", "it is no file"}}, left)
	s := syncing{known: map[string]file{}}
	docs := []document{
		{ID: "1", Filename: "a.md", Status: "ready", Bytes: 3, SHA256: "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"},
		{ID: "2", Filename: "b.md", Status: "ready", Bytes: 3}, {ID: "3", Filename: "closed/c.md", Status: "ready"}, {ID: "4", Filename: "gone.md", Status: "ready"},
		{ID: "5", Filename: "closed.md", Status: "failed"},
	}
	files, unread, err := s.takeSums(t.Context(), files, docs)
	require.NoError(t, err)
	require.Equal(t, []skipped{{"b.md", "you may not read it"}}, unread)
	p := planFor(files, append(left, unread...), docs, labels{})
	require.Equal(t, []string{"closed.md", "gone.md"}, p.Removed)
	require.Equal(t, []string{"back/slash.md"}, p.Added)
	require.Equal(t, 1, p.ok)
	require.Contains(t, s.known, "a.md")

	_, _, err = scan(secretive{folder.MapFS, map[string]bool{".": true}}, nil, func(string) {})
	require.ErrorIs(t, err, fs.ErrPermission, "a folder that cannot be listed is not an empty one")
}

func TestPlan(t *testing.T) {
	t.Parallel()
	held := func(status, code string) document {
		d := document{ID: "1", Filename: "a.md", Status: status, SHA256: "s", Attributes: map[string]any{"year": 2026.0}, Allow: []string{"hr", "it"}}
		if code != "" {
			d.Error = &problem{Code: code}
		}
		return d
	}
	a := []file{{path: "a.md", sum: "s"}}
	for name, c := range map[string]struct {
		doc  document
		said labels
		want func(plan) bool
	}{
		"ready":                   {held("ready", ""), labels{}, func(p plan) bool { return p.ok == 1 && len(p.send) == 0 }},
		"on its way":              {held("parsing", ""), labels{}, func(p plan) bool { return len(p.wait) == 1 && len(p.send) == 0 }},
		"failed for good":         {held("failed", "encrypted"), labels{}, func(p plan) bool { return len(p.bad) == 1 && len(p.send) == 0 }},
		"failed by the model":     {held("failed", "embedding_failed"), labels{}, func(p plan) bool { return len(p.send) == 1 && p.Unchanged == 1 }},
		"same labels":             {held("ready", ""), labels{map[string]any{"year": 2026.0}, []string{"it", "hr", "it"}}, func(p plan) bool { return p.ok == 1 }},
		"other attributes":        {held("ready", ""), labels{attributes: map[string]any{"year": 2025.0}}, func(p plan) bool { return len(p.Labelled) == 1 && len(p.send) == 1 }},
		"other groups":            {held("ready", ""), labels{allow: []string{"hr"}}, func(p plan) bool { return len(p.Labelled) == 1 }},
		"other content":           {document{ID: "1", Filename: "a.md", SHA256: "t"}, labels{}, func(p plan) bool { return len(p.Replaced) == 1 && len(p.gone) == 0 }},
		"of another path":         {document{ID: "1", Filename: "b.md", SHA256: "s"}, labels{}, func(p plan) bool { return len(p.Added) == 1 && len(p.gone) == 1 }},
		"folder of the same name": {document{ID: "1", Filename: "a.md/x", SHA256: "s"}, labels{}, func(p plan) bool { return len(p.gone) == 1 }},
	} {
		require.True(t, c.want(planFor(a, nil, []document{c.doc}, c.said)), name)
	}
	twice := planFor(a, nil, []document{held("ready", ""), {ID: "2", Filename: "a.md", SHA256: "t"}}, labels{})
	require.Equal(t, "2", twice.gone[0].ID, "one document a file")
	for _, c := range []struct {
		gone, files, docs int
		bold              bool
	}{{0, 0, 9, false}, {1, 0, 9, true}, {5, 1, 5, false}, {6, 9, 24, false}, {6, 9, 23, true}, {25, 75, 100, false}, {26, 74, 100, true}} {
		require.Equal(t, c.bold, plan{gone: make([]document, c.gone)}.bold(c.files, c.docs), "%+v", c)
	}
}

func TestFilesThatAreBeingWrittenRestFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"growing.txt": "a", "done.txt": "b", "old.txt": "c"})
	require.NoError(t, os.Chtimes(filepath.Join(dir, "old.txt"), time.Time{}, time.Now().Add(-time.Hour)))
	files, _, err := scan(os.DirFS(dir), nil, func(string) {})
	require.NoError(t, err)
	grown := 0
	for i := range files {
		if stat := files[i].stat; files[i].path == "growing.txt" {
			files[i].stat = func() (fs.FileInfo, error) {
				grown++
				write(t, dir, map[string]string{"growing.txt": strings.Repeat("a", grown+1)})
				return stat()
			}
		}
	}
	rest, moving, err := rested(t.Context(), files, time.Minute/1000, 3)
	require.NoError(t, err)
	require.Len(t, rest, 2)
	require.Equal(t, []skipped{{"growing.txt", beingWritten}}, moving)
	require.Equal(t, 3, grown)
}

// TestSyncLeavesAttachmentsToTheirMails: they are no files of the folder.
func TestSyncLeavesAttachmentsToTheirMails(t *testing.T) {
	t.Parallel()
	s := setup(t)
	docs := t.TempDir()
	part := "\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="
	message := "From: a@example.org\r\nSubject: Rates\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThey are attached."
	for i := range 8 { // more than a quarter of all
		message += fmt.Sprintf("%srates-%d.csv\r\n\r\nCity,Night\r\nBonn,%d", part, i, i)
	}
	write(t, docs, map[string]string{"mail.eml": message + "\r\n--b--\r\n", "rates-0.csv": "City,Night\nof the folder,1\n"})
	_, err := s.sync("--sync", docs)
	require.NoError(t, err)
	listed := func() string {
		out, err := s.run("documents", "--store", "h")
		require.NoError(t, err)
		return out
	}
	require.Equal(t, 10, strings.Count(listed(), "\n"))
	require.Contains(t, listed(), "rates-7.csv in mail.eml") // it may be on its way still
	r, err := s.sync("--sync", docs)
	require.NoError(t, err)
	require.Equal(t, changes{Added: []string{}, Replaced: []string{}, Labelled: []string{}, Removed: []string{}, Unchanged: 2}, *r.Sync)
	require.NoError(t, os.Remove(filepath.Join(docs, "mail.eml")))
	r, err = s.sync("--sync", docs)
	require.NoError(t, err)
	require.Equal(t, []string{"mail.eml"}, r.Sync.Removed)
	require.Equal(t, 1, strings.Count(listed(), "\n"))
}
