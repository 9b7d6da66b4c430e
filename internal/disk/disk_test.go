package disk_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/disk"
	"groundwork/rag"
)

// sqliteError is like the driver's.
type sqliteError int

func (e sqliteError) Error() string { return "sqlite" }
func (e sqliteError) Code() int     { return int(e) }

func TestMark(t *testing.T) {
	t.Parallel()
	const ioErrFsync = 10 | 4<<8
	for _, tc := range []struct {
		err  error
		code rag.Code
	}{
		{nil, ""},
		{&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, rag.CodeFull},
		{syscall.EDQUOT, rag.CodeFull},
		{fmt.Errorf("commit: %w", sqliteError(13)), rag.CodeFull},
		{&os.PathError{Op: "sync", Path: "x", Err: syscall.EIO}, rag.CodeUnavailable},
		{syscall.EROFS, rag.CodeUnavailable},
		{sqliteError(ioErrFsync), rag.CodeUnavailable},
		{sqliteError(8), rag.CodeUnavailable},
		{sqliteError(5), rag.CodeInternal},
		{os.ErrNotExist, rag.CodeInternal},
		{rag.Fail(rag.CodeNotFound, "gone"), rag.CodeNotFound},
		{errors.Join(rag.Fail(rag.CodeTooLarge, "large"), syscall.ENOSPC), rag.CodeTooLarge},
	} {
		err := disk.Mark(tc.err)
		require.Equal(t, tc.code, rag.CodeOf(err), "%v", tc.err)
		require.ErrorIs(t, err, tc.err, "the operator reads the cause")
		noted := tc.err
		disk.Note(&noted)
		require.Equal(t, err, noted)
	}
}

func TestReplaceLeavesTheOldFileOrTheNewOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "a.json")
	for _, content := range []string{"old", "new"} {
		require.NoError(t, disk.Replace(path, []byte(content)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(got))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.Mkdir(filepath.Join(filepath.Dir(path), "folder"), 0o700))
	require.Error(t, disk.Replace(filepath.Join(filepath.Dir(path), "folder"), []byte("x")))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing half written stays")
}
