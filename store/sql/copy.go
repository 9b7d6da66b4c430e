package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"groundwork/ingest"
	"groundwork/rag"
)

// table is one that Copy copies. Its key's columns come first.
type table struct {
	name    string
	key     int // columns of the key
	columns string
	page    int // rows at once
}

// tables in an order in which what is referred to comes first. The queue's
// jobs, the batches, what is expected and the ledger are not copied: they are made anew. Nor are kept answers.
var tables = []table{
	{"stores", 1, "id, tenant, name, metadata, created_at", 500},
	{"files", 1, "id, tenant, filename, purpose, sha256, bytes, media_type, owned, last_version, created_at", 500},
	{"documents", 2, `store_id, id, tenant, path, owned, sha256, bytes, media_type, version, live_version, state, error_code, error,
		chunks, chunks_done, created_at, updated_at, attributes, allow, described, attempts, waits_for, attached_to, attached_version, taken_apart`, 500},
	{"document_keys", 3, "store_id, document_id, name", 500},
	{"document_groups", 3, "store_id, document_id, name", 500},
	{"versions", 3, "store_id, document_id, version, tenant, sha256, text, checksum", 8}, // texts of up to 10 MB
	{"chunks", 2, "store_id, id, tenant, document_id, version, seq, start_at, end_at, page, heading, header, text, checksum", 500},
	{"receipts", 1, `id, tenant, store_id, object_id, sha256, created_at, deleted_at, versions, passages, answers, chunks, vectors, originals,
		blobs, job_id`, 500},
	{"removals", 3, "id, store_id, document_id, tenant, job_id, created_at", 500},
	{"file_batches", 1, "id, tenant, store_id, created_at, cancelled", 500},
	{"file_batch_files", 2, "batch_id, file_id", 500},
	{"keys", 1, "id, tenant, name, hash, verbs, stores, reads_as, created_at, revoked_at", 500},
}

// all are tables and what a backup has besides.
var all = append(slices.Clone(tables),
	table{"kept_answers", 1, "id, tenant, store_id, created_at, body", 50}, // prompts are large
	table{"kept_answer_documents", 2, "answer_id, document_id, store_id", 500})

// Copy copies everything of one library into another, empty one (rag.CodeConflict
// when it is not), of the same kind or the other, as it is at one moment.
// All of it is there in the end, or nothing. Documents that are on their way
// begin anew in the copy, and pending removals get a job there. progress hears
// how many rows of a table are copied; it may be nil. Nothing else may use the
// target meanwhile.
func Copy(ctx context.Context, from, to *Store, progress func(table string, rows int)) error {
	return copyTables(ctx, from, to, tables, progress)
}

// CopyAll is Copy with the kept answers.
func CopyAll(ctx context.Context, from, to *Store, progress func(table string, rows int)) error {
	return copyTables(ctx, from, to, all, progress)
}

func copyTables(ctx context.Context, from, to *Store, which []table, progress func(table string, rows int)) error {
	if progress == nil {
		progress = func(string, int) {}
	}
	err := from.snapshot(ctx, func(source *txn) error {
		return to.once(ctx, func(ctx context.Context, target *txn) error {
			if err := target.patient(ctx); err != nil {
				return err
			}
			if err := empty(ctx, target); err != nil {
				return err
			}
			for _, t := range which {
				if err := t.copy(ctx, source, target, progress); err != nil {
					return fmt.Errorf("copy %s: %w", t.name, err)
				}
			}
			return to.resume(ctx, target)
		})
	})
	return to.explain(ctx, "copy the library", err)
}

// snapshot runs f in a transaction that sees the database as it is at one moment.
func (s *Store) snapshot(ctx context.Context, f func(*txn) error) error {
	tx, err := s.reader.BeginTx(ctx, s.d.snapshot)
	if err != nil {
		return err
	}
	source := &txn{tx, s.d}
	if err = source.patient(ctx); err == nil {
		err = f(source)
	}
	if end := tx.Rollback(); end != nil && !errors.Is(end, sql.ErrTxDone) {
		err = errors.Join(err, end)
	}
	return err
}

// patient lets a transaction wait for another database.
func (t *txn) patient(ctx context.Context) error {
	if !t.d.numbered {
		return nil
	}
	return t.exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0")
}

func empty(ctx context.Context, tx *txn) error {
	for _, t := range all {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+t.name+" LIMIT 1) AS t").Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return rag.Fail(rag.CodeConflict, "the target holds "+t.name+" already; copy into an empty database")
		}
	}
	return nil
}

func (t table) copy(ctx context.Context, source, target *txn, progress func(string, int)) error {
	total := 0
	return t.pages(ctx, source, func(rows [][]any) error {
		if err := insertRows(ctx, target, "INSERT INTO "+t.name+" ("+t.columns+") VALUES ", "", rows); err != nil {
			return err
		}
		total += len(rows)
		progress(t.name, total)
		return nil
	})
}

// pages gives all rows of the table, some at a time.
func (t table) pages(ctx context.Context, source *txn, each func(rows [][]any) error) error {
	columns := strings.Split(t.columns, ",")
	w := walk[[]any]{columns: t.columns, from: t.name + " WHERE 1 = 1", key: strings.Join(columns[:t.key], ",")}
	var after []any
	for {
		query, args := w.page(after, t.page)
		rows, err := collect(ctx, source, scanAny(len(columns)), query, args...)
		if err != nil {
			return err
		}
		last := len(rows) < t.page
		if !last {
			after = slices.Clone(rows[len(rows)-1][:t.key])
		}
		if err := each(rows); err != nil || last {
			return err
		}
	}
}

func scanAny(n int) func(scanner) ([]any, error) {
	return func(row scanner) ([]any, error) {
		values, at := make([]any, n), make([]any, n)
		for i := range values {
			at[i] = &values[i]
		}
		err := row.Scan(at...)
		return values, err
	}
}

// resume lets documents that were on their way begin anew, and removals end.
func (s *Store) resume(ctx context.Context, tx *txn) error {
	const waiting = "state IN ('queued', 'parsing', 'embedding')"
	docs, err := collect(ctx, tx, scanDocument, "SELECT "+documentColumns+" FROM documents WHERE "+waiting+" ORDER BY created_at, id")
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if err := clear(ctx, tx, refOf(doc)); err != nil {
			return err
		}
		if _, err := s.jobs.InsertTx(ctx, tx.Tx, ingest.ParseArgs{Ref: refOf(doc)}, nil); err != nil {
			return err
		}
	}
	err = tx.exec(ctx, "UPDATE documents SET state = 'queued', chunks = 0, chunks_done = 0, attempts = 0, waits_for = '' WHERE "+waiting)
	if err != nil {
		return err
	}
	removals, err := collect(ctx, tx, scanAny(2), "SELECT id, tenant FROM receipts WHERE deleted_at = 0 ORDER BY id")
	if err != nil {
		return err
	}
	for _, r := range removals {
		id, tenant := fmt.Sprint(r[0]), fmt.Sprint(r[1])
		job, err := s.jobs.InsertTx(ctx, tx.Tx, ingest.SweepArgs{Tenant: tenant, RemovalID: id}, nil)
		if err != nil {
			return err
		}
		for _, table := range []string{"removals", "receipts"} {
			if err := tx.exec(ctx, "UPDATE "+table+" SET job_id = ? WHERE id = ?", job.Job.ID, id); err != nil {
				return err
			}
		}
	}
	return nil
}
