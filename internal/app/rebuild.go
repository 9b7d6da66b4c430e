package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gofrs/flock"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag"
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
