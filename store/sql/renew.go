package sql

import (
	"context"
	"fmt"

	"groundwork/ingest"
	"groundwork/rag"
)

// RenewAll queues a new version of every document from its newest original,
// those that failed too; the searchable version stays until the new one is
// ready. It returns how many were queued. A document of which the index may
// hold a part begins anew, as that part may be lost; one that is waiting or
// being read is left alone, so a second call does little harm.
func (s *Store) RenewAll(ctx context.Context) (n int, err error) {
	err = s.EachDocument(ctx, func(d rag.Document) error {
		if !begun(d) {
			return nil
		}
		queued, err := s.renewOne(ctx, d)
		if queued {
			n++
		}
		return err
	})
	return n, err
}

func (s *Store) renewOne(ctx context.Context, known rag.Document) (queued bool, err error) {
	scope := rag.Scope{Tenant: known.Tenant, Store: known.StoreID}
	err = s.write(ctx, "queue a document anew", func(ctx context.Context, tx *txn) error {
		queued = false
		if err := lockFile(ctx, tx, known.ID); err != nil {
			return absent(err)
		}
		doc, err := findDocument(ctx, tx, scope, known.ID)
		if err != nil || !begun(doc) {
			return absent(err)
		}
		if err := s.renew(ctx, tx, &doc, again(doc)); err != nil {
			return err
		}
		queued = true
		return s.enqueueVersion(ctx, tx, doc)
	})
	return queued, err
}

// Renew is RenewAll for one document.
func (s *Store) Renew(ctx context.Context, scope rag.Scope, id string) (queued bool, err error) {
	return s.renewOne(ctx, rag.Document{Tenant: scope.Tenant, StoreID: scope.Store, ID: id})
}

// Retry is Renew for a document that failed, whoever asks for it: it takes its turn in the queue.
func (s *Store) Retry(ctx context.Context, scope rag.Scope, id string) (doc rag.Document, err error) {
	err = s.write(ctx, "try a document again", func(ctx context.Context, tx *txn) error {
		if err := keepStore(ctx, tx, scope); err != nil {
			return err
		}
		if err := lockFile(ctx, tx, id); err != nil {
			return err
		}
		if doc, err = lockDocument(ctx, tx, scope, id); err != nil {
			return err
		}
		if doc.State != rag.StateFailed {
			return rag.Fail(rag.CodeConflict, fmt.Sprintf("only a document that failed can be tried again, and this one is %s", doc.State))
		}
		if err := s.admit(ctx, tx, doc.Tenant); err != nil {
			return err
		}
		if err := s.renew(ctx, tx, &doc, again(doc)); err != nil {
			return err
		}
		return s.enqueueVersion(ctx, tx, doc)
	})
	if err != nil {
		return rag.Document{}, err
	}
	return doc, nil
}

// again is what makes a new version of a document from its newest original.
func again(d rag.Document) ingest.Accepted {
	return ingest.Accepted{Tenant: d.Tenant, StoreID: d.StoreID, FileID: d.ID, Path: d.Path, SHA256: d.SHA256, Bytes: d.Bytes, MediaType: d.MediaType}
}

// Lose says that the original of a document that nothing is done with is gone.
// Its searchable version stays when it is sound; else all versions go, and the
// index is to forget them.
func (s *Store) Lose(ctx context.Context, d rag.Document, sound bool, message string) (marked bool, err error) {
	err = s.write(ctx, "mark a document whose original is lost", func(ctx context.Context, tx *txn) error {
		doc, err := lockDocument(ctx, tx, rag.Scope{Tenant: d.Tenant, Store: d.StoreID}, d.ID)
		if err != nil || doc.Version != d.Version || !doc.State.Done() {
			marked = false
			return absent(err) // somebody was faster with a new version
		}
		marked = true
		live := doc.LiveVersion
		if !sound {
			live = 0
			if err := tx.exec(ctx, "DELETE FROM versions WHERE store_id = ? AND document_id = ?", d.StoreID, d.ID); err != nil {
				return err
			}
		}
		return tx.exec(ctx, "UPDATE documents SET state = ?, error_code = ?, error = ?, live_version = ?, updated_at = ? WHERE store_id = ? AND id = ?",
			rag.StateFailed, rag.CodeOriginal, message, live, s.now(), d.StoreID, d.ID)
	})
	return marked && err == nil, err
}

// begun tells whether something of the document's newest version may have reached the index.
func begun(d rag.Document) bool { return d.State.Done() || d.State == rag.StateEmbedding }

// absent makes nothing of what was removed meanwhile.
func absent(err error) error {
	if rag.CodeOf(err) == rag.CodeNotFound {
		return nil
	}
	return err
}
