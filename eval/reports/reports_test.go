package reports_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/reports"
)

func TestReportsAreKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "comparisons")
	s := reports.In(dir)
	ids, err := s.List()
	require.NoError(t, err)
	require.Empty(t, ids)

	require.NoError(t, s.Save("20261127-1-a", reports.Setup, []byte(`{"id":1}`)))
	require.NoError(t, s.Save("20261128-2-b", reports.Setup, []byte(`{"id":2}`)))
	require.NoError(t, s.Save("20261128-2-b", reports.Setup, []byte(`{"id":3}`)))
	require.NoError(t, s.Save("20261129-3-c", reports.Questions, []byte("begun and killed before the setup was written")))
	ids, err = s.List()
	require.NoError(t, err)
	require.Equal(t, []string{"20261128-2-b", "20261127-1-a"}, ids)
	for begin, want := range map[string]string{"last": "20261128-2-b", "20261127": "20261127-1-a", "20261128-2-b": "20261128-2-b"} {
		id, err := s.Find(begin)
		require.NoError(t, err)
		require.Equal(t, want, id)
	}
	for _, begin := range []string{"", "2026", "1999"} {
		_, err := s.Find(begin)
		require.ErrorContains(t, err, "compare list", begin)
	}
	var got struct{ ID int }
	require.NoError(t, s.Load("20261128-2-b", reports.Setup, &got))
	require.Equal(t, 3, got.ID)
	require.Error(t, s.Load("20261129-3-c", reports.Questions, &got))
	left, err := filepath.Glob(filepath.Join(dir, "*", ".new-*"))
	require.NoError(t, err)
	require.Empty(t, left)
	info, err := os.Stat(filepath.Join(dir, "20261128-2-b", reports.Setup))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestNamesStayInTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, reports.JSON), []byte("secret"), 0o600))
	s := reports.In(filepath.Join(dir, "comparisons"))
	for _, id := range []string{"", ".", "..", "../comparisons", "a/b", "/etc"} {
		_, err := s.Read(id, reports.JSON)
		require.ErrorIs(t, err, fs.ErrNotExist, id)
	}
}
