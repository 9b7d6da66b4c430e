package sql

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// JobCount is how many jobs of a kind are in a state of River's.
type JobCount struct {
	Kind  string
	State string
	Jobs  int
}

// QueueStats is what the queue holds.
type QueueStats struct {
	Jobs   []JobCount    // every state but completed; pairs without jobs are left out
	Oldest time.Duration // since the oldest job that still waits was queued; 0 when none waits
}

// QueueStats reads what the queue holds. A job that waits for its second try,
// or for a model server that is away, waits since it was first queued.
func (s *Store) QueueStats(ctx context.Context) (QueueStats, error) {
	var stats QueueStats
	var oldest time.Time
	err := s.read(ctx, "look at the queue", func(ctx context.Context, q querier) (err error) {
		stats.Jobs, err = collect(ctx, q, func(row scanner) (c JobCount, err error) {
			return c, row.Scan(&c.Kind, &c.State, &c.Jobs)
		}, `SELECT kind, state, COUNT(*) FROM river_job WHERE state <> 'completed' GROUP BY kind, state ORDER BY kind, CAST(state AS TEXT)`)
		if err != nil {
			return err
		}
		// Not MIN(): SQLite forgets that its result is a time.
		err = q.QueryRowContext(ctx, `SELECT created_at FROM river_job
			WHERE state IN ('available', 'pending', 'retryable', 'scheduled') ORDER BY created_at LIMIT 1`).Scan(&oldest)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	if err != nil {
		return QueueStats{}, err
	}
	if !oldest.IsZero() {
		stats.Oldest = max(0, s.opt.Now().Sub(oldest))
	}
	return stats, nil
}

// SearchableChunks counts the chunks of ready documents.
func (s *Store) SearchableChunks(ctx context.Context) (n int, err error) {
	err = s.read(ctx, "count searchable chunks", func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, "SELECT COALESCE(SUM(chunks), 0) FROM documents WHERE state = 'ready'").Scan(&n)
	})
	return n, err
}
