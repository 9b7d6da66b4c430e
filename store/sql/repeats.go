package sql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"regexp"
	"time"

	"groundwork/ingest"
	"groundwork/rag"
)

const (
	// keepReplies is how long the reply to a request is given again.
	keepReplies = 24 * time.Hour
	// mostReplies is how many are kept of one caller: the newest.
	mostReplies = 10_000
)

// Once answers a request that may be a repetition: with what do answers, or
// with what it answered under the same name before. A repetition that comes
// while the first request is carried out waits for it. What do refuses is not
// kept: nothing was done, and the request may come again. Another request
// under the same name gives rag.CodeReused; when too many are carried out at
// once, rag.CodeBusy. do may take locks, but calls Once no more.
func (s *Store) Once(ctx context.Context, r rag.Repeat, do func(context.Context) (rag.Reply, error)) (reply rag.Reply, again bool, err error) {
	err = s.byName(ctx, "repeat/"+r.Caller+"/"+r.Name, func(ctx context.Context) error {
		if reply, again, err = s.repeated(ctx, r); err != nil || again {
			return err
		}
		if reply, err = do(ctx); err != nil {
			return err
		}
		// It is done: the reply is kept even when the caller has gone.
		return s.keepReply(context.WithoutCancel(ctx), r, reply)
	})
	return reply, again, err
}

// byName runs do while no other request of the name is carried out. Those of
// this process wait for each other without a connection.
func (s *Store) byName(ctx context.Context, name string, do func(context.Context) error) error {
	if !s.Shared() {
		return s.local.Exclusive(ctx, name, do)
	}
	return s.local.Exclusive(ctx, name, func(ctx context.Context) error {
		wait, cancel := context.WithTimeout(ctx, lockWait)
		defer cancel()
		select {
		case s.turns <- struct{}{}:
			defer func() { <-s.turns }()
			return advisory{s, s.repeats}.Exclusive(ctx, name, do)
		case <-wait.Done():
			return cmp.Or(ctx.Err(), error(&rag.Error{Code: rag.CodeBusy, RetryAfter: time.Second,
				Message: "too many requests with an Idempotency-Key are being carried out; send this one again in a moment"}))
		}
	})
}

func (s *Store) repeated(ctx context.Context, r rag.Repeat) (reply rag.Reply, found bool, err error) {
	var fingerprint string
	err = s.read(ctx, "look for a repetition", func(ctx context.Context, q querier) error {
		err := q.QueryRowContext(ctx, "SELECT fingerprint, status, body FROM repeats WHERE caller = ? AND name = ? AND created_at >= ?",
			r.Caller, r.Name, s.now()-keepReplies.Microseconds()).Scan(&fingerprint, &reply.Status, &reply.Body)
		if found = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err == nil && found && fingerprint != r.Fingerprint {
		err = &rag.Error{Code: rag.CodeReused, Param: "Idempotency-Key",
			Message: "This Idempotency-Key came with another request in the last 24 hours. Send the same request again, or this one with a key of its own."}
	}
	return reply, found, err
}

const (
	// oldReplies are those of a caller beyond the newest; none while there are fewer.
	oldReplies = `DELETE FROM repeats WHERE caller = ? AND (created_at, name) < (
		SELECT created_at, name FROM repeats WHERE caller = ? ORDER BY created_at DESC, name DESC LIMIT 1 OFFSET ?)`
	// repliesOf are those that name something.
	repliesOf = "DELETE FROM repeats WHERE (caller, name) IN (SELECT caller, name FROM repeat_objects WHERE object_id = ?)"
)

func (s *Store) keepReply(ctx context.Context, r rag.Repeat, reply rag.Reply) error {
	return s.write(ctx, "keep a reply", func(ctx context.Context, tx *txn) error {
		now := s.now()
		var named [][]any
		for _, id := range namedIn(reply.Body) {
			named = append(named, []any{id, r.Caller, r.Name})
		}
		for _, q := range []query{
			{"DELETE FROM repeats WHERE created_at < ?", []any{now - keepReplies.Microseconds()}},
			{"DELETE FROM repeats WHERE caller = ? AND name = ?", []any{r.Caller, r.Name}},
			{"INSERT INTO repeats (caller, name, fingerprint, status, body, created_at) VALUES (?, ?, ?, ?, ?, ?)",
				[]any{r.Caller, r.Name, r.Fingerprint, reply.Status, string(reply.Body), now}},
			{oldReplies, []any{r.Caller, r.Caller, mostReplies - 1}},
		} {
			if err := tx.exec(ctx, q.text, q.args...); err != nil {
				return err
			}
		}
		return insertRows(ctx, tx, "INSERT INTO repeat_objects (object_id, caller, name) VALUES ", "", named)
	})
}

// objectID is what a reply names and what may be deleted: files, stores, batches.
var objectID = regexp.MustCompile(`"((?:file-|vs_|vsfb_)[0-9A-Za-z]+)"`)

func namedIn(body []byte) []string {
	var ids []string
	for _, m := range objectID.FindAllSubmatch(body, -1) {
		ids = append(ids, string(m[1]))
	}
	return unique(ids)
}

// forgetReplies deletes the replies that tell of what goes: they name its files.
func forgetReplies(ctx context.Context, tx *txn, r ingest.Removal) error {
	ids := []string{r.ObjectID}
	for _, t := range r.Targets {
		ids = append(ids, cmp.Or(t.DocumentID, t.StoreID))
	}
	for _, id := range unique(ids) {
		if err := tx.exec(ctx, repliesOf, id); err != nil {
			return err
		}
	}
	return nil
}
