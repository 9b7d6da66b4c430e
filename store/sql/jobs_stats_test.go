package sql_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/pgtest"
	"groundwork/store/sql"
)

func TestQueueStatsTellWhatWaitsAndHowLong(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(*testing.T) string{
		"SQLite":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queueStats(t, address(t))
		})
	}
}

func queueStats(t *testing.T, address string) {
	t.Helper()
	ahead := time.Hour // the queue takes the real time; ours is an hour later
	b := newBench(t, sql.Options{URL: address, Now: func() time.Time { return time.Now().Add(ahead) }})
	stats, err := b.QueueStats(t.Context())
	require.NoError(t, err)
	require.Empty(t, stats.Jobs)
	require.Zero(t, stats.Oldest)

	first, second := b.accept(t, "a.md"), b.accept(t, "b.md")
	b.save(t, first, 3)
	_, err = b.Start(t.Context(), second)
	require.NoError(t, err)
	stats, err = b.QueueStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, []sql.JobCount{{Kind: "embed", State: "available", Jobs: 3}, {Kind: "parse", State: "available", Jobs: 2}}, stats.Jobs)
	require.InDelta(t, ahead.Seconds(), stats.Oldest.Seconds(), 300)

	n, err := b.SearchableChunks(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "nothing is ready yet")
	for i := range 3 {
		require.NoError(t, b.Embedded(t.Context(), first, i, i+1))
	}
	_, err = b.Ready(t.Context(), first)
	require.NoError(t, err)
	n, err = b.SearchableChunks(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
}
