package sql

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"groundwork/ingest"
	"groundwork/internal/failpoint"
	"groundwork/rag"
)

// purpose of a file that came with a document.
const purpose = "assistants"

// Admit fails with rag.CodeBusy when Accept would refuse for a full queue.
func (s *Store) Admit(ctx context.Context, tenant string) error {
	return s.read(ctx, "look at the queue", func(ctx context.Context, q querier) error {
		return s.admit(ctx, q, tenant)
	})
}

// Accept stores an uploaded or attached document and its parse job in one transaction.
func (s *Store) Accept(ctx context.Context, a ingest.Accepted) (doc rag.Document, created bool, err error) {
	err = s.write(ctx, "accept a document", func(ctx context.Context, tx *txn) error {
		doc, created, err = s.accept(ctx, tx, a)
		return err
	})
	if err != nil {
		return rag.Document{}, false, err
	}
	return doc, created, nil
}

// accept locks in the order store, file, document, as everything does that
// locks more than one of them. The store's lock keeps a removal of the store
// out; the file's one keeps out whoever attaches or removes the same file.
func (s *Store) accept(ctx context.Context, tx *txn, a ingest.Accepted) (rag.Document, bool, error) {
	scope := rag.Scope{Tenant: a.Tenant, Store: a.StoreID}
	if err := keepStore(ctx, tx, scope); err != nil {
		return rag.Document{}, false, err
	}
	id, err := s.identity(ctx, tx, &a)
	if err != nil {
		return rag.Document{}, false, err
	}
	doc, err := lockDocument(ctx, tx, scope, id)
	isNew := rag.CodeOf(err) == rag.CodeNotFound
	if err != nil && !isNew {
		return rag.Document{}, false, err
	}
	if !isNew {
		err := s.say(ctx, tx, &doc, a.Labels) // whatever version is searchable
		if err != nil || doc.SHA256 == a.SHA256 && doc.State != rag.StateFailed {
			return doc, false, err
		}
	}
	if err := s.admit(ctx, tx, a.Tenant); err != nil {
		return rag.Document{}, false, err
	}
	if isNew {
		doc, err = s.insert(ctx, tx, a, rag.Document{})
	} else {
		err = s.renew(ctx, tx, &doc, a)
	}
	if err != nil {
		return rag.Document{}, false, err
	}
	return doc, true, s.enqueueVersion(ctx, tx, doc)
}

// enqueueVersion stores the newest version of a document, empty, with the job that fills it.
func (s *Store) enqueueVersion(ctx context.Context, tx *txn, doc rag.Document) error {
	err := tx.exec(ctx, "INSERT INTO versions (store_id, document_id, version, tenant, sha256, text) VALUES (?, ?, ?, ?, ?, '')",
		doc.StoreID, doc.ID, doc.Version, doc.Tenant, doc.SHA256)
	failpoint.Reached(failpoint.AcceptInserted)
	if err == nil {
		_, err = s.jobs.InsertTx(ctx, tx.Tx, ingest.ParseArgs{Ref: refOf(doc)}, nil)
	}
	return err
}

// identity is the id of the document that a is a version of: of the file
// attached, or of the document at its path; "" when there is none at the path.
// The file is locked.
func (s *Store) identity(ctx context.Context, tx *txn, a *ingest.Accepted) (id string, err error) {
	if a.FileID != "" {
		return a.FileID, attachable(ctx, tx, a)
	}
	err = tx.QueryRowContext(ctx, "SELECT id FROM documents WHERE tenant = ? AND store_id = ? AND "+tx.d.samePath+" AND owned = 1 AND attached_to = ''",
		a.Tenant, a.StoreID, a.Path).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil // two who insert at once: the second one hits the unique index and runs again
	}
	if err != nil {
		return "", err
	}
	if err = lockFile(ctx, tx, id); rag.CodeOf(err) == rag.CodeNotFound {
		return "", nil // removed meanwhile
	}
	return id, err
}

// attachable locks the file and fills in what it knows.
func attachable(ctx context.Context, tx *txn, a *ingest.Accepted) error {
	if err := lockFile(ctx, tx, a.FileID); err != nil {
		return err
	}
	f, err := findFile(ctx, tx, a.Tenant, a.FileID)
	if err != nil {
		return err
	}
	var pending int
	err = tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM removals WHERE store_id = ? AND document_id = ?", a.StoreID, a.FileID).Scan(&pending)
	if err != nil {
		return err
	}
	if pending > 0 {
		return &rag.Error{Code: rag.CodeConflict, RetryAfter: time.Second,
			Message: "the file is still being removed from this store; try again in a moment"}
	}
	a.SHA256, a.Bytes = f.SHA256, f.Bytes
	if a.Path == "" {
		a.Path = f.Filename
	}
	return nil
}

// insert makes a document; mail is what it is attached to, if anything.
func (s *Store) insert(ctx context.Context, tx *txn, a ingest.Accepted, mail rag.Document) (rag.Document, error) {
	now, owned := s.now(), 0
	d := rag.Document{ID: a.FileID, Tenant: a.Tenant, StoreID: a.StoreID, Path: a.Path, SHA256: a.SHA256, Bytes: a.Bytes,
		MediaType: a.MediaType, State: rag.StateQueued, CreatedAt: moment(now), UpdatedAt: moment(now),
		AttachedTo: mail.ID, AttachedVersion: mail.Version}
	if d.ID == "" {
		d.ID, owned = newID("file-"), 1
		f := rag.File{ID: d.ID, Tenant: d.Tenant, Filename: d.Path, Purpose: purpose, SHA256: d.SHA256, Bytes: d.Bytes, CreatedAt: d.CreatedAt}
		if err := insertFile(ctx, tx, f, a.MediaType, owned); err != nil {
			return rag.Document{}, err
		}
	}
	var err error
	if d.Version, err = nextVersion(ctx, tx, d.ID); err != nil {
		return rag.Document{}, err
	}
	err = tx.exec(ctx, "INSERT INTO documents ("+documentColumns+", owned) VALUES ("+marks(25)+")",
		d.ID, d.Tenant, d.StoreID, d.Path, d.SHA256, d.Bytes, d.MediaType, d.Version, 0, d.State, "", "", 0, 0, now, now, "{}", "[]", 0, 0, "", d.AttachedTo, d.AttachedVersion, 0, owned)
	if err == nil {
		_, err = s.label(ctx, tx, &d, a.Labels)
	}
	return d, err
}

// renew makes a new version of a known document.
func (s *Store) renew(ctx context.Context, tx *txn, d *rag.Document, a ingest.Accepted) (err error) {
	now := s.now()
	if d.Version, err = nextVersion(ctx, tx, d.ID); err != nil {
		return err
	}
	d.SHA256, d.Bytes, d.MediaType, d.State = a.SHA256, a.Bytes, a.MediaType, rag.StateQueued
	d.ErrorCode, d.Error, d.Attempts, d.WaitsFor, d.Chunks, d.ChunksDone, d.Described, d.UpdatedAt = "", "", 0, "", 0, 0, false, moment(now)
	_, err = tx.ExecContext(ctx, `UPDATE documents SET sha256 = ?, bytes = ?, media_type = ?, version = ?, state = ?,
		error_code = '', error = '', attempts = 0, waits_for = '', chunks = 0, chunks_done = 0, described = 0, updated_at = ? WHERE store_id = ? AND id = ?`,
		d.SHA256, d.Bytes, d.MediaType, d.Version, d.State, now, d.StoreID, d.ID)
	if err != nil || a.FileID != "" {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE files SET sha256 = ?, bytes = ?, media_type = ? WHERE id = ?", d.SHA256, d.Bytes, d.MediaType, d.ID)
	return err
}

// nextVersion never gives the same number twice for a file, so that a job of a
// version that was removed can never touch one that was added again.
func nextVersion(ctx context.Context, tx *txn, fileID string) (version int, err error) {
	err = tx.QueryRowContext(ctx, "UPDATE files SET last_version = last_version + 1 WHERE id = ? RETURNING last_version", fileID).Scan(&version)
	return version, err
}

// admit compares the documents on their way with the limits. On PostgreSQL
// those that come in the same moment do not see each other, and may exceed a
// limit by as many as there are connections.
func (s *Store) admit(ctx context.Context, q querier, tenant string) error {
	if s.opt.MaxQueue <= 0 && s.opt.MaxQueueTenant <= 0 {
		return nil
	}
	var all, own int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(CASE WHEN tenant = ? THEN 1 END)
		FROM documents WHERE state IN ('queued', 'parsing', 'embedding')`, tenant).Scan(&all, &own)
	if err != nil {
		return err
	}
	if (s.opt.MaxQueue > 0 && all >= s.opt.MaxQueue) || (s.opt.MaxQueueTenant > 0 && own >= s.opt.MaxQueueTenant) {
		return &rag.Error{Code: rag.CodeBusy, RetryAfter: 5 * time.Second,
			Message: "too many documents are waiting to be processed; send this one again later"}
	}
	return nil
}

func refOf(d rag.Document) ingest.Ref {
	return ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.Version}
}
