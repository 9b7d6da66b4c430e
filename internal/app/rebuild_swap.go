package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"groundwork/store/qdrant"
	"groundwork/store/sql"
)

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
	if attended, err := library.Attended(ctx); err != nil || attended { // Adopt looks again: building may take long
		return cmp.Or(err, error(sql.ErrAttended))
	}
	began := !r.decided
	if began {
		if _, err := r.Build(ctx, step); err != nil {
			return err
		}
		if err := writeSynced(swapFile(r.cfg), nil); err != nil {
			return err
		}
	}
	err = library.Adopt(ctx, r.mirror, !r.cfg.Store.Embedded())
	if errors.Is(err, sql.ErrBehind) || errors.Is(err, sql.ErrAttended) && began { // nothing was done
		return errors.Join(err, os.Remove(swapFile(r.cfg)))
	}
	if err != nil {
		return err
	}
	return r.place(ctx, library)
}

// place puts the index where it is searched; each step may run again.
func (r *Rebuild) place(ctx context.Context, library *sql.Store) error {
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
	if err := library.Swapped(ctx); err != nil { // before the file goes, without which nothing leads here again
		return err
	}
	if err := os.Remove(swapFile(r.cfg)); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
