package app

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"groundwork/rag"
)

// uploads are the files that fine-tuning jobs read. What keeps them may be away for a while; then a job waits.
type uploads struct {
	records interface {
		File(ctx context.Context, tenant, id string) (rag.File, error)
		Files(ctx context.Context, tenant string, p rag.Page) (files []rag.File, more bool, err error)
	}
	contents interface {
		Open(ctx context.Context, sum string) (io.ReadSeekCloser, error)
	}
	log *slog.Logger
}

// open opens a file by its id. Its first bytes are there: a bucket brings all with them.
func (u uploads) open(ctx context.Context, tenant, id string) (io.ReadCloser, error) {
	return persist(ctx, u.log, func() (io.ReadCloser, error) {
		f, err := u.records.File(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		content, err := u.contents.Open(ctx, f.SHA256)
		if err != nil {
			return nil, err
		}
		begun := bufio.NewReader(content)
		if _, err := begun.Peek(1); err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, content.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{begun, content}, nil
	})
}

// sets adds the files of a tenant that were uploaded as question sets.
func (u uploads) sets(ctx context.Context, tenant string, add func(name string, in io.Reader) error) error {
	type listed struct {
		files []rag.File
		more  bool
	}
	page := rag.Page{Limit: 100, Ascending: true}
	for more := true; more; {
		l, err := persist(ctx, u.log, func() (l listed, err error) {
			l.files, l.more, err = u.records.Files(ctx, tenant, page)
			return l, err
		})
		if err != nil {
			return err
		}
		for _, f := range l.files {
			page.After = f.ID
			if f.Purpose != "evals" {
				continue
			}
			if err := u.addSet(ctx, f, add); err != nil {
				return err
			}
		}
		more = l.more && len(l.files) > 0
	}
	return nil
}

func (u uploads) addSet(ctx context.Context, f rag.File, add func(string, io.Reader) error) error {
	content, err := u.open(ctx, f.Tenant, f.ID)
	if rag.CodeOf(err) == rag.CodeNotFound {
		return nil // deleted just now
	}
	if err != nil {
		return err
	}
	defer content.Close()
	return add(f.ID, content)
}

// persist tries again for as long as what it needs is away, and says so when that begins.
func persist[T any](ctx context.Context, log *slog.Logger, try func() (T, error)) (T, error) {
	again, said := pause(time.Second, 30*time.Second), ""
	for {
		out, err := try()
		switch rag.CodeOf(err) {
		case rag.CodeUnavailable, rag.CodeBusy, rag.CodeTimeout:
			if err.Error() != said {
				said = err.Error()
				log.Warn("a fine-tuning job waits for what it needs", "error", err)
			}
			if again(ctx) {
				continue
			}
		}
		return out, err
	}
}

// faithful keeps the error of a reader, which whoever reads from it may take for one of the content.
type faithful struct {
	io.Reader
	err error
}

func (f *faithful) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
