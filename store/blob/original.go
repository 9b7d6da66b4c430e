package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// fetches is how often a download that breaks off is begun again: the SDK
// retries requests, not bodies.
const fetches = 3

// original is a content of a bucket. Seeking costs nothing; the first Read
// brings all bytes to a local file and checks them.
type original struct {
	ctx    context.Context // of Open; its end ends reading
	bucket *Bucket
	sum    string
	size   int64
	pos    int64    // before file is there
	file   *os.File // nil until the first Read; has no name
}

func (o *original) Read(p []byte) (int, error) {
	if o.file == nil {
		if err := o.fetch(); err != nil {
			return 0, err
		}
	}
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	return o.file.Read(p)
}

func (o *original) Seek(offset int64, whence int) (int64, error) {
	if o.file != nil {
		return o.file.Seek(offset, whence)
	}
	switch whence {
	case io.SeekCurrent:
		offset += o.pos
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("seek in a stored file: before its start")
	}
	o.pos = offset
	return offset, nil
}

func (o *original) Close() error {
	if o.file == nil {
		return nil
	}
	file := o.file
	o.file = nil
	return file.Close()
}

func (o *original) fetch() (err error) {
	file, err := spool(o.bucket.opts.SpoolDir)
	if err != nil {
		return err
	}
	for range fetches {
		if err = o.download(file); err == nil || errors.Is(err, ErrDamaged) || gcerrors.Code(err) == gcerrors.NotFound || o.ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		_, err = file.Seek(o.pos, io.SeekStart)
	}
	switch {
	case errors.Is(err, ErrDamaged):
	case gcerrors.Code(err) == gcerrors.NotFound:
		err = notFound(err) // deleted since Open
	default:
		err = failed(o.ctx, "read a stored file", err)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	o.file = file
	return nil
}

// download writes the whole content to file from its start and compares the hash.
func (o *original) download(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	call, cancel := o.bucket.deadline(o.ctx, o.size)
	defer cancel()
	hash := sha256.New()
	err := o.bucket.bucket.Download(call, o.bucket.key(o.sum), io.MultiWriter(file, hash), &blob.ReaderOptions{})
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != o.sum {
		return damaged(o.sum)
	}
	return nil
}
