package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"groundwork/rag"
)

// KeepAnswer keeps body, which made the answer id from the documents, and
// forgets what a tenant has over the newest most and what is older than age.
func (s *Store) KeepAnswer(ctx context.Context, scope rag.Scope, id, body string, documents []string, most int, age time.Duration) error {
	return s.write(ctx, "keep an answer", func(ctx context.Context, tx *txn) error {
		if err := keepStore(ctx, tx, scope); err != nil {
			return err
		}
		for _, document := range unique(documents) { // one that is gone by now must not leave its text here
			var there int
			err := tx.QueryRowContext(ctx, "SELECT 1 FROM documents WHERE store_id = ? AND id = ?"+tx.d.keepRow, scope.Store, document).Scan(&there)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		err := tx.exec(ctx, "INSERT INTO kept_answers (id, tenant, store_id, created_at, body) VALUES (?, ?, ?, ?, ?)", id, scope.Tenant, scope.Store, s.now(), body)
		for _, document := range unique(documents) {
			if err == nil {
				err = tx.exec(ctx, "INSERT INTO kept_answer_documents (answer_id, store_id, document_id) VALUES (?, ?, ?)", id, scope.Store, document)
			}
		}
		if err == nil {
			err = tx.exec(ctx, `DELETE FROM kept_answers WHERE tenant = ? AND id NOT IN (
				SELECT id FROM kept_answers WHERE tenant = ? ORDER BY created_at DESC, id LIMIT ?)`, scope.Tenant, scope.Tenant, most)
		}
		if err == nil {
			err = s.forgetAnswers(ctx, tx, age)
		}
		return err
	})
}

// ForgetAnswers forgets kept answers that are older than age.
func (s *Store) ForgetAnswers(ctx context.Context, age time.Duration) error {
	return s.write(ctx, "forget answers", func(ctx context.Context, tx *txn) error { return s.forgetAnswers(ctx, tx, age) })
}

func (s *Store) forgetAnswers(ctx context.Context, tx *txn, age time.Duration) error {
	return tx.exec(ctx, "DELETE FROM kept_answers WHERE created_at < ?", s.now()-age.Microseconds())
}

// KeptAnswer is what KeepAnswer kept, unless it is older than age.
func (s *Store) KeptAnswer(ctx context.Context, tenant, id string, age time.Duration) (body string, err error) {
	err = s.read(ctx, "read a kept answer", func(ctx context.Context, q querier) error {
		err := q.QueryRowContext(ctx, "SELECT body FROM kept_answers WHERE tenant = ? AND id = ? AND created_at >= ?", tenant, id, s.now()-age.Microseconds()).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return rag.Fail(rag.CodeNotFound, fmt.Sprintf("The answer %q is not kept. The keys answer.keep and answer.keep_for say how many answers are kept, and how long.", id))
		}
		return err
	})
	return body, err
}
