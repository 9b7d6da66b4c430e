package app

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/backup"
	"groundwork/store/blob"
	"groundwork/store/sql"
)

// vanishing originals go, with their document, when one of them is about to be copied;
// late, when it is open already: a bucket's bytes come with the first Read.
type vanishing struct {
	ingest.Files
	sum    string
	late   bool
	remove func()
}

func (v *vanishing) Open(ctx context.Context, sum string) (io.ReadSeekCloser, error) {
	if sum != v.sum || v.remove == nil {
		return v.Files.Open(ctx, sum)
	}
	defer func() { v.remove = nil }()
	if !v.late {
		v.remove()
		return v.Files.Open(ctx, sum)
	}
	r, err := v.Files.Open(ctx, sum)
	return gone{r, v.remove}, err
}

type gone struct {
	io.ReadSeekCloser
	remove func()
}

func (g gone) Read([]byte) (int, error) {
	g.remove()
	return 0, rag.Fail(rag.CodeNotFound, "it was deleted since it was opened")
}

// TestABackupLooksAgainWhenADocumentGoes: what is deleted while originals are
// copied is not in the rows; a document that comes in its place is, with its original.
func TestABackupLooksAgainWhenADocumentGoes(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"before it is opened": false, "before it is read": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			looksAgain(t, late)
		})
	}
}

func looksAgain(t *testing.T, late bool) {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	library, err := sql.Open(ctx, sql.Options{Path: filepath.Join(dir, "library.db")})
	require.NoError(t, err)
	defer library.Close()
	files, err := blob.Open(filepath.Join(dir, "files"))
	require.NoError(t, err)
	st, err := library.CreateStore(ctx, "acme", "handbook", nil)
	require.NoError(t, err)
	scope := rag.Scope{Tenant: "acme", Store: st.ID}
	accept := func(path, content string) (rag.Document, string) {
		sum, size, err := files.Put(ctx, strings.NewReader(content), 1<<20)
		require.NoError(t, err)
		d, _, err := library.Accept(ctx, ingest.Accepted{Tenant: "acme", StoreID: st.ID, Path: path, SHA256: sum, Bytes: size})
		require.NoError(t, err)
		return d, sum
	}
	_, stays := accept("stays.md", "stays")
	goes, sum := accept("goes.md", "goes")
	var came string
	r := &reading{library: library, files: &vanishing{files, sum, late, func() {
		_, err := library.Remove(ctx, scope, goes.ID)
		require.NoError(t, err)
		require.NoError(t, files.Delete(ctx, sum))
		_, came = accept("comes.md", "comes")
	}}}
	file := filepath.Join(dir, "backup.tar.gz")
	w, err := backup.Create(file, backup.Head{})
	require.NoError(t, err)
	taking := taker{reading: r, to: w, step: func(string, int64, int64) {}, has: map[string]bool{}, missed: map[string]int{}}
	require.NoError(t, taking.library(ctx))
	_, _, err = w.Close()
	require.NoError(t, err)

	var originals []string
	var paths []any
	require.NoError(t, backup.Each(file, func(name string, _ int64, r io.Reader) error {
		if sum, ok := strings.CutPrefix(name, originalsFolder+"/"); ok {
			originals = append(originals, sum)
			return nil
		}
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		p, err := sql.DecodePart(raw)
		for _, row := range p.Rows {
			if p.Table == "documents" {
				paths = append(paths, row[3])
			}
		}
		return err
	}))
	require.ElementsMatch(t, []string{stays, came}, originals)
	require.ElementsMatch(t, []any{"stays.md", "comes.md"}, paths)
}
