package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/riverqueue/river"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag"
	"groundwork/rag/analyze"
	"groundwork/store/blob"
	"groundwork/store/qdrant"
	"groundwork/store/sql"
)

// Rebuild is an index that is made with the configuration's model and chunker
// beside the one that is searched, which goes on answering. Below the folder
// reindex of the data directory it has a library of its own that mirrors the real
// one, with its own queue: a build that broke off goes on where it was. Close it.
type Rebuild struct {
	cfg      configs.Config
	opts     Options
	lock     *flock.Flock
	real     *sql.Store // only read
	mirror   *sql.Store
	files    ingest.Files
	index    index
	embedder *Embedding
	service  *ingest.Service
	present  vectorKind
	decided  bool // an earlier swap was interrupted: all that is left is to complete it
	closers  []func() error
}

// Built is how far the new index is.
type Built struct {
	Documents int      `json:"documents"`
	Ready     int      `json:"ready"`
	Failed    int      `json:"failed"`
	Lost      []string `json:"lost"` // paths of documents that are searchable now and could not be made anew
}

// OpenRebuild begins a rebuild, or goes on with it, and starts the embedding model.
func OpenRebuild(ctx context.Context, cfg configs.Config, opts Options) (*Rebuild, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	r := &Rebuild{cfg: cfg, opts: opts}
	for _, step := range []func(context.Context) error{r.take, r.openStores, r.openService} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

func (r *Rebuild) onClose(f func() error) { r.closers = append(r.closers, f) }

// Close ends it; what was built stays.
func (r *Rebuild) Close() error {
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	r.closers = nil
	return errors.Join(errs...)
}

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

// Decided reports whether a swap was interrupted, so that nothing is left but to complete it.
func (r *Rebuild) Decided() bool { return r.decided }

const (
	// lookAgain is how long after one comparison of the real library with the mirror the next one is.
	lookAgain = 500 * time.Millisecond
	// lookShare is how much longer than the comparison that pause is, at least: large libraries take time to read.
	lookShare = 10
)

// Build makes everything anew that the real library holds, also what comes
// meanwhile, and returns when nothing is left. step hears how many documents are done.
func (r *Rebuild) Build(ctx context.Context, step func(done, total int)) (b Built, err error) {
	for {
		began := time.Now()
		queued, gone, err := r.mirror.Mirror(ctx, r.real)
		if err != nil {
			return b, err
		}
		for _, d := range gone {
			if _, err := r.service.Remove(ctx, rag.Scope{Tenant: d.Tenant, Store: d.StoreID}, d.ID); err != nil && rag.CodeOf(err) != rag.CodeNotFound {
				return b, err
			}
		}
		if b, err = r.built(ctx); err != nil {
			return b, err
		}
		jobs, err := r.mirror.Waiting(ctx)
		if err != nil {
			return b, err
		}
		step(b.Ready+b.Failed, b.Documents)
		if queued == 0 && jobs == 0 && b.Ready+b.Failed == b.Documents {
			return b, nil
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-time.After(max(lookAgain, lookShare*time.Since(began))):
		}
	}
}

func (r *Rebuild) built(ctx context.Context) (b Built, err error) {
	b.Lost = []string{}
	searchable := map[[2]string]bool{}
	err = r.real.EachDocument(ctx, func(d rag.Document) error {
		searchable[[2]string{d.StoreID, d.ID}] = d.LiveVersion > 0
		return nil
	})
	if err != nil {
		return b, err
	}
	err = r.mirror.EachDocument(ctx, func(d rag.Document) error {
		b.Documents++
		switch d.State {
		case rag.StateReady:
			b.Ready++
		case rag.StateFailed:
			b.Failed++
			if searchable[[2]string{d.StoreID, d.ID}] {
				b.Lost = append(b.Lost, d.Path)
			}
		}
		return nil
	})
	return b, err
}

// Swap makes the new index the one that is searched, and removes the old one.
// No server or worker may run. What came since Build is caught up with first; an
// interrupted swap is completed by the next one.
func (r *Rebuild) Swap(ctx context.Context, step func(done, total int)) (err error) {
	o, err := NewOperator(r.cfg, r.opts.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	library, err := openLibrary(ctx, r.cfg, r.opts.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, library.Close()) }()
	if busy, err := library.Led(ctx); err != nil || busy {
		return errors.Join(err, errors.New("a server or worker works on the database; stop all of them first"))
	}
	if !r.decided {
		if _, err := r.Build(ctx, step); err != nil {
			return err
		}
		if err := writeSynced(swapFile(r.cfg), nil); err != nil {
			return err
		}
	}
	err = library.Adopt(ctx, r.mirror, !r.cfg.Store.Embedded())
	if errors.Is(err, sql.ErrBehind) {
		return errors.Join(err, os.Remove(swapFile(r.cfg)))
	}
	if err != nil {
		return err
	}
	return r.place(ctx)
}

// place puts the index where it is searched; each step may run again.
func (r *Rebuild) place(ctx context.Context) error {
	if remote, ok := r.index.(*qdrant.Index); ok {
		if err := remote.Promote(ctx); err != nil {
			return err
		}
	}
	if err := r.Close(); err != nil { // its files are moved
		return err
	}
	dir := rebuildDir(r.cfg)
	if r.cfg.Store.Embedded() {
		here, next := filepath.Join(r.cfg.Server.DataDir, "index"), filepath.Join(dir, "index")
		if _, err := os.Stat(next); err == nil {
			if err := os.RemoveAll(here); err != nil {
				return fmt.Errorf("remove the old index: %w", err)
			}
			if err := os.Rename(next, here); err != nil {
				return fmt.Errorf("put the new index in its place: %w", err)
			}
			if err := syncFolder(r.cfg.Server.DataDir); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(swapFile(r.cfg)); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
