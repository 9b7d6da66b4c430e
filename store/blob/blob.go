// Package blob keeps original files by the SHA-256 of their content, in a
// folder (Folder) or in an S3-compatible bucket (Bucket). Both use the same
// names, ROOT/ab/abcdef…, so that any tool that copies files moves one to the
// other. Bytes that no longer hash to their name are an error when they are
// read to the end.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"groundwork/ingest"
	"groundwork/internal/disk"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Folder is a folder of contents. Files are 0600, folders 0700. What Put has
// returned survives a power cut.
type Folder struct {
	root   string
	tmp    string
	shards sync.Map // folders whose names are known to be durable
}

// Open makes the folder when it does not exist and removes what interrupted
// uploads left. Only one process may use a folder.
func Open(root string) (*Folder, error) {
	f := &Folder{root: root, tmp: filepath.Join(root, "tmp")}
	if err := os.RemoveAll(f.tmp); err != nil {
		return nil, fmt.Errorf("open the file store: %w", err)
	}
	if err := os.MkdirAll(f.tmp, 0o700); err != nil {
		return nil, fmt.Errorf("open the file store: %w", err)
	}
	if err := os.Chmod(root, 0o700); err != nil {
		return nil, fmt.Errorf("open the file store: %w", err)
	}
	for _, dir := range []string{root, filepath.Dir(root)} { // the second holds the first one's name
		if err := disk.Sync(dir); err != nil {
			return nil, fmt.Errorf("open the file store: %w", err)
		}
	}
	return f, nil
}

// OpenReader gives a folder that another process uses: what is uploaded there stays. It makes nothing; to Put
// something, the folder and its tmp must be there.
func OpenReader(root string) *Folder { return &Folder{root: root, tmp: filepath.Join(root, "tmp")} }

// Put stores what r gives and returns its SHA-256 and size in bytes; it is
// durable then. More than limit bytes give rag.CodeTooLarge, a reader that
// breaks off rag.CodeInvalid; nothing stays behind in either case.
func (f *Folder) Put(ctx context.Context, r io.Reader, limit int64) (string, int64, error) {
	return put(ctx, f, r, limit)
}

// Stage brings r to the disk, under no name yet. It fails as Put does.
func (f *Folder) Stage(ctx context.Context, r io.Reader, limit int64) (ingest.Staged, error) {
	tmp, err := os.CreateTemp(f.tmp, "put-")
	if err != nil {
		return nil, disk.Mark(fmt.Errorf("store a file: %w", err))
	}
	sum, size, err := write(ctx, tmp, r, limit)
	if err != nil {
		return nil, disk.Mark(errors.Join(err, ignoreAbsent(os.Remove(tmp.Name()))))
	}
	failpoint.Reached(failpoint.BlobSynced)
	return &named{folder: f, tmp: tmp.Name(), sum: sum, size: size}, nil
}

// named is a content of a Folder that waits for its name.
type named struct {
	folder   *Folder
	tmp, sum string
	size     int64
}

func (n *named) SHA256() string { return n.sum }
func (n *named) Size() int64    { return n.size }

func (n *named) Keep(context.Context) error { return disk.Mark(n.folder.place(n.tmp, n.sum)) }

func (n *named) Close() error { return ignoreAbsent(os.Remove(n.tmp)) }

// put stages and keeps.
func put(ctx context.Context, files ingest.Files, r io.Reader, limit int64) (sum string, size int64, err error) {
	staged, err := files.Stage(ctx, r, limit)
	if err != nil {
		return "", 0, err
	}
	if err := errors.Join(staged.Keep(ctx), staged.Close()); err != nil {
		return "", 0, err
	}
	return staged.SHA256(), staged.Size(), nil
}

// write copies r to tmp, syncs and closes it.
func write(ctx context.Context, tmp *os.File, r io.Reader, limit int64) (string, int64, error) {
	sum, size, err := receive(ctx, tmp, r, limit)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("store a file: %w", closeErr)
	}
	return sum, size, err
}

// receive copies r to w and says what came: its SHA-256 and its size. It fails
// as Put does.
func receive(ctx context.Context, w io.Writer, r io.Reader, limit int64) (string, int64, error) {
	hash := sha256.New()
	src := &source{ctx: ctx, r: io.LimitReader(r, limit+1)}
	size, err := io.Copy(io.MultiWriter(w, hash), src)
	switch {
	case src.err != nil:
		return "", 0, broken(src.err)
	case err != nil:
		return "", 0, fmt.Errorf("store a file: %w", err)
	case size > limit:
		return "", 0, rag.Fail(rag.CodeTooLarge, fmt.Sprintf("the file is larger than %s; split it or raise upload.max_file", human(limit)))
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}

// place moves a synced file to its address. It replaces an equal one, so that
// the name is synced whoever wrote it first.
func (f *Folder) place(tmp, sum string) error {
	dir := filepath.Join(f.root, sum[:2])
	if err := f.shard(dir); err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, sum)); err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	failpoint.Reached(failpoint.BlobRenamed)
	if err := disk.Sync(dir); err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	return nil
}

// shard makes a folder whose name is durable when it returns. That somebody
// else made it says nothing: they may not have synced it yet, or their sync failed.
func (f *Folder) shard(dir string) error {
	if _, durable := f.shards.Load(dir); durable {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := disk.Sync(f.root); err != nil {
		return err
	}
	f.shards.Store(dir, nil)
	return nil
}

// Open opens a content; unknown ones give rag.CodeNotFound. A reader that gets
// to the end of a damaged one gets ErrDamaged there.
func (f *Folder) Open(_ context.Context, sum string) (io.ReadSeekCloser, error) {
	if !valid(sum) {
		return nil, notFound(nil)
	}
	file, err := os.Open(f.path(sum))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(err)
	}
	if err != nil {
		return nil, fmt.Errorf("open a stored file: %w", err)
	}
	return verify(file, sum), nil
}

// Delete removes a content; unknown ones are no error.
func (f *Folder) Delete(_ context.Context, sum string) error {
	if !valid(sum) {
		return nil
	}
	path := f.path(sum)
	switch err := os.Remove(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return disk.Mark(fmt.Errorf("delete a stored file: %w", err))
	}
	if err := disk.Sync(filepath.Dir(path)); err != nil {
		return disk.Mark(fmt.Errorf("delete a stored file: %w", err))
	}
	return nil
}

// List calls each for every content once, in no order.
func (f *Folder) List(ctx context.Context, each func(sum string) error) error {
	shards, err := os.ReadDir(f.root)
	if err != nil {
		return fmt.Errorf("list stored files: %w", err)
	}
	for _, shard := range shards {
		if len(shard.Name()) != 2 || !shard.IsDir() {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(f.root, shard.Name()))
		if err != nil {
			return fmt.Errorf("list stored files: %w", err)
		}
		for _, entry := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !valid(entry.Name()) {
				continue
			}
			if err := each(entry.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Folder) path(sum string) string { return filepath.Join(f.root, sum[:2], sum) }

// valid keeps anything that is not an address away from the file system.
func valid(sum string) bool {
	if len(sum) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(sum) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// source remembers the reader's own error, to tell it from that of the disk,
// and stops when ctx ends.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// broken is an upload that did not arrive whole; an error that already speaks
// to the user is left as it is.
func broken(err error) error {
	var known *rag.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return &rag.Error{Code: rag.CodeInvalid, Message: "the upload broke off before its end; send the file again", Err: err}
}

func notFound(err error) error {
	return &rag.Error{Code: rag.CodeNotFound, Message: "the file's content is not stored here; upload it again", Err: err}
}

func human(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
