package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/store/backup"
)

var head = backup.Head{Version: "test", CreatedAt: time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC), Dimensions: 3, Fingerprint: "model/chunker"}

// written is a backup of two entries.
func written(t *testing.T) (path string, content map[string]string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "night.tar.gz")
	content = map[string]string{"rows/1.json": `{"a":1}`, "originals/x": strings.Repeat("some words ", 3000)}
	w, err := backup.Create(path, head)
	require.NoError(t, err)
	require.NoError(t, w.AddBytes("rows/1.json", []byte(content["rows/1.json"])))
	sum, err := w.Add("originals/x", int64(len(content["originals/x"])), strings.NewReader(content["originals/x"]))
	require.NoError(t, err)
	want := sha256.Sum256([]byte(content["originals/x"]))
	require.Equal(t, hex.EncodeToString(want[:]), sum)
	w.Count("documents", 2)
	require.NoFileExists(t, path, "it has its name when it is whole")
	m, size, err := w.Close()
	require.NoError(t, err)
	require.Len(t, m.Entries, 2)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, info.Size(), size)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	return path, content
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	t.Parallel()
	path, content := written(t)
	var last, total int64
	m, err := backup.Verify(path, func(read, of int64) { last, total = read, of })
	require.NoError(t, err)
	require.Equal(t, total, last)
	require.Equal(t, map[string]int{"documents": 2}, m.Counts)
	require.Equal(t, "model/chunker", m.Head.Fingerprint)
	got := map[string]string{}
	require.NoError(t, backup.Each(path, func(name string, size int64, r io.Reader) error {
		raw, err := io.ReadAll(r)
		require.Len(t, raw, int(size))
		got[name] = string(raw)
		return err
	}))
	require.Equal(t, content, got)
	_, err = backup.Create(path, head)
	require.ErrorContains(t, err, "exists already")
}

func TestAFileThatWasCutOrAlteredAnywhereIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := written(t)
	want := unpacked(t, path)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	check := func(raw []byte, what string, at int) {
		require.NoError(t, os.WriteFile(path, raw, 0o600))
		if _, err := backup.Verify(path, nil); err == nil { // a few bits of gzip say nothing
			require.NotEqual(t, "cut", what, "at byte %d of %d", at, len(whole))
			require.Equal(t, want, unpacked(t, path), "%s at byte %d of %d", what, at, len(whole))
		}
	}
	for n := 0; n < len(whole); n += 5 {
		check(whole[:n], "cut", n)
	}
	check(whole[:len(whole)-1], "cut", len(whole)-1)
	random := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(whole); i += 5 {
		bad := bytes.Clone(whole)
		bad[i] ^= byte(1 << random.IntN(8))
		check(bad, "a flipped bit", i)
	}
	require.NoError(t, os.WriteFile(path, append(bytes.Clone(whole), "more"...), 0o600))
	_, err = backup.Verify(path, nil)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)/2], 0o600))
	_, err = backup.Verify(path, nil)
	require.ErrorContains(t, err, "it is cut off")
	require.ErrorContains(t, err, "nothing was restored")
}

// unpacked is the tar inside.
func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	raw, err := io.ReadAll(z)
	require.NoError(t, errors.Join(err, f.Close()))
	return raw
}

// TestChecksumsAreCompared alters what is inside and packs it anew, so that neither gzip nor tar notices.
func TestChecksumsAreCompared(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		alter func(name string, raw []byte) []byte // nil leaves the entry out
		want  string
	}{
		"an entry":        {alterer("rows/1.json", `{"a":2}`), "the entry rows/1.json is not the one that was written"},
		"a missing entry": {func(name string, raw []byte) []byte { return without(name == "originals/x", raw) }, "it holds 1 entries instead of 2"},
		"the manifest":    {alterer("manifest.json", `{}`), "its manifest is not the one that was written"},
		"no manifest":     {func(name string, raw []byte) []byte { return without(strings.HasPrefix(name, "manifest"), raw) }, "its end is missing"},
		"another file":    {func(name string, raw []byte) []byte { return without(name == "groundwork-backup.json", raw) }, "is no backup of Groundwork"},
		"a newer format": {alterer("groundwork-backup.json", `{"format":2,"version":"9.1"}`),
			"has format 2 and was written by Groundwork 9.1; this version reads formats up to 1"},
	} {
		path, _ := written(t)
		repack(t, path, c.alter)
		_, err := backup.Verify(path, nil)
		require.ErrorContains(t, err, c.want, what)
	}
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, []byte("no backup at all"), 0o600))
	_, err := backup.Verify(path, nil)
	require.ErrorContains(t, err, "is no backup of Groundwork")
}

func alterer(which, with string) func(string, []byte) []byte {
	return func(name string, raw []byte) []byte {
		if name == which {
			return []byte(with)
		}
		return raw
	}
}

func without(it bool, raw []byte) []byte {
	if it {
		return nil
	}
	return raw
}

func repack(t *testing.T, path string, alter func(name string, raw []byte) []byte) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		if raw = alter(h.Name, raw); raw == nil {
			continue
		}
		h.Size = int64(len(raw))
		require.NoError(t, w.WriteHeader(h))
		_, err = w.Write(raw)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), zip.Close(), f.Close()))
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
}

func TestABackupThatBrokeOffLeavesNothingInTheWay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.tar.gz")
	w, err := backup.Create(path, head)
	require.NoError(t, err)
	_, err = w.Add("short", 10, strings.NewReader("123"))
	require.ErrorContains(t, err, "ended after 3 of 10 bytes")
	require.NoError(t, w.Abort())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Empty(t, left)

	_, err = backup.Create(path, head) // and is killed
	require.NoError(t, err)
	w, err = backup.Create(path, head)
	require.NoError(t, err)
	m, _, err := w.Close()
	require.NoError(t, err)
	raw, err := json.Marshal(m.Entries)
	require.NoError(t, err)
	require.JSONEq(t, "[]", string(raw))
}
