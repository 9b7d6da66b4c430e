package sql

import (
	"context"

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
		a := ingest.Accepted{Tenant: doc.Tenant, StoreID: doc.StoreID, FileID: doc.ID, Path: doc.Path, SHA256: doc.SHA256, Bytes: doc.Bytes, MediaType: doc.MediaType}
		if err := s.renew(ctx, tx, &doc, a); err != nil {
			return err
		}
		queued = true
		return s.enqueueVersion(ctx, tx, doc)
	})
	return queued, err
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
