package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/riverqueue/river"

	"groundwork/ingest"
	"groundwork/rag/analyze"
	"groundwork/store/blob"
	"groundwork/store/sql"
)

// take makes the folder this process's own, and empties it when what is there is for another model or chunker.
func (r *Rebuild) take(context.Context) error {
	dir := rebuildDir(r.cfg)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the new index: %w", err)
	}
	r.lock = flock.New(filepath.Join(r.cfg.Server.DataDir, "reindex.lock"), flock.SetPermissions(0o600))
	ok, err := r.lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock the folder of the new index: %w", err)
	}
	if !ok {
		return errors.New("another `groundwork reindex` already works on this data directory")
	}
	r.onClose(r.lock.Unlock)
	return nil
}

func (r *Rebuild) openStores(ctx context.Context) (err error) {
	kind, err := vectorsOf(r.cfg)
	if err != nil {
		return err
	}
	fresh, err := r.begin(kind)
	if err != nil {
		return err
	}
	if r.present, err = presentKind(ctx, r.cfg); err != nil {
		return err
	}
	url := r.cfg.Store.SQL.Reveal()
	if r.real, err = sql.OpenReader(ctx, sql.Options{URL: url, Path: libraryPath(r.cfg), Log: r.opts.Log}); err != nil {
		return err
	}
	r.onClose(r.real.Close)
	if r.mirror, err = sql.Open(ctx, sql.Options{Path: filepath.Join(rebuildDir(r.cfg), "library.db"), Log: r.opts.Log}); err != nil {
		return err
	}
	r.onClose(r.mirror.Close)
	if err := r.openFiles(ctx); err != nil {
		return err
	}
	if _, err := os.Stat(swapFile(r.cfg)); err == nil {
		r.decided = true
		if r.cfg.Store.Embedded() { // its files may be in their place already
			return nil
		}
	}
	at := r.cfg
	at.Server.DataDir = rebuildDir(r.cfg)
	if r.index, err = openIndex(ctx, at, r.mirror, kind, indexOptions{beside: true, fresh: fresh, log: r.opts.Log}); err != nil {
		return err
	}
	r.onClose(r.index.Close)
	return nil
}

func (r *Rebuild) openFiles(ctx context.Context) error {
	if r.cfg.Store.Files == "" {
		r.files = borrowed{blob.OpenReader(filepath.Join(r.cfg.Server.DataDir, "files"))}
		return nil
	}
	bucket, err := openFiles(ctx, r.cfg)
	if err != nil {
		return err
	}
	if c, ok := bucket.(io.Closer); ok {
		r.onClose(c.Close)
	}
	r.files = borrowed{bucket}
	return nil
}

// borrowed are originals that belong to the real library, whatever the mirror thinks.
type borrowed struct{ ingest.Files }

// Delete does nothing.
func (borrowed) Delete(context.Context, string) error { return nil }

// begin tells whether nothing of this kind was built yet.
func (r *Rebuild) begin(kind vectorKind) (fresh bool, err error) {
	dir := rebuildDir(r.cfg)
	mark := filepath.Join(dir, "kind.json")
	want, err := json.Marshal([]any{kind.dimensions, kind.fingerprint, r.cfg.Store.Embedded()})
	if err != nil {
		return false, err
	}
	if have, err := os.ReadFile(mark); err == nil && string(have) == string(want) {
		return false, nil
	}
	if _, err := os.Stat(swapFile(r.cfg)); err == nil {
		return false, errors.New("the new index that is about to take the place of the old one was made with another configuration; run the command with that one")
	}
	if err := os.RemoveAll(dir); err != nil {
		return false, fmt.Errorf("remove what an earlier rebuild left: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	return true, writeSynced(mark, want)
}

func (r *Rebuild) openService(ctx context.Context) (err error) {
	if r.decided {
		return nil
	}
	if r.embedder, err = StartEmbedding(ctx, r.cfg, r.opts); err != nil {
		return fmt.Errorf("start the embedding model: %w", err)
	}
	r.onClose(func() error { return r.embedder.Stop(context.WithoutCancel(ctx)) })
	a := &App{cfg: r.cfg}
	parse, err := a.parser()
	if err != nil {
		return err
	}
	r.service = &ingest.Service{
		Library: r.mirror, Publisher: r.mirror, Catalog: r.mirror, Trash: r.mirror, Batches: r.mirror, Files: r.files, Index: r.index, Labels: r.mirror, Describer: r.index,
		Embedder: r.embedder, Parse: parse, Split: a.split, Analyze: analyze.Terms, Log: r.opts.Log, Locks: r.mirror.Locks(),
		Limits: ingest.Limits{MaxFile: int64(r.cfg.Upload.MaxFile), Batch: r.cfg.Ingest.Batch, Attempts: r.cfg.Ingest.Attempts},
	}
	if _, err := r.mirror.RequeueRunning(ctx); err != nil {
		return err
	}
	workers := river.NewWorkers()
	r.service.Register(workers)
	stop, err := r.mirror.Work(ctx, workers, sql.WorkOptions{Workers: max(r.cfg.Ingest.Workers, 1), JobTimeout: r.cfg.Ingest.JobTimeout, RescueAfter: r.cfg.Ingest.RescueAfter})
	if err != nil {
		return err
	}
	r.onClose(func() error {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobGrace)
		defer cancel()
		return stop(ending)
	})
	return nil
}
