package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"groundwork/configs"
	"groundwork/ingest"
	"groundwork/rag/analyze"
)

// Audit is what Verify found.
type Audit = ingest.Audit

// Fault is one thing that Verify found wrong.
type Fault = ingest.Fault

// FaultOriginal is the kind of fault that no reindexing mends.
const FaultOriginal = ingest.FaultOriginal

// Operator runs commands on an installation's stores. They start no model.
type Operator struct {
	cfg  configs.Config
	log  *slog.Logger
	lock *dirLock
}

// NewOperator takes the data directory for itself when something in it has one
// owner only (the embedded index); then no server may run on it.
func NewOperator(cfg configs.Config, log *slog.Logger) (*Operator, error) {
	o := &Operator{cfg: cfg, log: log}
	if !cfg.Store.Embedded() && cfg.Store.SQL != "" {
		return o, nil
	}
	lock, err := lockDir(cfg.Server.DataDir)
	o.lock = lock
	return o, err
}

// Close gives the data directory back.
func (o *Operator) Close() error {
	if o.lock == nil {
		return nil
	}
	return o.lock.release()
}

// Verify compares documents, chunks, vectors, full text and originals; it changes nothing.
func (o *Operator) Verify(ctx context.Context, onStore func(name string, done int)) (Audit, error) {
	s, err := o.openStores(ctx, false)
	if err != nil {
		return Audit{}, err
	}
	audit, err := verifier(s, onStore).Verify(ctx)
	return audit, errors.Join(err, s.close())
}

func verifier(s *stores, onStore func(string, int)) *ingest.Verifier {
	return &ingest.Verifier{Records: s.library, Index: s.index, Files: s.files, Analyze: analyze.Terms, OnStore: onStore}
}

// Repair is what Operator.Repair did.
type Repair = ingest.Repair

// Repair verifies, and mends what is wrong: documents are queued to be made anew
// from their originals, which workers do; what belongs to no document goes.
func (o *Operator) Repair(ctx context.Context, onStore func(name string, done int)) (Repair, error) {
	s, err := o.openStores(ctx, false)
	if err != nil {
		return Repair{}, err
	}
	r := ingest.Repairer{Verifier: verifier(s, onStore), Renewer: s.library, Index: s.index, Files: s.files, Locks: s.library.Locks()}
	out, err := r.Repair(ctx)
	return out, errors.Join(err, s.close())
}

// Reindex has every document indexed anew from its original: a new version of
// each is queued, and the old one answers until the new one is ready (when the
// index still has it). An index made with another model is replaced by an empty
// one. It returns how many documents were queued; workers do the rest.
func (o *Operator) Reindex(ctx context.Context) (int, error) {
	s, err := o.openStores(ctx, true)
	if err != nil {
		return 0, err
	}
	n, err := s.library.RenewAll(ctx)
	if err != nil {
		err = fmt.Errorf("queue the documents: %w", err)
	}
	return n, errors.Join(err, s.close())
}
