package blob_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/store/blob"
	"groundwork/store/storetest"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	storetest.Files(t, func(t *testing.T) ingest.Files {
		folder, err := blob.Open(filepath.Join(t.TempDir(), "blobs"))
		require.NoError(t, err)
		return folder
	})
}

func TestOpenRemovesWhatInterruptedUploadsLeft(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "blobs")
	folder, err := blob.Open(root)
	require.NoError(t, err)
	sum, _, err := folder.Put(t.Context(), strings.NewReader("kept"), 10)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "tmp", "put-1"), []byte("half"), 0o600))

	folder, err = blob.Open(root)
	require.NoError(t, err)
	left, err := os.ReadDir(filepath.Join(root, "tmp"))
	require.NoError(t, err)
	require.Empty(t, left)
	r, err := folder.Open(t.Context(), sum)
	require.NoError(t, err)
	require.NoError(t, r.Close())
}

func TestNobodyElseMayRead(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "blobs")
	folder, err := blob.Open(root)
	require.NoError(t, err)
	_, _, err = folder.Put(t.Context(), strings.NewReader("secret"), 10)
	require.NoError(t, err)
	seen := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		seen++
		return nil
	}))
	require.Equal(t, 4, seen) // root, tmp, one shard, one file
}
