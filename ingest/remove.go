package ingest

import (
	"context"
	"errors"

	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Remove takes a document out of a store: rows, vectors, terms, and the file
// when it came with the document. What the receipt counts is gone from the
// disks of this installation; after an error the rest is removed by a job,
// which completes the receipt.
func (s *Service) Remove(ctx context.Context, scope rag.Scope, documentID string) (rag.Receipt, error) {
	r, err := s.Trash.Remove(ctx, scope, documentID)
	return s.finish(ctx, r, err)
}

// RemoveFile deletes a file and takes it out of every store.
func (s *Service) RemoveFile(ctx context.Context, tenant, fileID string) (rag.Receipt, error) {
	r, err := s.Trash.RemoveFile(ctx, tenant, fileID)
	return s.finish(ctx, r, err)
}

// RemoveStore deletes a store with everything in it.
func (s *Service) RemoveStore(ctx context.Context, scope rag.Scope) error {
	r, err := s.Trash.RemoveStore(ctx, scope)
	_, err = s.finish(ctx, r, err)
	return err
}

// CancelBatch takes those files of a batch out of its store that are on their
// way to a first searchable version.
func (s *Service) CancelBatch(ctx context.Context, scope rag.Scope, batchID string) error {
	r, err := s.Batches.CancelBatch(ctx, scope, batchID)
	if err == nil && r.ID == "" { // there were none
		return nil
	}
	_, err = s.finish(ctx, r, err)
	return err
}

// finish removes what lies outside the library. The caller's wish is durable
// already, so it is carried out even when the caller goes away.
func (s *Service) finish(ctx context.Context, r Removal, err error) (rag.Receipt, error) {
	if err != nil {
		return rag.Receipt{}, err
	}
	ctx = context.WithoutCancel(ctx)
	failpoint.Reached(failpoint.RemoveDecided)
	s.changes.fire()
	var receipt rag.Receipt
	if err = s.sweep(ctx, r); err == nil || errors.Is(err, ErrDone) { // its job was faster
		receipt, err = s.Trash.Receipt(ctx, r.Tenant, r.ID)
	}
	if err != nil {
		return rag.Receipt{}, &rag.Error{Code: rag.CodeInternal, Err: err,
			Message: "it is deleted and cannot be found any more, but traces are left; the server goes on removing them by itself, and the receipt " + r.ID + " says when it is done"}
	}
	return receipt, nil
}

// sweep takes a removal out of index and files and ends it; one that was ended
// is left alone.
func (s *Service) sweep(ctx context.Context, r Removal) error {
	if err := s.pending(ctx, r, func(ctx context.Context) error { return s.clean(ctx, r) }); err != nil {
		return err
	}
	failpoint.Reached(failpoint.RemoveSwept)
	originals, err := s.drop(ctx, r.Blobs)
	if err != nil {
		return err
	}
	if err := s.pending(ctx, r, func(ctx context.Context) error { return s.Trash.Removed(ctx, r, originals) }); err != nil {
		return err
	}
	s.log().Info("deleted", "receipt", r.ID, "object", r.ObjectID)
	return nil
}

// pending runs do unless the removal has ended. Nobody else is in it at the same
// time: a sweep that began before the end might go on after the same file was
// attached again.
func (s *Service) pending(ctx context.Context, r Removal, do func(context.Context) error) error {
	return s.locks().Exclusive(ctx, removalLock(r.ID), func(ctx context.Context) error {
		if _, err := s.Trash.Pending(ctx, r.Tenant, r.ID); err != nil {
			return err
		}
		return do(ctx)
	})
}

// clean takes the targets out of the index and writes down what they were; it is
// called with the removal's lock held.
func (s *Service) clean(ctx context.Context, r Removal) error {
	chunks, vectors, err := s.take(ctx, r)
	if err == nil {
		failpoint.Reached(failpoint.RemoveCleaned)
	}
	if chunks > 0 {
		err = errors.Join(err, s.Trash.Swept(ctx, r, chunks, vectors))
	}
	return err
}

// take removes the targets from the index; chunks and vectors are what went, also with an error.
func (s *Service) take(ctx context.Context, r Removal) (chunks, vectors int, err error) {
	for _, t := range r.Targets {
		if err := ctx.Err(); err != nil { // this process stood still, and the lock may be another's
			return chunks, vectors, err
		}
		scope := rag.Scope{Tenant: r.Tenant, Store: t.StoreID}
		if t.DocumentID == "" {
			if err := s.Index.RemoveStore(ctx, scope); err != nil {
				return chunks, vectors, err
			}
			continue
		}
		c, v, err := s.Index.Remove(ctx, scope, t.DocumentID)
		if err != nil {
			return chunks, vectors, err
		}
		chunks, vectors = chunks+c, vectors+v
	}
	return chunks, vectors, nil
}
