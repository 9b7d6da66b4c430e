package diskfault_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/diskfault"
)

// after are the contents of a file over many power cuts at the end of log;
// absent is "-".
func after(log []diskfault.Op, name string) map[string]bool {
	seen := map[string]bool{}
	for n := range uint64(300) {
		d := diskfault.Cut(log, len(log), rand.New(rand.NewPCG(n, 0)))
		content, there := d.Files[name]
		if !there {
			content = []byte("-")
		}
		seen[string(content)] = true
	}
	return seen
}

func write(path string, offset int64, data string) diskfault.Op {
	return diskfault.Op{Kind: diskfault.Write, Path: path, Offset: offset, Data: []byte(data)}
}

var (
	syncFile   = diskfault.Op{Kind: diskfault.Sync, Path: "a"}
	syncFolder = diskfault.Op{Kind: diskfault.Sync, Path: "."}
	create     = diskfault.Op{Kind: diskfault.Create, Path: "a"}
)

func TestCut(t *testing.T) {
	t.Parallel()
	failed := syncFile
	failed.Failed = true
	for _, tc := range []struct {
		name string
		log  []diskfault.Op
		file string
		want []string // exactly these are seen
	}{
		{"nothing synced", []diskfault.Op{create, write("a", 0, "x")}, "a", []string{"-", "", "x"}},
		{"bytes without the name", []diskfault.Op{create, write("a", 0, "x"), syncFile}, "a", []string{"-", "x"}},
		{"the name without bytes", []diskfault.Op{create, write("a", 0, "x"), syncFolder}, "a", []string{"", "x"}},
		{"both", []diskfault.Op{create, write("a", 0, "x"), syncFile, syncFolder}, "a", []string{"x"}},
		{"later writes in any order", []diskfault.Op{create, syncFolder, write("a", 0, "x"), write("a", 1, "y")}, "a", []string{"", "x", "\x00y", "xy"}},
		{"a later sync does not help what one lost", []diskfault.Op{create, syncFolder, write("a", 0, "x"), failed, syncFile}, "a", []string{"", "x"}},
		{"but what is written again", []diskfault.Op{create, syncFolder, write("a", 0, "x"), failed, write("a", 0, "x"), syncFile}, "a", []string{"x"}},
		{"truncated", []diskfault.Op{create, syncFolder, write("a", 0, "xyz"), syncFile, {Kind: diskfault.Truncate, Path: "a", Size: 1}}, "a", []string{"xyz", "x"}},
		{"renamed, the old name", []diskfault.Op{create, write("a", 0, "x"), syncFile, syncFolder, {Kind: diskfault.Rename, Path: "a", To: "b"}}, "a", []string{"-", "x"}},
		{"renamed, the new name", []diskfault.Op{create, write("a", 0, "x"), syncFile, syncFolder, {Kind: diskfault.Rename, Path: "a", To: "b"}, syncFolder}, "b", []string{"x"}},
		{"removed", []diskfault.Op{create, write("a", 0, "x"), syncFile, syncFolder, {Kind: diskfault.Remove, Path: "a"}}, "a", []string{"-", "x"}},
		{"removed and synced", []diskfault.Op{create, syncFolder, {Kind: diskfault.Remove, Path: "a"}, syncFolder}, "a", []string{"-"}},
		{"in a folder that goes", []diskfault.Op{
			{Kind: diskfault.Mkdir, Path: "d"}, {Kind: diskfault.Create, Path: "d/a"}, {Kind: diskfault.Sync, Path: "d"},
		}, "d/a", []string{"-", ""}},
		{"in a folder that stays", []diskfault.Op{
			{Kind: diskfault.Mkdir, Path: "d"}, {Kind: diskfault.Create, Path: "d/a"}, {Kind: diskfault.Sync, Path: "d"}, syncFolder,
		}, "d/a", []string{""}},
		{"in a folder that gets another name", []diskfault.Op{
			{Kind: diskfault.Mkdir, Path: "d"}, {Kind: diskfault.Create, Path: "d/a"}, {Kind: diskfault.Sync, Path: "d"}, {Kind: diskfault.Rename, Path: "d", To: "e"},
		}, "e/a", []string{"-", ""}},
		{"in a folder that keeps it", []diskfault.Op{
			{Kind: diskfault.Mkdir, Path: "d"}, {Kind: diskfault.Create, Path: "d/a"}, {Kind: diskfault.Sync, Path: "d"}, {Kind: diskfault.Rename, Path: "d", To: "e"}, syncFolder,
		}, "e/a", []string{""}},
	} {
		want := map[string]bool{}
		for _, w := range tc.want {
			want[w] = true
		}
		require.Equal(t, want, after(tc.log, tc.file), tc.name)
	}
}

func TestCutTearsAtSectors(t *testing.T) {
	t.Parallel()
	whole := string(bytes.Repeat([]byte("x"), 2000))
	seen := after([]diskfault.Op{create, syncFolder, write("a", 0, whole)}, "a")
	torn := 0
	for content := range seen {
		if content != "" && content != whole {
			require.Zero(t, len(content)%512)
			torn++
		}
	}
	require.Positive(t, torn)
}

// TestCutTellsBeforeFromAfter cuts in the middle of a log.
func TestCutTellsBeforeFromAfter(t *testing.T) {
	t.Parallel()
	log := []diskfault.Op{create, write("a", 0, "x"), syncFile, syncFolder, write("a", 0, "y"), syncFile}
	for at, want := range map[int]string{4: "x", 6: "y"} {
		d := diskfault.Cut(log, at, rand.New(rand.NewPCG(1, 1)))
		require.Equal(t, want, string(d.Files["a"]), at)
	}
	require.Equal(t, "y", string(diskfault.End(log).Files["a"]))
}

func TestWriteTo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "disk")
	d := diskfault.End([]diskfault.Op{{Kind: diskfault.Mkdir, Path: "d"}, {Kind: diskfault.Create, Path: "d/a"}, write("d/a", 2, "x")})
	require.NoError(t, d.WriteTo(dir))
	content, err := os.ReadFile(filepath.Join(dir, "d", "a"))
	require.NoError(t, err)
	require.Equal(t, "\x00\x00x", string(content))
}
