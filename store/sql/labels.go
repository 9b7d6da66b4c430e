package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"groundwork/ingest"
	"groundwork/rag"
)

// Label changes what is said of a document, and enqueues the job that tells the
// index; nil fields stay as they are.
func (s *Store) Label(ctx context.Context, scope rag.Scope, documentID string, l rag.Labels) (doc rag.Document, err error) {
	err = s.write(ctx, "label a document", func(ctx context.Context, tx *txn) error {
		if doc, err = lockDocument(ctx, tx, scope, documentID); err != nil {
			return err
		}
		return s.say(ctx, tx, &doc, l)
	})
	return doc, err
}

// say is label for who asks for it, with the jobs that tell the index. What is
// attached to the document, which is locked, follows it.
func (s *Store) say(ctx context.Context, tx *txn, doc *rag.Document, l rag.Labels) error {
	if l.Attributes == nil && l.Allow == nil {
		return nil
	}
	if doc.AttachedTo != "" {
		return rag.Fail(rag.CodeConflict, "what is attached to a mail has the attributes and groups of the mail; change those of "+doc.AttachedTo)
	}
	return s.relabel(ctx, tx, doc, l)
}

func (s *Store) relabel(ctx context.Context, tx *txn, doc *rag.Document, l rag.Labels) error {
	changed, err := s.label(ctx, tx, doc, l)
	if err != nil || !changed {
		return err
	}
	if err := s.enqueueDescribe(ctx, tx, *doc); err != nil {
		return err
	}
	children, err := attachedTo(ctx, tx, *doc)
	for i := 0; i < len(children) && err == nil; i++ {
		var child rag.Document
		child, err = lockDocument(ctx, tx, rag.Scope{Tenant: doc.Tenant, Store: doc.StoreID}, children[i].ID)
		switch {
		case rag.CodeOf(err) == rag.CodeNotFound:
			err = nil
		case err == nil:
			err = s.relabel(ctx, tx, &child, said(*doc))
		}
	}
	return err
}

func (s *Store) enqueueDescribe(ctx context.Context, tx *txn, doc rag.Document) error {
	_, err := s.jobs.InsertTx(ctx, tx.Tx, ingest.DescribeArgs{Tenant: doc.Tenant, StoreID: doc.StoreID, DocumentID: doc.ID}, nil)
	return err
}

// label writes the labels into the document's row, which is locked, and into
// the tables that they are looked up in. It reports whether anything changed.
func (s *Store) label(ctx context.Context, tx *txn, doc *rag.Document, l rag.Labels) (bool, error) {
	before := ingest.Describe(*doc).Mark()
	if l.Attributes != nil {
		doc.Attributes = l.Attributes
	}
	if l.Allow != nil {
		doc.Allow = slices.Compact(slices.Sorted(slices.Values(l.Allow)))
	}
	if ingest.Describe(*doc).Mark() == before {
		return false, nil
	}
	attributes, allow, err := encodeLabels(doc.Labels)
	if err != nil {
		return false, err
	}
	now := s.now()
	doc.Described, doc.UpdatedAt = false, moment(now)
	err = tx.exec(ctx, "UPDATE documents SET attributes = ?, allow = ?, described = 0, updated_at = ? WHERE store_id = ? AND id = ?",
		attributes, allow, now, doc.StoreID, doc.ID)
	if err != nil {
		return false, err
	}
	return true, lookups(ctx, tx, *doc)
}

// lookups replaces a document's rows in the tables that its labels are looked up in.
func lookups(ctx context.Context, tx *txn, doc rag.Document) error {
	for table, names := range map[string][]string{"document_keys": slices.Sorted(maps.Keys(doc.Attributes)), "document_groups": doc.Allow} {
		if err := tx.exec(ctx, "DELETE FROM "+table+" WHERE store_id = ? AND document_id = ?", doc.StoreID, doc.ID); err != nil {
			return err
		}
		rows := make([][]any, len(names))
		for i, name := range names {
			rows[i] = []any{doc.StoreID, doc.ID, name}
		}
		if err := insertRows(ctx, tx, "INSERT INTO "+table+" (store_id, document_id, name) VALUES ", "", rows); err != nil {
			return err
		}
	}
	return nil
}

func encodeLabels(l rag.Labels) (attributes, allow string, err error) {
	if l.Attributes == nil {
		l.Attributes = rag.Attributes{}
	}
	if l.Allow == nil {
		l.Allow = []string{}
	}
	a, err := json.Marshal(l.Attributes)
	if err != nil {
		return "", "", fmt.Errorf("encode attributes: %w", err)
	}
	g, err := json.Marshal(l.Allow)
	if err != nil {
		return "", "", fmt.Errorf("encode groups: %w", err)
	}
	return string(a), string(g), nil
}

func decodeLabels(attributes, allow []byte) (l rag.Labels, err error) {
	if string(attributes) != "{}" {
		if err = json.Unmarshal(attributes, &l.Attributes); err != nil {
			return l, fmt.Errorf("decode attributes: %w", err)
		}
	}
	if string(allow) != "[]" {
		if err = json.Unmarshal(allow, &l.Allow); err != nil {
			return l, fmt.Errorf("decode groups: %w", err)
		}
	}
	return l, nil
}

// Described says that the index knows what the row said when doc was read.
func (s *Store) Described(ctx context.Context, doc rag.Document) error {
	attributes, allow, err := encodeLabels(doc.Labels)
	if err != nil {
		return err
	}
	return s.write(ctx, "mark a document as described", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `UPDATE documents SET described = 1
			WHERE store_id = ? AND id = ? AND described = 0 AND attributes = ? AND allow = ? AND media_type = ?`,
			doc.StoreID, doc.ID, attributes, allow, doc.MediaType)
	})
}

// EachUndescribed calls each for every searchable document whose row says what the index may not know.
func (s *Store) EachUndescribed(ctx context.Context, each func(rag.Document) error) error {
	return walk[rag.Document]{"walk the undescribed documents", documentColumns, "documents WHERE described = 0 AND live_version > 0", "store_id, id", nil, scanDocument,
		func(d rag.Document) []any { return []any{d.StoreID, d.ID} }}.run(ctx, s, each)
}

// Unknown gives those of keys that no document in scope has as an attribute, and
// when there are any, the first of those that documents do have.
func (s *Store) Unknown(ctx context.Context, scope rag.Scope, keys []string) (unknown, known []string, err error) {
	readable, groups := readableBy(scope, "k.store_id", "k.document_id")
	from := "FROM document_keys k WHERE k.store_id = (SELECT id FROM stores WHERE id = ? AND tenant = ?)" + readable
	args := slices.Concat([]any{scope.Store, scope.Tenant}, groups)
	err = s.read(ctx, "look attributes up", func(ctx context.Context, q querier) error {
		for _, key := range keys { // few, and each is one look into an index, however many documents have it
			found, err := collect(ctx, q, scanString, "SELECT k.name "+from+" AND k.name = ? LIMIT 1", slices.Concat(args, []any{key})...)
			if err != nil {
				return err
			}
			if len(found) == 0 {
				unknown = append(unknown, key)
			}
		}
		for last := ""; len(unknown) > 0 && len(known) < rag.MaxKnown; last = known[len(known)-1] {
			next, err := collect(ctx, q, scanString, "SELECT k.name "+from+" AND k.name > ? ORDER BY k.name LIMIT 1", slices.Concat(args, []any{last})...)
			if err != nil || len(next) == 0 {
				return err
			}
			known = append(known, next[0])
		}
		return nil
	})
	return unknown, known, err
}

// readableBy is the condition that a document may be read in scope, and its
// arguments; the document is named by two columns. It is empty when all may be.
func readableBy(scope rag.Scope, storeColumn, idColumn string) (string, []any) {
	if scope.Only == nil || scope.Only.Groups == nil {
		return "", nil
	}
	if len(scope.Only.Groups) == 0 {
		return " AND 1 = 0", nil
	}
	in, args := inList(scope.Only.Groups)
	return " AND EXISTS (SELECT 1 FROM document_groups g WHERE g.store_id = " + storeColumn + " AND g.document_id = " + idColumn + " AND g.name IN " + in + ")", args
}
