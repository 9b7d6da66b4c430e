package blob_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/blob"
	"groundwork/store/blob/s3test"
	"groundwork/store/storetest"
)

func openBucket(t *testing.T, url string, timeout time.Duration) *blob.Bucket {
	t.Helper()
	bucket, err := blob.OpenBucket(t.Context(), url, blob.BucketOptions{
		AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, SpoolDir: t.TempDir(), Timeout: timeout,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return bucket
}

func TestBucket(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	storetest.Files(t, func(t *testing.T) ingest.Files {
		return openBucket(t, server.URL("originals/"+uuid.NewString()), 0)
	})
}

func TestBucketWithoutPrefix(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	storetest.Files(t, func(t *testing.T) ingest.Files { return openBucket(t, server.NewBucket(), 0) })
}

func TestTwoProcessesShareABucket(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	one, two := openBucket(t, server.URL(""), 0), openBucket(t, server.URL(""), 0)
	require.NoError(t, one.Ping(t.Context()))
	sum, _, err := one.Put(t.Context(), strings.NewReader("shared"), 10)
	require.NoError(t, err)
	require.Equal(t, "shared", readAll(t, two, sum))
	_, _, err = two.Put(t.Context(), strings.NewReader("shared"), 10)
	require.NoError(t, err)
	require.NoError(t, two.Delete(t.Context(), sum))
	_, err = one.Open(t.Context(), sum)
	require.Equal(t, rag.CodeNotFound, rag.CodeOf(err))
}

// What another program put beside the originals is neither listed nor opened.
func TestForeignObjectsAreLeftAlone(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	bucket := openBucket(t, server.URL("files"), 0)
	sum, _, err := bucket.Put(t.Context(), strings.NewReader("mine"), 10)
	require.NoError(t, err)
	dir := filepath.Join(server.Folder(), s3test.Bucket)
	require.FileExists(t, filepath.Join(dir, "files", sum[:2], sum))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "files", "README"), []byte("hello"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, strings.Repeat("0", 64)), []byte("hello"), 0o600))
	var got []string
	require.NoError(t, bucket.List(t.Context(), func(sum string) error { got = append(got, sum); return nil }))
	require.Equal(t, []string{sum}, got)
}

func TestDamagedOriginals(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, files ingest.Files, root string) {
		content := strings.Repeat("leave policy ", 100_000)
		sum, _, err := files.Put(t.Context(), strings.NewReader(content), 1<<30)
		require.NoError(t, err)
		file, err := os.OpenFile(filepath.Join(root, sum[:2], sum), os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt([]byte{content[500_000] ^ 1}, 500_000)
		require.NoError(t, err)
		require.NoError(t, file.Close())

		for range 2 { // reading again does not help
			r, err := files.Open(t.Context(), sum)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, r)
			require.ErrorIs(t, err, blob.ErrDamaged)
			require.Equal(t, rag.CodeOriginal, rag.CodeOf(err))
			require.ErrorContains(t, err, sum)
			require.NoError(t, r.Close())
		}
		require.NoError(t, files.Delete(t.Context(), sum))
		_, _, err = files.Put(t.Context(), strings.NewReader(content), 1<<30)
		require.NoError(t, err)
		require.Equal(t, content, readAll(t, files, sum))
	}
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		root := filepath.Join(t.TempDir(), "blobs")
		folder, err := blob.Open(root)
		require.NoError(t, err)
		check(t, folder, root)
	})
	t.Run("bucket", func(t *testing.T) {
		t.Parallel()
		server := s3test.Start(t)
		check(t, openBucket(t, server.URL("a/b"), 0), filepath.Join(server.Folder(), s3test.Bucket, "a", "b"))
	})
}

// A server that got other bytes than were sent must not take them; the proxy changes one.
func TestBytesChangedOnTheWayAreRefused(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	proxy := newProxy(t, server.Address())
	bucket := openBucket(t, s3test.URL(proxy.addr, "x"), 5*time.Second)
	proxy.flip.Store(true)
	_, _, err := bucket.Put(t.Context(), strings.NewReader(strings.Repeat("content ", 1000)), 1<<20)
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	proxy.flip.Store(false)
	require.NoError(t, bucket.List(t.Context(), func(sum string) error { t.Errorf("%s is there", sum); return nil }))
}

func TestBucketURLs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                      "s3://BUCKET/PREFIX",
		"https://host/bucket":                   "s3://BUCKET/PREFIX",
		"s3:///prefix":                          "s3://BUCKET/PREFIX",
		"s3://user:hidden@bucket":               "store.files_access_key",
		"s3://b?endpoint=host:9000":             "endpoint must look like",
		"s3://b?use_path_style=maybe":           "use_path_style",
		"s3://b?colour=red":                     "colour",
		"s3://b/../c":                           "..",
		"s3://b\x7f?secret=hidden":              "not a URL",
		"s3://b?response_checksum_validation=x": "response_checksum_validation",
	} {
		_, err := blob.OpenBucket(t.Context(), url, blob.BucketOptions{})
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "hidden")
	}
	_, err := blob.OpenBucket(t.Context(), "s3://b", blob.BucketOptions{AccessKey: "only"})
	require.ErrorContains(t, err, "store.files_secret_key")
}

func TestWrongKeysAndAMissingBucketAreNotMissingFiles(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	stranger, err := blob.OpenBucket(t.Context(), server.URL(""), blob.BucketOptions{AccessKey: s3test.AccessKey, SecretKey: "wrong"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stranger.Close()) })
	elsewhere := openBucket(t, strings.Replace(server.URL(""), s3test.Bucket, "no-such-bucket", 1), 0)
	for bucket, want := range map[*blob.Bucket]string{stranger: "store.files_access_key", elsewhere: "does not exist"} {
		_, err := bucket.Open(t.Context(), strings.Repeat("a", 64))
		require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, bucket.Ping(t.Context()), want)
		_, _, err = bucket.Put(t.Context(), strings.NewReader("x"), 1)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "wrong")
	}
}

func TestNothingIsSpooledForLong(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	dir := t.TempDir()
	bucket, err := blob.OpenBucket(t.Context(), server.URL(""), blob.BucketOptions{AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, SpoolDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	seen := readerFunc(func([]byte) (int, error) {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "a file with a name outlives a kill")
		return 0, io.EOF
	})
	sum, _, err := bucket.Put(t.Context(), io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), seen), 2<<20)
	require.NoError(t, err)
	r, err := bucket.Open(t.Context(), sum)
	require.NoError(t, err)
	_, err = io.ReadFull(r, make([]byte, 10))
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, r.Close())
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func readAll(t *testing.T, files interface {
	Open(ctx context.Context, sum string) (io.ReadSeekCloser, error)
}, sum string) string {
	t.Helper()
	r, err := files.Open(t.Context(), sum)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(content)
}
