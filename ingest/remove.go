package ingest

import (
	"context"
	"errors"
	"time"

	"groundwork/rag"
)

// Remove takes a document out of a store: rows, vectors, terms, and the file
// when it came with the document. What the receipt counts is gone; after an
// error the rest is removed by a job.
func (s *Service) Remove(ctx context.Context, scope rag.Scope, documentID string) (rag.Receipt, error) {
	r, err := s.Trash.Remove(ctx, scope, documentID)
	if err != nil {
		return rag.Receipt{}, err
	}
	return s.finish(ctx, r, documentID)
}

// RemoveFile deletes a file and takes it out of every store.
func (s *Service) RemoveFile(ctx context.Context, tenant, fileID string) (rag.Receipt, error) {
	r, err := s.Trash.RemoveFile(ctx, tenant, fileID)
	if err != nil {
		return rag.Receipt{}, err
	}
	return s.finish(ctx, r, fileID)
}

// RemoveStore deletes a store with everything in it.
func (s *Service) RemoveStore(ctx context.Context, scope rag.Scope) error {
	r, err := s.Trash.RemoveStore(ctx, scope)
	if err != nil {
		return err
	}
	_, err = s.finish(ctx, r, "")
	return err
}

// CancelBatch takes those files of a batch out of its store that are on their
// way to a first searchable version.
func (s *Service) CancelBatch(ctx context.Context, scope rag.Scope, batchID string) error {
	r, err := s.Batches.CancelBatch(ctx, scope, batchID)
	if err != nil {
		return err
	}
	_, err = s.finish(ctx, r, "")
	return err
}

// finish removes what lies outside the library. The caller's wish is durable
// already, so it is carried out even when the caller goes away.
func (s *Service) finish(ctx context.Context, r Removal, id string) (rag.Receipt, error) {
	ctx = context.WithoutCancel(ctx)
	s.changes.fire()
	receipt := rag.Receipt{DocumentID: id, SHA256: r.SHA256}
	var err error
	receipt.Chunks, receipt.Vectors, err = s.sweep(ctx, r)
	if errors.Is(err, ErrDone) { // its job was faster
		err = nil
	}
	if err == nil {
		receipt.Blobs, err = s.drop(ctx, r.Blobs)
	}
	if err != nil {
		return rag.Receipt{}, &rag.Error{Code: rag.CodeInternal, Err: err,
			Message: "it is deleted and cannot be found any more, but traces are left; the server goes on removing them by itself"}
	}
	receipt.DeletedAt = time.Now().UTC()
	return receipt, nil
}

// sweep takes a removal out of the index and ends it; one that was ended is
// left alone. Nobody sweeps it at the same time: the second sweep might come
// after the same file was attached again.
func (s *Service) sweep(ctx context.Context, r Removal) (chunks, vectors int, err error) {
	if r.ID == "" {
		return 0, 0, nil
	}
	err = s.locks().Exclusive(ctx, removalLock(r.ID), func(ctx context.Context) error {
		if _, err := s.Trash.Pending(ctx, r.Tenant, r.ID); err != nil {
			return err
		}
		for _, t := range r.Targets {
			c, v, err := s.clean(ctx, r.Tenant, t)
			if err != nil {
				return err
			}
			chunks, vectors = chunks+c, vectors+v
		}
		return s.Trash.Removed(ctx, r)
	})
	return chunks, vectors, err
}

// clean takes one target out of the index; it is called with the removal's lock held.
func (s *Service) clean(ctx context.Context, tenant string, t Target) (chunks, vectors int, err error) {
	if err := ctx.Err(); err != nil { // this process stood still, and the lock may be another's
		return 0, 0, err
	}
	scope := rag.Scope{Tenant: tenant, Store: t.StoreID}
	if t.DocumentID == "" {
		return 0, 0, s.Index.RemoveStore(ctx, scope)
	}
	return s.Index.Remove(ctx, scope, t.DocumentID)
}
