package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/backup"
	"groundwork/store/sql"
)

// taker writes one backup.
type taker struct {
	*reading
	to   *backup.Writer
	step func(what string, done, total int64)

	has    map[string]bool // originals that are in the file
	missed map[string]int  // how often an original was not there
}

const (
	// moments is how often the library is looked at again because an original went meanwhile.
	moments = 100
	// lost is how many moments in a row refer to an original that is not there until it is taken for lost:
	// rows go before their original, so one that was deleted is missed once.
	lost = 3
)

// errMoved says that an original was deleted since the moment that needs it.
var errMoved = errors.New("documents were deleted faster than they could be copied; try again")

// library writes originals and rows. An original may be deleted while the rest
// is copied. So the rows are those of a moment at which every original they refer
// to is already in the file: each try copies what came since the one before,
// which takes less and less time, and only then writes the rows of that same moment.
func (t *taker) library(ctx context.Context) (err error) {
	rows := 0
	part := func(p sql.Part) error {
		raw, err := json.Marshal(p)
		if err != nil {
			return err
		}
		rows++
		t.to.Count(p.Table, len(p.Rows))
		t.step("parts of the library", int64(rows), 0)
		return t.to.AddBytes(fmt.Sprintf("%s/%06d-%s.json", partsFolder, rows, p.Table), raw)
	}
	if err := t.copyAhead(ctx); err != nil {
		return err
	}
	for range moments {
		err = t.reading.library.Export(ctx, func(sums []string) error { return t.originals(ctx, sums) }, part)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return err
}

// copyAhead copies the bulk of the originals, outside of any transaction.
func (t *taker) copyAhead(ctx context.Context) error {
	stop := errors.New("stop")
	var sums []string
	err := t.reading.library.Export(ctx, func(all []string) error { sums = all; return stop }, nil)
	if !errors.Is(err, stop) {
		return err
	}
	if err := t.originals(ctx, sums); !errors.Is(err, errMoved) {
		return err
	}
	return nil
}

// originals copies those that are not in the file yet; errMoved when one is gone.
func (t *taker) originals(ctx context.Context, sums []string) error {
	moved := false
	for i, sum := range sums {
		if t.has[sum] {
			continue
		}
		err := t.original(ctx, sum)
		if rag.CodeOf(err) == rag.CodeNotFound {
			if t.missed[sum]++; t.missed[sum] >= lost {
				return fmt.Errorf("the original %s is missing; `groundwork verify` tells whose it is: restore the file from an earlier backup, or delete the document and upload it again", sum)
			}
			moved = true
			continue
		}
		if err != nil {
			return err
		}
		t.has[sum] = true
		t.to.Count("originals", 1)
		t.step("originals", int64(i+1), int64(len(sums)))
	}
	if moved {
		return errMoved
	}
	return nil
}

func (t *taker) original(ctx context.Context, sum string) (err error) {
	r, err := t.files.Open(ctx, sum)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	size, err := arrived(r)
	if err != nil {
		return err
	}
	got, err := t.to.Add(originalsFolder+"/"+sum, size, r)
	if err == nil && got != sum {
		err = fmt.Errorf("the bytes of the original %s hash to %s; `groundwork verify` tells whose they are: restore the file from an earlier backup, or delete the document and upload it again", sum, got)
	}
	return err
}

// arrived gives the size of a content that can be read to its end, whatever is
// deleted from now on: a bucket's bytes come with the first Read.
func arrived(r io.ReadSeeker) (size int64, err error) {
	if _, err := io.CopyN(io.Discard, r, 1); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if size, err = r.Seek(0, io.SeekEnd); err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	return size, err
}

// vectors writes what the index holds by now of what is searchable. A document
// that was replaced since its rows were read is indexed anew after a restore.
func (t *taker) vectors(ctx context.Context) error {
	if t.index == nil {
		return nil
	}
	scopes, err := t.index.Scopes(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, scope := range scopes {
		v := vectorPart{scope: scope}
		err := t.index.Held(ctx, scope, func(h ingest.Held) error {
			if !h.Published {
				return nil
			}
			if v.add(h.ChunkID, h.Vector); v.full() {
				return t.flush(&v, &n)
			}
			return nil
		})
		if err == nil {
			err = t.flush(&v, &n)
		}
		if err != nil {
			return fmt.Errorf("read the index: %w", err)
		}
	}
	return nil
}

func (t *taker) flush(v *vectorPart, n *int) error {
	if len(v.ids) == 0 {
		return nil
	}
	*n++
	raw, err := v.bytes()
	if err == nil {
		err = t.to.AddBytes(fmt.Sprintf("%s/%06d", vectorsFolder, *n), raw)
	}
	t.to.Count("vectors", len(v.ids))
	t.step("parts of the index", int64(*n), 0)
	v.reset()
	return err
}

// folders takes files that appear whole and are never changed in place.
func (t *taker) folders(context.Context) error {
	for _, folder := range kept {
		root := filepath.Join(t.cfg.Server.DataDir, folder)
		err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && !entry.Type().IsRegular() {
				return nil
			}
			if err != nil {
				return err
			}
			inside, err := filepath.Rel(root, at)
			if err != nil {
				return err
			}
			return t.file(path.Join(folder, filepath.ToSlash(inside)), at)
		})
		if err != nil {
			return fmt.Errorf("copy the folder %s: %w", folder, err)
		}
	}
	return nil
}

func (t *taker) file(name, at string) (err error) {
	f, err := os.Open(at)
	if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	t.to.Count("copied_files", 1)
	_, err = t.to.Add(name, info.Size(), f)
	return err
}
