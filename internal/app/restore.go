package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"groundwork/rag"
	"groundwork/store/backup"
)

// Restoration is what Restore made of a backup.
type Restoration struct {
	Backup  backup.Head    `json:"backup"`
	Counts  map[string]int `json:"counts"`  // of the backup
	Entries int            `json:"entries"` // of the index
	Queued  int            `json:"queued"`  // documents that a server will index anew
	Audit   Audit          `json:"audit"`
	Seconds float64        `json:"seconds"`
}

// Restore makes the installation of the configuration what a backup holds. The
// file is verified before anything else. All is built beside what is there and
// verified as `groundwork verify` does; then it takes its place, in one step
// that is completed at the next start if this process ends in the middle of it.
// Stores that hold something are refused unless replace says otherwise, and
// those on PostgreSQL or Qdrant always.
func (o *Operator) Restore(ctx context.Context, file string, replace bool, step func(what string, done, total int64)) (r Restoration, err error) {
	began := time.Now()
	if o.lock == nil { // the stage is in the data directory, whatever the stores are
		if o.lock, err = lockDir(o.cfg.Server.DataDir); err != nil {
			return r, err
		}
	}
	if err := o.vacant(ctx, replace); err != nil {
		return r, err
	}
	m, err := backup.Verify(file, func(read, total int64) { step(bytesChecked, read, total) })
	if err != nil {
		return r, err
	}
	r.Backup, r.Counts = m.Head, m.Counts
	stage := stageDir(o.cfg)
	if err := os.RemoveAll(stage); err != nil { // of a restoration that broke off
		return r, fmt.Errorf("clear %s: %w", stage, err)
	}
	b := &builder{file: file, m: m, out: &r, step: step, real: o.cfg, cfg: o.cfg, operator: o}
	b.cfg.Server.DataDir, b.cfg.Store.SQL = stage, ""
	if err := b.build(ctx); err != nil {
		return r, errors.Join(err, os.RemoveAll(stage))
	}
	if err := ready(o.cfg.Server.DataDir, placed(o.cfg)); err != nil {
		return r, err
	}
	r.Seconds = time.Since(began).Seconds()
	if err := os.Remove(fillingFile(o.cfg)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	return r, finishRestore(o.cfg.Server.DataDir)
}

// vacant fails when the target holds something that must not be replaced.
func (o *Operator) vacant(ctx context.Context, replace bool) (err error) {
	if _, err := os.Stat(libraryPath(o.cfg)); o.cfg.Store.SQL == "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	shared := o.cfg.Store.SQL != "" || !o.cfg.Store.Embedded()
	if !shared && replace {
		return nil
	}
	library, err := openLibrary(ctx, o.cfg, o.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, library.Close()) }()
	switch err := library.Empty(ctx); {
	case rag.CodeOf(err) != rag.CodeConflict:
		return err
	case shared:
		return errors.New("the stores hold documents or keys already, and those outside of the data directory are never replaced; restore into a new database and a new store.qdrant.alias, look at the result, and then let the servers use them")
	}
	return fmt.Errorf("%s holds documents or keys already; give another --data-dir, or replace them with --force", o.cfg.Server.DataDir)
}
