package blob

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"groundwork/ingest"
	"groundwork/internal/disk"
	"groundwork/rag"
)

// BucketOptions are what the URL of a bucket does not say.
type BucketOptions struct {
	AccessKey string        // empty: the AWS SDK looks for credentials (environment, files, instance role)
	SecretKey string        // of AccessKey
	SpoolDir  string        // for files on their way in and out; empty: the system's folder for temporary files
	Timeout   time.Duration // of a call with all its retries, without the time for bytes; 0: 10 s
}

// Bucket keeps contents in an S3-compatible bucket. Any number of processes
// may use one bucket. An object appears whole or not at all, and the server
// compares its bytes with their SHA-256 before it takes them.
type Bucket struct {
	bucket    *blob.Bucket
	client    *s3.Client // of bucket
	transport *http.Transport
	place     place
	opts      BucketOptions
}

// OpenBucket reads a URL s3://BUCKET/PREFIX?endpoint=…&region=…&use_path_style=true.
// It sends nothing: a server that is down is no error here (see Ping). The
// bucket must exist.
func OpenBucket(ctx context.Context, rawURL string, o BucketOptions) (*Bucket, error) {
	p, err := parseURL(rawURL)
	if err != nil {
		return nil, badURL(err)
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		return nil, errors.New("open the file store: store.files_access_key and store.files_secret_key must both be set, or neither")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	client, transport, err := connect(ctx, p, o)
	if err != nil {
		return nil, badURL(err)
	}
	bucket, err := s3blob.OpenBucket(ctx, client, p.bucket, nil)
	if err != nil {
		return nil, badURL(err)
	}
	return &Bucket{bucket: bucket, client: client, transport: transport, place: p, opts: o}, nil
}

// Ping fails when the bucket cannot be listed.
func (b *Bucket) Ping(ctx context.Context) error {
	_, _, err := b.page(ctx, blob.FirstPageToken, 1)
	return err
}

// Close gives the connections back. Nothing may be in use.
func (b *Bucket) Close() error {
	err := b.bucket.Close()
	b.transport.CloseIdleConnections()
	return err
}

// Put takes r to a local file first, so that the name is known and nothing
// unfinished reaches the bucket, then stores it unless it is there already. It
// returns the SHA-256 and the size in bytes. More than limit bytes give
// rag.CodeTooLarge, a reader that breaks off rag.CodeInvalid, a server that
// does not answer rag.CodeUnavailable; nothing stays behind in any case.
func (b *Bucket) Put(ctx context.Context, r io.Reader, limit int64) (string, int64, error) {
	return put(ctx, b, r, limit)
}

// Stage brings r to the bucket and still holds it here, should somebody delete
// it before Keep. It fails as Put does.
func (b *Bucket) Stage(ctx context.Context, r io.Reader, limit int64) (ingest.Staged, error) {
	tmp, err := spool(b.opts.SpoolDir)
	if err != nil {
		return nil, err
	}
	s := &spooled{bucket: b, file: tmp}
	if s.sum, s.size, err = receive(ctx, tmp, r, limit); err == nil {
		err = s.Keep(ctx)
	}
	if err != nil {
		return nil, disk.Mark(errors.Join(err, s.Close()))
	}
	return s, nil
}

// spooled is a content of a bucket whose bytes are in a local file without a name.
type spooled struct {
	bucket *Bucket
	file   *os.File
	sum    string
	size   int64
}

func (s *spooled) SHA256() string { return s.sum }
func (s *spooled) Size() int64    { return s.size }
func (s *spooled) Close() error   { return s.file.Close() }

func (s *spooled) Keep(ctx context.Context) error {
	switch there, err := s.bucket.size(ctx, s.sum); {
	case err == nil && there == s.size:
		return nil
	case err != nil && rag.CodeOf(err) != rag.CodeNotFound:
		return err
	}
	return s.bucket.upload(ctx, s.file, s.sum, s.size)
}

// upload is one request and not gocloud's multipart writer: that one keeps
// parts in memory, cannot let the server check the SHA-256 of the whole, and
// leaves parts in the bucket when this process dies.
func (b *Bucket) upload(ctx context.Context, file *os.File, sum string, size int64) error {
	raw, err := hex.DecodeString(sum)
	if err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	call, cancel := b.deadline(ctx, size)
	defer cancel()
	_, err = b.client.PutObject(call, &s3.PutObjectInput{
		Bucket: aws.String(b.place.bucket), Key: aws.String(b.key(sum)), Body: file, ContentLength: aws.Int64(size),
		ContentType: aws.String("application/octet-stream"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(raw)),
	})
	return failed(ctx, "store a file", err)
}

// Open opens a content; unknown ones give rag.CodeNotFound. Its bytes come
// with the first Read, and all of them are checked before any is given out.
// Reading ends with ctx.
func (b *Bucket) Open(ctx context.Context, sum string) (io.ReadSeekCloser, error) {
	if !valid(sum) {
		return nil, notFound(nil)
	}
	size, err := b.size(ctx, sum)
	if rag.CodeOf(err) == rag.CodeNotFound { // so does a missing bucket look
		err = errors.Join(b.Ping(ctx), err)
	}
	if err != nil {
		return nil, err
	}
	return &original{ctx: ctx, bucket: b, sum: sum, size: size}, nil
}

// size fails with rag.CodeNotFound when there is no such content or no bucket.
func (b *Bucket) size(ctx context.Context, sum string) (int64, error) {
	call, cancel := b.deadline(ctx, 0)
	defer cancel()
	attrs, err := b.bucket.Attributes(call, b.key(sum))
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return 0, notFound(err)
	case err != nil:
		return 0, failed(ctx, "look for a stored file", err)
	}
	return attrs.Size, nil
}

// Delete removes a content; unknown ones are no error.
func (b *Bucket) Delete(ctx context.Context, sum string) error {
	if !valid(sum) {
		return nil
	}
	call, cancel := b.deadline(ctx, 0)
	defer cancel()
	err := b.bucket.Delete(call, b.key(sum))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return failed(ctx, "delete a stored file", err)
}

// List calls each for every content once, in no order.
func (b *Bucket) List(ctx context.Context, each func(sum string) error) error {
	for token := blob.FirstPageToken; len(token) > 0; {
		objects, next, err := b.page(ctx, token, 1000)
		if err != nil {
			return err
		}
		for _, object := range objects {
			sum := path.Base(object.Key)
			if !valid(sum) || object.Key != b.key(sum) {
				continue
			}
			if err := each(sum); err != nil {
				return err
			}
		}
		token = next
	}
	return nil
}

func (b *Bucket) page(ctx context.Context, token []byte, size int) ([]*blob.ListObject, []byte, error) {
	call, cancel := b.deadline(ctx, 0)
	defer cancel()
	objects, next, err := b.bucket.ListPage(call, token, size, &blob.ListOptions{Prefix: b.place.prefix})
	if err != nil {
		return nil, nil, failed(ctx, "list stored files", err)
	}
	return objects, next, nil
}

func (b *Bucket) key(sum string) string { return b.place.prefix + sum[:2] + "/" + sum }

// slowest is the rate below which a transfer is given up, in bytes a second.
const slowest = 256 << 10

// deadline bounds one call that moves bytes bytes.
func (b *Bucket) deadline(ctx context.Context, bytes int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.opts.Timeout+time.Duration(bytes/slowest)*time.Second)
}

// spool makes a temporary file that has no name any more, so that nothing of
// it outlives the process.
func spool(dir string) (*os.File, error) {
	tmp, err := os.CreateTemp(dir, "blob-")
	if err != nil {
		return nil, disk.Mark(fmt.Errorf("make a temporary file: %w", err))
	}
	if err := os.Remove(tmp.Name()); err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", errors.Join(err, tmp.Close()))
	}
	return tmp, nil
}
