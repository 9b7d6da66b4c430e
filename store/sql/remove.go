package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"groundwork/ingest"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// Remove deletes a document from its store.
func (s *Store) Remove(ctx context.Context, scope rag.Scope, documentID string) (r ingest.Removal, err error) {
	err = s.writeWithin(ctx, s.d.removing, "remove a document", func(ctx context.Context, tx *txn) error {
		if err := keepStore(ctx, tx, scope); err != nil {
			return noDocument(err, documentID)
		}
		if err := lockFile(ctx, tx, documentID); err != nil {
			return noDocument(err, documentID)
		}
		doc, err := lockDocument(ctx, tx, scope, documentID)
		if err != nil {
			return err
		}
		r = ingest.Removal{Tenant: scope.Tenant, StoreID: scope.Store, ObjectID: documentID, SHA256: doc.SHA256}
		if r.Targets, err = s.family(ctx, tx, doc); err != nil {
			return err
		}
		return s.removeDocuments(ctx, tx, &r)
	})
	return s.freed(ctx, r, err)
}

// RemoveFile deletes a file and takes it out of every store.
func (s *Store) RemoveFile(ctx context.Context, tenant, fileID string) (r ingest.Removal, err error) {
	err = s.writeWithin(ctx, s.d.removing, "remove a file", func(ctx context.Context, tx *txn) error {
		if err := lockFile(ctx, tx, fileID); err != nil {
			return err
		}
		f, err := findFile(ctx, tx, tenant, fileID)
		if err != nil {
			return err
		}
		stores, err := holders(ctx, tx, rag.Scope{Tenant: tenant}, fileID)
		if err != nil {
			return err
		}
		r = ingest.Removal{Tenant: tenant, ObjectID: fileID, SHA256: f.SHA256}
		for _, id := range stores {
			doc, err := lockDocument(ctx, tx, rag.Scope{Tenant: tenant, Store: id}, fileID)
			if err != nil {
				return err
			}
			targets, err := s.family(ctx, tx, doc)
			if err != nil {
				return err
			}
			r.Targets = append(r.Targets, targets...)
		}
		e := erasureOf(r.Targets)
		e.files = query{"id = ? OR " + e.files.text, append([]any{fileID}, e.files.args...)}
		return s.remove(ctx, tx, &r, e)
	})
	return s.freed(ctx, r, err)
}

// RemoveStore deletes a store with its documents.
func (s *Store) RemoveStore(ctx context.Context, scope rag.Scope) (r ingest.Removal, err error) {
	err = s.writeWithin(ctx, s.d.removing, "remove a store", func(ctx context.Context, tx *txn) error {
		if err := oneStore(ctx, tx, scope, tx.d.deleteRow); err != nil {
			return err
		}
		r = ingest.Removal{Tenant: scope.Tenant, StoreID: scope.Store, ObjectID: scope.Store, Targets: []ingest.Target{{StoreID: scope.Store}}}
		return s.remove(ctx, tx, &r, erasure{
			of:    query{"store_id = ?", []any{scope.Store}},
			rows:  query{"DELETE FROM stores WHERE id = ?", []any{scope.Store}},
			files: query{"tenant = ? AND " + unusedFile, []any{scope.Tenant}},
		})
	})
	return s.freed(ctx, r, err)
}

// noDocument says of the document what is so of its store or file.
func noDocument(err error, id string) error {
	if rag.CodeOf(err) != rag.CodeNotFound {
		return err
	}
	return rag.Fail(rag.CodeNotFound, fmt.Sprintf("there is no document %q in this store; list its documents", id))
}

// freed ends a removal: its blobs are those that nothing refers to any more.
func (s *Store) freed(ctx context.Context, r ingest.Removal, err error) (ingest.Removal, error) {
	if err != nil {
		return ingest.Removal{}, err
	}
	r.Blobs = s.unused(ctx, r.Blobs)
	return r, nil
}

// unused are those of the contents that nothing refers to. It looks after the
// transaction: of two that drop the last references at once, neither sees the
// other's end. Who deletes contents looks again, so too many do no harm.
func (s *Store) unused(ctx context.Context, sums []string) []string {
	if free, err := s.Unreferenced(ctx, sums); err == nil {
		return free
	}
	return sums
}

type query struct {
	text string
	args []any
}

// erasure is what a removal deletes from the tables.
type erasure struct {
	of    query // condition for the rows of texts and chunks
	rows  query // deletes those of documents
	files query // condition for those of files
}

// unusedFile is the condition for the file of a document that is in no store any more.
const unusedFile = "owned = 1 AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.id = files.id)"

// erasureOf is that of documents.
func erasureOf(targets []ingest.Target) erasure {
	ids := []string{""} // no document is called so
	for _, t := range targets {
		ids = append(ids, t.DocumentID)
	}
	in, args := inList(unique(ids))
	of, rows := pairs(targets, "store_id", "document_id"), pairs(targets, "store_id", "id")
	return erasure{of: of, rows: query{"DELETE FROM documents WHERE " + rows.text, rows.args}, files: query{"id IN " + in + " AND " + unusedFile, args}}
}

// pairs is the condition that two columns name one of the targets. The last of
// several is repeated until there are 1, 2, 4, … so that few different statements are prepared.
func pairs(targets []ingest.Target, store, document string) query {
	switch len(targets) {
	case 0:
		return query{"1 = 0", nil}
	case 1:
		return query{store + " = ? AND " + document + " = ?", []any{targets[0].StoreID, targets[0].DocumentID}}
	}
	n := 2
	for n < len(targets) {
		n *= 2
	}
	var args []any
	for i := range n {
		t := targets[min(i, len(targets)-1)]
		args = append(args, t.StoreID, t.DocumentID)
	}
	return query{"(" + store + ", " + document + ") IN (VALUES (?, ?)" + strings.Repeat(", (?, ?)", n-1) + ")", args}
}

// removeDocuments is remove for documents whose rows are locked.
func (s *Store) removeDocuments(ctx context.Context, tx *txn, r *ingest.Removal) error {
	return s.remove(ctx, tx, r, erasureOf(r.Targets))
}

// remove reads the blobs of what goes, deletes the rows and then the files
// (which gives more blobs), and leaves the removal pending with its receipt and
// its sweep job.
func (s *Store) remove(ctx context.Context, tx *txn, r *ingest.Removal, e erasure) error {
	freed, err := collect(ctx, tx, scanString, "SELECT sha256 FROM versions WHERE "+e.of.text, e.of.args...)
	if err != nil {
		return err
	}
	removed := rag.Receipt{Versions: len(freed)}
	expected, err := collect(ctx, tx, scanString, "SELECT sha256 FROM expected WHERE "+e.of.text, e.of.args...)
	if err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM chunks WHERE "+e.of.text, e.of.args...).Scan(&removed.Passages); err != nil {
		return err
	}
	if removed.Answers, err = removeAnswers(ctx, tx, r.Targets, true); err != nil {
		return err
	}
	if err := tx.exec(ctx, e.rows.text, e.rows.args...); err != nil { // waits for answers that are being kept
		return err
	}
	answers, err := removeAnswers(ctx, tx, r.Targets, false)
	if err != nil {
		return err
	}
	removed.Answers += answers
	if err := forgetReplies(ctx, tx, *r); err != nil {
		return err
	}
	more, err := collect(ctx, tx, scanString, "DELETE FROM files WHERE "+e.files.text+" RETURNING sha256", e.files.args...)
	if err != nil {
		return err
	}
	failpoint.Reached(failpoint.RemoveRowsDeleted)
	r.ID, r.Blobs = newID("del_"), unique(slices.Concat(freed, expected, more))
	job, err := s.jobs.InsertTx(ctx, tx.Tx, ingest.SweepArgs{Tenant: r.Tenant, RemovalID: r.ID},
		&river.InsertOpts{ScheduledAt: time.Now().Add(s.opt.SweepAfter)}) // the queue's clock is the real one
	if err != nil {
		return err
	}
	for _, t := range r.Targets {
		err := tx.exec(ctx, "INSERT INTO removals (id, tenant, store_id, document_id, job_id, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			r.ID, r.Tenant, t.StoreID, t.DocumentID, job.Job.ID, s.now())
		if err != nil {
			return err
		}
	}
	return s.beginReceipt(ctx, tx, *r, removed, job.Job.ID)
}

// removeAnswers deletes the kept answers that were made from whole stores, or from
// documents: they hold text of them.
func removeAnswers(ctx context.Context, tx *txn, targets []ingest.Target, stores bool) (n int, err error) {
	for _, t := range targets {
		if stores != (t.DocumentID == "") {
			continue
		}
		which, args := "store_id = ?", []any{t.StoreID}
		if !stores {
			which, args = "id IN (SELECT answer_id FROM kept_answer_documents WHERE store_id = ? AND document_id = ?)", []any{t.StoreID, t.DocumentID}
		}
		gone, err := tx.ExecContext(ctx, "DELETE FROM kept_answers WHERE "+which, args...)
		if err != nil {
			return 0, err
		}
		some, err := gone.RowsAffected()
		if err != nil {
			return 0, err
		}
		n += int(some)
	}
	return n, nil
}
