package sql

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"groundwork/ingest"
)

// WorkOptions say how jobs are worked in this process.
type WorkOptions struct {
	Workers     int           // documents read at once; so many jobs of other kinds beside, and beside to keep the embedding model busy
	JobTimeout  time.Duration // of one job
	RescueAfter time.Duration // the longest until a job whose worker died is taken over; more than JobTimeout, on PostgreSQL by a minute
}

const (
	// poll is how often an idle worker looks for jobs in SQLite, and so the
	// longest that a job waits for a free worker.
	poll = 50 * time.Millisecond
	// beside is how many jobs may wait for the embedding model while others write: it always has the next batch.
	beside = 2
	// pollBeside is the same on PostgreSQL, where workers are notified, should a notification be lost.
	pollBeside = 500 * time.Millisecond
	// cooldown is how long what was enqueued may be collected before workers look for it.
	cooldown = 10 * time.Millisecond
	// keepFinished is how long a finished job stays in the table.
	keepFinished = time.Minute
	// rescueLag is how much later than its time a job is rescued: the leader,
	// which may have to be elected first, looks every 30 seconds.
	rescueLag = 45 * time.Second
)

// Work starts working jobs. stop lets running jobs end; when its context ends
// first, they are cancelled and wait for the next start. It may be called twice.
func (s *Store) Work(ctx context.Context, workers *river.Workers, opt WorkOptions) (stop func(context.Context) error, err error) {
	config := &river.Config{
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: opt.Workers + beside}, ingest.QueueRead: {MaxWorkers: opt.Workers},
		},
		Workers:                     workers,
		Middleware:                  s.opt.Middleware,
		Logger:                      quiet(s.opt.Log),
		FetchCooldown:               cooldown,
		JobTimeout:                  opt.JobTimeout,
		CompletedJobRetentionPeriod: keepFinished,
	}
	var client *river.Client[*sql.Tx]
	if s.Shared() {
		config.FetchPollInterval = pollBeside
		config.RescueStuckJobsAfter = max(opt.RescueAfter-rescueLag, opt.JobTimeout+opt.JobTimeout/12)
		client, err = river.NewClient(riverdatabasesql.NewWithPgxListener(s.writer.DB, s.listen), config)
	} else {
		config.PollOnly = true // SQLite's listener polls as often, on the one connection that writes
		config.FetchPollInterval = poll
		config.RescueStuckJobsAfter = opt.RescueAfter
		config.ReindexerIndexNames = []string{} // of no use in SQLite
		client, err = river.NewClient(riversqlite.New(s.writer.DB), config)
	}
	if err != nil {
		return nil, fmt.Errorf("start the workers: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, s.explain(ctx, "start the workers", err)
	}
	return func(ctx context.Context) error {
		err := client.Stop(ctx)
		if err == nil || ctx.Err() == nil {
			return err
		}
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := client.StopAndCancel(hard); err != nil {
			return fmt.Errorf("stop the workers: %w", err)
		}
		return nil
	}, nil
}

// RequeueRunning makes the jobs available that were running when the process
// died, completes its deletions, and lets this process lead the queue at once. Only a process that knows to
// be alone (by the lock on its data directory) may call it, before Work. On
// PostgreSQL nobody knows that, so it does nothing: the queue rescues the jobs.
func (s *Store) RequeueRunning(ctx context.Context) (requeued int, err error) {
	if s.Shared() {
		return 0, nil
	}
	err = s.write(ctx, "requeue interrupted jobs", func(ctx context.Context, tx *txn) error {
		if err := tx.exec(ctx, "DELETE FROM river_leader"); err != nil {
			return err
		}
		err := tx.exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = created_at
			WHERE state = 'scheduled' AND id IN (SELECT job_id FROM removals)`)
		if err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, "UPDATE river_job SET state = 'available' WHERE state = 'running'")
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		requeued = int(n)
		return err
	})
	return requeued, err
}

// Waiting counts the jobs that wait or run.
func (s *Store) Waiting(ctx context.Context) (n int, err error) {
	err = s.read(ctx, "count jobs", func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx,
			"SELECT COUNT(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending')").Scan(&n)
	})
	return n, err
}

// Ahead counts the embed jobs that could run and wait for a worker, but for those of long documents.
func (s *Store) Ahead(ctx context.Context) (n int, err error) {
	job := ingest.EmbedArgs{Of: 1}
	err = s.read(ctx, "count jobs", func(ctx context.Context, q querier) error {
		return q.QueryRowContext(ctx, "SELECT COUNT(*) FROM river_job WHERE state = 'available' AND queue = ? AND priority <= ? AND kind = ?",
			river.QueueDefault, job.InsertOpts().Priority, job.Kind()).Scan(&n)
	})
	return n, err
}

// quiet keeps the queue's chatter out of the log: what a job has to say, its worker says.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
