package sql

import (
	"cmp"
	"context"
	"slices"

	"groundwork/ingest"
	"groundwork/rag"
)

// Expect keeps contents from being unreferenced until SaveText made documents of them.
func (s *Store) Expect(ctx context.Context, ref ingest.Ref, sha256 []string) error {
	return s.write(ctx, "expect attachments", func(ctx context.Context, tx *txn) error {
		doc, err := lockCurrent(ctx, tx, ref)
		if err != nil {
			return err
		}
		if doc.State == rag.StateEmbedding {
			return ingest.ErrDone
		}
		var rows [][]any
		for _, sum := range unique(sha256) {
			rows = append(rows, []any{ref.StoreID, ref.DocumentID, ref.Version, sum})
		}
		return insertRows(ctx, tx, "INSERT INTO expected (store_id, document_id, version, sha256) VALUES ", " ON CONFLICT DO NOTHING", rows)
	})
}

// Family are the ids of everything attached to a document, and to that, and so on.
func (s *Store) Family(ctx context.Context, scope rag.Scope, documentID string) (ids []string, err error) {
	err = s.read(ctx, "list attachments", func(ctx context.Context, q querier) error {
		ids = nil
		next := []string{documentID}
		for len(next) > 0 {
			in, args := inList(next)
			next, err = collect(ctx, q, scanString, "SELECT id FROM documents WHERE tenant = ? AND store_id = ? AND attached_to IN "+in+" AND "+attachment,
				append([]any{scope.Tenant, scope.Store}, args...)...)
			if err != nil {
				return err
			}
			ids = append(ids, next...)
		}
		return nil
	})
	return ids, err
}

// attachment is the condition for what goes with its mail. In a mirror nothing does: it follows the other library.
const attachment = "owned = 1 AND attached_to <> ''"

// attachedDocuments has no order: by their ids, a whole store would be looked through.
const attachedDocuments = "SELECT " + documentColumns + " FROM documents WHERE store_id = ? AND attached_to = ? AND " + attachment

// attachedTo are the documents attached to one that is locked, in the order of their ids: no others come meanwhile.
func attachedTo(ctx context.Context, tx *txn, mail rag.Document) ([]rag.Document, error) {
	docs, err := collect(ctx, tx, scanDocument, attachedDocuments, mail.StoreID, mail.ID)
	slices.SortFunc(docs, func(a, b rag.Document) int { return cmp.Compare(a.ID, b.ID) })
	return docs, err
}

// attach makes documents of what is attached to the newest version of a mail, which is locked.
func (s *Store) attach(ctx context.Context, tx *txn, mail rag.Document, attached []ingest.Attached) error {
	if len(attached) == 0 {
		return nil
	}
	there, err := attachedTo(ctx, tx, mail)
	if err != nil {
		return err
	}
	byPath := map[string]rag.Document{}
	for _, d := range there {
		byPath[d.Path] = d
	}
	for _, file := range attached {
		a := ingest.Accepted{Tenant: mail.Tenant, StoreID: mail.StoreID, Path: file.Path, SHA256: file.SHA256, Bytes: file.Bytes,
			MediaType: file.MediaType, Labels: said(mail)}
		if err := s.attachOne(ctx, tx, mail, byPath[file.Path].ID, a); err != nil {
			return err
		}
	}
	return nil
}

// attachOne makes the document, or its next version when it is there with another content.
func (s *Store) attachOne(ctx context.Context, tx *txn, mail rag.Document, id string, a ingest.Accepted) error {
	doc, err := s.lockAttached(ctx, tx, mail, id)
	switch {
	case rag.CodeOf(err) == rag.CodeNotFound:
		if doc, err = s.insert(ctx, tx, a, mail); err != nil {
			return err
		}
		return s.enqueueVersion(ctx, tx, doc)
	case err != nil:
		return err
	}
	if err := tx.exec(ctx, "UPDATE documents SET attached_version = ? WHERE store_id = ? AND id = ?", mail.Version, doc.StoreID, doc.ID); err != nil {
		return err
	}
	if err := s.relabel(ctx, tx, &doc, a.Labels); err != nil {
		return err
	}
	if doc.SHA256 == a.SHA256 && doc.State != rag.StateFailed {
		return nil
	}
	if err := s.renew(ctx, tx, &doc, a); err != nil {
		return err
	}
	return s.enqueueVersion(ctx, tx, doc)
}

// lockAttached locks file and document, as everything does that locks both.
func (s *Store) lockAttached(ctx context.Context, tx *txn, mail rag.Document, id string) (rag.Document, error) {
	if id == "" {
		return rag.Document{}, noFile(id)
	}
	if err := lockFile(ctx, tx, id); err != nil {
		return rag.Document{}, err
	}
	return lockDocument(ctx, tx, rag.Scope{Tenant: mail.Tenant, Store: mail.StoreID}, id)
}

// family are a document, which is locked, and everything attached to it, locked too.
func (s *Store) family(ctx context.Context, tx *txn, doc rag.Document) (targets []ingest.Target, err error) {
	targets = []ingest.Target{{StoreID: doc.StoreID, DocumentID: doc.ID}}
	children, err := attachedTo(ctx, tx, doc)
	if err != nil {
		return nil, err
	}
	for _, c := range children {
		more, err := s.familyOf(ctx, tx, doc, c.ID)
		if err != nil {
			return nil, err
		}
		targets = append(targets, more...)
	}
	return targets, nil
}

// familyOf is family for something attached to mail; nothing when it was just removed.
func (s *Store) familyOf(ctx context.Context, tx *txn, mail rag.Document, id string) ([]ingest.Target, error) {
	doc, err := s.lockAttached(ctx, tx, mail, id)
	if err != nil {
		return nil, absent(err)
	}
	return s.family(ctx, tx, doc)
}

// detach removes what was attached only to versions of a mail that are older than the one that is ready.
func (s *Store) detach(ctx context.Context, tx *txn, mail rag.Document, ready int) (out []ingest.Removal, err error) {
	children, err := attachedTo(ctx, tx, mail)
	for _, c := range children {
		if c.AttachedVersion >= ready {
			continue
		}
		r := ingest.Removal{Tenant: c.Tenant, StoreID: c.StoreID, ObjectID: c.ID, SHA256: c.SHA256}
		if r.Targets, err = s.familyOf(ctx, tx, mail, c.ID); err != nil {
			return nil, err
		}
		if len(r.Targets) == 0 {
			continue
		}
		if err := s.removeDocuments(ctx, tx, &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, err
}
