package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
)

// Files checks an ingest.Files.
func Files(t *testing.T, open func(t *testing.T) ingest.Files) {
	t.Run("gives back what was put", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		content := strings.Repeat("leave policy\x00\xff ", 10_000)
		sum, size, err := files.Put(t.Context(), iotest.HalfReader(strings.NewReader(content)), int64(len(content)))
		require.NoError(t, err)
		require.Equal(t, hash(content), sum)
		require.Equal(t, int64(len(content)), size)
		require.Equal(t, content, read(t, files, sum))
	})
	t.Run("can be read from any position", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		sum := put(t, files, "0123456789")
		r, err := files.Open(t.Context(), sum)
		require.NoError(t, err)
		defer func() { require.NoError(t, r.Close()) }()
		_, err = r.Seek(4, io.SeekStart)
		require.NoError(t, err)
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "456789", string(rest))
	})
	t.Run("can be sized and read twice, as for an HTTP reply", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		content := strings.Repeat("0123456789", 10_000)
		r, err := files.Open(t.Context(), put(t, files, content))
		require.NoError(t, err)
		defer func() { require.NoError(t, r.Close()) }()
		size, err := r.Seek(0, io.SeekEnd)
		require.NoError(t, err)
		require.EqualValues(t, len(content), size)
		_, err = r.Seek(-1, io.SeekStart)
		require.Error(t, err)
		for range 2 {
			_, err = r.Seek(0, io.SeekStart)
			require.NoError(t, err)
			all, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, content, string(all))
		}
		at, err := r.Seek(-5, io.SeekCurrent)
		require.NoError(t, err)
		require.EqualValues(t, len(content)-5, at)
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "56789", string(rest))
	})
	t.Run("takes a large file", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		content := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
		sum, size, err := files.Put(t.Context(), bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		require.EqualValues(t, len(content), size)
		require.Equal(t, hash(string(content)), hash(read(t, files, sum)))
	})
	t.Run("keeps equal content once", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		require.Equal(t, put(t, files, "same"), put(t, files, "same"))
		require.Equal(t, []string{hash("same")}, list(t, files))
		require.NoError(t, files.Delete(t.Context(), hash("same")))
		require.Empty(t, list(t, files))
	})
	t.Run("keeps what was deleted while it came", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		staged, err := files.Stage(t.Context(), strings.NewReader("same"), 4)
		require.NoError(t, err)
		require.EqualValues(t, 4, staged.Size())
		require.NoError(t, files.Delete(t.Context(), staged.SHA256()))
		require.NoError(t, staged.Keep(t.Context()))
		require.NoError(t, staged.Close())
		require.Equal(t, "same", read(t, files, hash("same")))
		require.Equal(t, []string{hash("same")}, list(t, files))
	})
	t.Run("takes the empty file", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		require.Empty(t, read(t, files, put(t, files, "")))
	})
	t.Run("refuses what is too large and keeps nothing", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		_, _, err := files.Put(t.Context(), strings.NewReader("12345"), 4)
		require.Equal(t, rag.CodeTooLarge, rag.CodeOf(err))
		require.Empty(t, list(t, files))
		_, size, err := files.Put(t.Context(), strings.NewReader("1234"), 4)
		require.NoError(t, err)
		require.EqualValues(t, 4, size)
	})
	t.Run("keeps nothing of an upload that broke off", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		body := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, _, err := files.Put(t.Context(), body, 100)
		require.Equal(t, rag.CodeInvalid, rag.CodeOf(err))
		require.Empty(t, list(t, files))
	})
	t.Run("keeps nothing of an upload that was cancelled", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		body := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) {
			cancel()
			return 0, nil
		}), strings.NewReader("rest"))
		_, _, err := files.Put(ctx, body, 100)
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, list(t, files))
	})
	t.Run("does not know what was never put", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		for _, sum := range []string{hash("absent"), "", "../../etc/passwd", strings.Repeat("A", 64)} {
			_, err := files.Open(t.Context(), sum)
			require.Equal(t, rag.CodeNotFound, rag.CodeOf(err), sum)
			require.NoError(t, files.Delete(t.Context(), sum), sum)
		}
	})
	t.Run("lists everything and stops when told", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		var want []string
		for i := range 40 {
			want = append(want, put(t, files, fmt.Sprint("content ", i)))
		}
		require.ElementsMatch(t, want, list(t, files))
		stop, calls := errors.New("stop"), 0
		require.ErrorIs(t, files.List(t.Context(), func(string) error { calls++; return stop }), stop)
		require.Equal(t, 1, calls)
	})
	t.Run("takes the same content from many at once", func(t *testing.T) {
		t.Parallel()
		files := open(t)
		content := bytes.Repeat([]byte("x"), 100_000)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, _, err := files.Put(t.Context(), bytes.NewReader(content), 1<<20); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, string(content), read(t, files, hash(string(content))))
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) {
	n, err := f(p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func put(t *testing.T, files ingest.Files, content string) string {
	t.Helper()
	sum, _, err := files.Put(t.Context(), strings.NewReader(content), 1<<20)
	require.NoError(t, err)
	return sum
}

func read(t *testing.T, files ingest.Files, sum string) string {
	t.Helper()
	r, err := files.Open(t.Context(), sum)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(content)
}

func list(t *testing.T, files ingest.Files) []string {
	t.Helper()
	var out []string
	require.NoError(t, files.List(t.Context(), func(sum string) error {
		out = append(out, sum)
		return nil
	}))
	return out
}
