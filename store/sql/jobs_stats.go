package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	jobs, err := collect(ctx, s.reader, func(row scanner) (c JobCount, err error) {
		return c, row.Scan(&c.Kind, &c.State, &c.Jobs)
	}, `SELECT kind, state, COUNT(*) FROM river_job WHERE state <> 'completed' GROUP BY kind, state ORDER BY kind, state`)
	if err != nil {
		return QueueStats{}, fmt.Errorf("count jobs: %w", err)
	}
	stats := QueueStats{Jobs: jobs}
	var oldest time.Time
	// Not MIN(): SQLite forgets that its result is a time.
	err = s.reader.QueryRowContext(ctx, `SELECT created_at FROM river_job
		WHERE state IN ('available', 'pending', 'retryable', 'scheduled') ORDER BY created_at LIMIT 1`).Scan(&oldest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return stats, nil
	case err != nil:
		return QueueStats{}, fmt.Errorf("find the oldest job: %w", err)
	}
	stats.Oldest = max(0, s.opt.Now().Sub(oldest))
	return stats, nil
}

// SearchableChunks counts the chunks of ready documents.
func (s *Store) SearchableChunks(ctx context.Context) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, "SELECT COALESCE(SUM(chunks), 0) FROM documents WHERE state = 'ready'").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count searchable chunks: %w", err)
	}
	return n, nil
}
