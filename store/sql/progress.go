package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/riverqueue/river"

	"groundwork/ingest"
	"groundwork/rag"
)

// Start moves the version to parsing.
func (s *Store) Start(ctx context.Context, ref ingest.Ref) (doc rag.Document, err error) {
	err = s.write(ctx, "start a document", func(ctx context.Context, tx *txn) error {
		if doc, err = lockCurrent(ctx, tx, ref); err != nil {
			return err
		}
		if doc.State == rag.StateEmbedding { // its text is stored; the embed jobs do the rest
			return ingest.ErrDone
		}
		doc.State = rag.StateParsing
		return s.move(ctx, tx, ref, doc.State)
	})
	return doc, err
}

// current is the document of ref while that version is on its way.
func current(ctx context.Context, q querier, ref ingest.Ref) (rag.Document, error) {
	return judge(ref)(findDocument(ctx, q, ref.Scope(), ref.DocumentID))
}

// lockCurrent is current for a transaction that moves the version on: the
// steps of one document come one after the other.
func lockCurrent(ctx context.Context, tx *txn, ref ingest.Ref) (rag.Document, error) {
	return judge(ref)(lockDocument(ctx, tx, ref.Scope(), ref.DocumentID))
}

// judge tells by the document's row what became of the version.
func judge(ref ingest.Ref) func(rag.Document, error) (rag.Document, error) {
	return func(doc rag.Document, err error) (rag.Document, error) { return judged(ref, doc, err) }
}

func judged(ref ingest.Ref, doc rag.Document, err error) (rag.Document, error) {
	switch {
	case rag.CodeOf(err) == rag.CodeNotFound:
		return rag.Document{}, ingest.ErrStale
	case err != nil:
		return rag.Document{}, err
	case doc.LiveVersion == ref.Version:
		return rag.Document{}, ingest.ErrDone
	case doc.Version != ref.Version || doc.State == rag.StateFailed:
		return rag.Document{}, ingest.ErrStale
	}
	return doc, nil
}

func (s *Store) move(ctx context.Context, tx *txn, ref ingest.Ref, state rag.State) error {
	return tx.exec(ctx, "UPDATE documents SET state = ?, updated_at = ? WHERE store_id = ? AND id = ?",
		state, s.now(), ref.StoreID, ref.DocumentID)
}

// SaveText stores text and chunks, enqueues one embed job per batch, and makes documents of what is attached.
func (s *Store) SaveText(ctx context.Context, ref ingest.Ref, r ingest.Reading, batch int) error {
	return s.write(ctx, "store a document's text", func(ctx context.Context, tx *txn) error {
		doc, err := lockCurrent(ctx, tx, ref)
		if err != nil {
			return err
		}
		if doc.State == rag.StateEmbedding {
			return ingest.ErrDone
		}
		if err := clear(ctx, tx, ref, "expected"); err != nil {
			return err
		}
		if err := insertChunks(ctx, tx, ref, r.Chunks); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE versions SET text = ?, checksum = ? WHERE store_id = ? AND document_id = ? AND version = ?",
			r.Text, ingest.Checksum(r.Text), ref.StoreID, ref.DocumentID, ref.Version)
		if err != nil {
			return err
		}
		apart := 0
		if r.TakenApart {
			apart = 1
		}
		_, err = tx.ExecContext(ctx, "UPDATE documents SET state = ?, waits_for = '', chunks = ?, chunks_done = 0, taken_apart = ?, updated_at = ? WHERE store_id = ? AND id = ?",
			rag.StateEmbedding, len(r.Chunks), apart, s.now(), ref.StoreID, ref.DocumentID)
		if err != nil {
			return err
		}
		if err := s.attach(ctx, tx, doc, r.Attached); err != nil {
			return err
		}
		return s.enqueueBatches(ctx, tx, ref, len(r.Chunks), max(batch, 1))
	})
}

// clear removes what an earlier attempt at the same version left, in some more tables too.
func clear(ctx context.Context, tx *txn, ref ingest.Ref, tables ...string) error {
	for _, table := range append([]string{"batches", "chunks"}, tables...) {
		_, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE store_id = ? AND document_id = ? AND version = ?",
			ref.StoreID, ref.DocumentID, ref.Version)
		if err != nil {
			return err
		}
	}
	return nil
}

// rowsAtOnce are the numbers of rows that one INSERT takes; few, so that few statements are prepared.
var rowsAtOnce = []int{500, 100, 10, 1}

const chunkColumns = "id, tenant, store_id, document_id, version, seq, start_at, end_at, page, heading, header, text, checksum"

func insertChunks(ctx context.Context, tx *txn, ref ingest.Ref, chunks []ingest.Chunk) error {
	rows := make([][]any, len(chunks))
	for i, c := range chunks {
		heading, err := json.Marshal(c.Heading)
		if err != nil {
			return fmt.Errorf("chunk %d: %w", c.Seq, err)
		}
		rows[i] = []any{c.ID, ref.Tenant, ref.StoreID, ref.DocumentID, ref.Version, c.Seq, c.Start, c.End,
			c.Page, string(heading), c.Header, c.Text, c.Checksum()}
	}
	return insertRows(ctx, tx, "INSERT INTO chunks ("+chunkColumns+") VALUES ", "", rows)
}

// insertRows inserts rows of the same length; insert ends with VALUES, and what follows the rows is in end.
func insertRows(ctx context.Context, tx *txn, insert, end string, rows [][]any) error {
	for _, n := range rowsAtOnce {
		for len(rows) >= n {
			args := make([]any, 0, n*len(rows[0]))
			for _, row := range rows[:n] {
				args = append(args, row...)
			}
			row := "(" + marks(len(rows[0])) + ")"
			if err := tx.exec(ctx, insert+row+strings.Repeat(", "+row, n-1)+end, args...); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	return nil
}

func (s *Store) enqueueBatches(ctx context.Context, tx *txn, ref ingest.Ref, chunks, size int) error {
	if chunks == 0 {
		return s.enqueuePublish(ctx, tx, ref)
	}
	total := (chunks + size - 1) / size
	jobs := make([]river.InsertManyParams, 0, total)
	for from := 0; from < chunks; from += size {
		to := min(from+size, chunks)
		_, err := tx.ExecContext(ctx, "INSERT INTO batches (store_id, document_id, version, tenant, from_seq, to_seq) VALUES (?, ?, ?, ?, ?, ?)",
			ref.StoreID, ref.DocumentID, ref.Version, ref.Tenant, from, to)
		if err != nil {
			return err
		}
		jobs = append(jobs, river.InsertManyParams{Args: ingest.EmbedArgs{Ref: ref, From: from, To: to, Of: total}})
	}
	_, err := s.jobs.InsertManyTx(ctx, tx.Tx, jobs)
	return err
}

func (s *Store) enqueuePublish(ctx context.Context, tx *txn, ref ingest.Ref) error {
	_, err := s.jobs.InsertTx(ctx, tx.Tx, ingest.PublishArgs{Ref: ref}, nil)
	return err
}

// Chunks returns the chunks with from <= Seq < to, in order.
func (s *Store) Chunks(ctx context.Context, ref ingest.Ref, from, to int) (chunks []ingest.Chunk, err error) {
	err = s.read(ctx, "read chunks", func(ctx context.Context, q querier) error {
		if _, err := current(ctx, q, ref); err != nil {
			return err
		}
		chunks, err = collect(ctx, q, scanChunk, `SELECT id, seq, start_at, end_at, page, heading, header, text FROM chunks
			WHERE store_id = ? AND document_id = ? AND version = ? AND seq >= ? AND seq < ? ORDER BY seq`,
			ref.StoreID, ref.DocumentID, ref.Version, from, to)
		return err
	})
	return chunks, err
}

func scanChunk(row scanner) (ingest.Chunk, error) {
	var c ingest.Chunk
	var heading string
	if err := row.Scan(&c.ID, &c.Seq, &c.Start, &c.End, &c.Page, &heading, &c.Header, &c.Text); err != nil {
		return ingest.Chunk{}, err
	}
	err := json.Unmarshal([]byte(heading), &c.Heading)
	return c, err
}

// Embedded marks a batch as indexed; the last one enqueues the publish job.
func (s *Store) Embedded(ctx context.Context, ref ingest.Ref, from, to int) error {
	return s.write(ctx, "mark a batch as indexed", func(ctx context.Context, tx *txn) error {
		if _, err := lockCurrent(ctx, tx, ref); err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, "DELETE FROM batches WHERE store_id = ? AND document_id = ? AND version = ? AND from_seq = ? AND to_seq = ?",
			ref.StoreID, ref.DocumentID, ref.Version, from, to)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err // counted before
		}
		_, err = tx.ExecContext(ctx, "UPDATE documents SET chunks_done = chunks_done + ?, waits_for = '', updated_at = ? WHERE store_id = ? AND id = ?",
			to-from, s.now(), ref.StoreID, ref.DocumentID)
		if err != nil {
			return err
		}
		left, err := batchesLeft(ctx, tx, ref)
		if err != nil || left > 0 {
			return err
		}
		return s.enqueuePublish(ctx, tx, ref)
	})
}

func batchesLeft(ctx context.Context, q querier, ref ingest.Ref) (n int, err error) {
	err = q.QueryRowContext(ctx, "SELECT COUNT(*) FROM batches WHERE store_id = ? AND document_id = ? AND version = ?",
		ref.StoreID, ref.DocumentID, ref.Version).Scan(&n)
	return n, err
}
