package sql

import "context"

// JobKinds are the kinds of the unfinished jobs, in the order they were enqueued.
func (s *Store) JobKinds(ctx context.Context) ([]string, error) {
	return collect(ctx, s.reader, scanString, "SELECT kind FROM river_job WHERE finalized_at IS NULL ORDER BY id")
}
