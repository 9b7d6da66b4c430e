package app

import (
	"context"
	"errors"
	"io"
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
