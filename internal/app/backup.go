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
	"time"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/store/backup"
	"groundwork/store/blob"
	"groundwork/store/local"
	"groundwork/store/sql"
)

// The folders of the entries in a backup. Folders of the data directory that are
// taken as they are keep their names.
const (
	partsFolder     = "rows"
	originalsFolder = "originals"
	vectorsFolder   = "vectors"
)

// kept are those folders of the data directory that a backup takes as they are:
// tuned adapters, runs of evaluations, reports of comparisons, drafted questions.
var kept = []string{"adapters", "runs", "comparisons", "drafts"}

// Backup is what TakeBackup wrote.
type Backup struct {
	File    string         `json:"file"`
	Bytes   int64          `json:"bytes"`
	Counts  map[string]int `json:"counts"` // rows by table, originals, vectors, files
	Seconds float64        `json:"seconds"`
}

// TakeBackup writes everything that an installation holds into one new file, beside
// the servers and workers of the installation: it only reads. What is in the
// file is the library as it was at one moment after the call, with every
// original it refers to, and the vectors that the index still held of it. step
// hears how far it is; total is 0 when it is not known.
func TakeBackup(ctx context.Context, cfg configs.Config, opts Options, file string, step func(what string, done, total int64)) (b Backup, err error) {
	began := time.Now()
	r, err := openReading(ctx, cfg, opts)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	w, err := backup.Create(file, backup.Head{Version: opts.Version, CreatedAt: began.UTC().Truncate(time.Second), Dimensions: r.kind.dimensions, Fingerprint: r.kind.fingerprint})
	if err != nil {
		return b, err
	}
	t := taker{reading: r, to: w, step: step, has: map[string]bool{}, missed: map[string]int{}}
	for _, part := range []func(context.Context) error{t.library, t.vectors, t.folders} {
		if err := part(ctx); err != nil {
			return b, errors.Join(err, w.Abort())
		}
	}
	m, size, err := w.Close()
	return Backup{File: file, Bytes: size, Counts: m.Counts, Seconds: time.Since(began).Seconds()}, err
}

// reading are the stores of an installation that others may be working on.
type reading struct {
	cfg     configs.Config
	library *sql.Store
	files   ingest.Files
	index   ingest.Inventory
	kind    vectorKind // of the index, whatever the configuration says
	closers []func() error
}

func openReading(ctx context.Context, cfg configs.Config, opts Options) (*reading, error) {
	r := &reading{cfg: cfg}
	if err := r.open(ctx, opts); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *reading) open(ctx context.Context, opts Options) (err error) {
	r.library, err = sql.OpenReader(ctx, sql.Options{URL: r.cfg.Store.SQL.Reveal(), Path: libraryPath(r.cfg), Log: opts.Log})
	if err != nil {
		return err
	}
	r.closers = append(r.closers, r.library.Close)
	if r.cfg.Store.Files == "" {
		r.files = blob.OpenReader(filepath.Join(r.cfg.Server.DataDir, "files"))
	} else if r.files, err = openFiles(ctx, r.cfg); err != nil {
		return err
	}
	if c, ok := r.files.(io.Closer); ok {
		r.closers = append(r.closers, c.Close)
	}
	if !r.cfg.Store.Embedded() {
		if r.kind, err = vectorsOf(r.cfg); err != nil {
			return err
		}
		index, err := openIndex(ctx, r.cfg, r.library, r.kind, indexOptions{log: opts.Log})
		if err != nil {
			return err
		}
		r.index, r.closers = index, append(r.closers, index.Close)
		return nil
	}
	index, err := local.OpenReader(ctx, filepath.Join(r.cfg.Server.DataDir, "index"))
	if rag.CodeOf(err) == rag.CodeNotFound { // its documents are indexed anew after a restore
		r.index = nil
		return nil
	}
	if err != nil {
		return err
	}
	r.index, r.kind, r.closers = index, vectorKind{index.Dimensions, index.Fingerprint}, append(r.closers, index.Close)
	return nil
}

func (r *reading) close() error {
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	return errors.Join(errs...)
}

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
	size, err := r.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	got, err := t.to.Add(originalsFolder+"/"+sum, size, r)
	if err == nil && got != sum {
		err = fmt.Errorf("the bytes of the original %s hash to %s; `groundwork verify` tells whose they are: restore the file from an earlier backup, or delete the document and upload it again", sum, got)
	}
	return err
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

// Checked is what CheckBackup read.
type Checked struct {
	Head    backup.Head    `json:"head"`
	Counts  map[string]int `json:"counts"`
	Entries int            `json:"entries"` // of the file
}

// CheckBackup compares every checksum of a backup and restores nothing.
func CheckBackup(file string, step func(what string, done, total int64)) (Checked, error) {
	m, err := backup.Verify(file, func(read, total int64) { step(bytesChecked, read, total) })
	return Checked{m.Head, m.Counts, len(m.Entries)}, err
}

// bytesChecked is a step that counts bytes.
const bytesChecked = "bytes checked"
