package qdrant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

func fails(err error) func() error { return func() error { return err } }

// TestCrashBeforeThePointer: the new points are live, and no search shows them.
func TestCrashBeforeThePointer(t *testing.T) {
	t.Parallel()
	x, ledger := setup(t)
	before, after := version("doc", 1, 30), version("doc", 2, 40)
	publish(t, x, before...)
	require.NoError(t, x.Upsert(t.Context(), scope, after))
	ledger.before = fails(errLedger)
	require.ErrorIs(t, x.Publish(t.Context(), scope, "doc", 2), errLedger)
	require.ElementsMatch(t, idsOf(before), found(t, x))
	hits, err := x.Dense(t.Context(), scope, []float32{1, 0, 0, 0}, 5)
	require.NoError(t, err)
	require.Equal(t, idsOf(before)[:5], ids(hits), "the hidden ones take no places")
	published, staged := held(t, x)
	require.Equal(t, []int{30, 40}, []int{published, staged})

	require.NoError(t, x.Publish(t.Context(), scope, "doc", 2))
	require.ElementsMatch(t, idsOf(after), found(t, x))
	published, staged = held(t, x)
	require.Equal(t, []int{40, 0}, []int{published, staged})
	require.Equal(t, 40, ledger.chunks(t))
}

// TestCrashAfterThePointer: the old points are still live, and no search shows them.
func TestCrashAfterThePointer(t *testing.T) {
	t.Parallel()
	x, ledger := setup(t)
	after := version("doc", 2, 4)
	publish(t, x, version("doc", 1, 3)...)
	require.NoError(t, x.Upsert(t.Context(), scope, after))
	ledger.after = fails(errLedger)
	require.ErrorIs(t, x.Publish(t.Context(), scope, "doc", 2), errLedger)
	require.ElementsMatch(t, idsOf(after), found(t, x))
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 2))
	require.ElementsMatch(t, idsOf(after), found(t, x))
	published, staged := held(t, x)
	require.Equal(t, []int{4, 0}, []int{published, staged})
}

func TestDiscardTakesAHalfPublishedVersion(t *testing.T) {
	t.Parallel()
	x, ledger := setup(t)
	publish(t, x, version("doc", 1, 3)...)
	require.NoError(t, x.Upsert(t.Context(), scope, version("doc", 2, 4)))
	ledger.before = fails(errLedger)
	require.Error(t, x.Publish(t.Context(), scope, "doc", 2))
	require.NoError(t, x.Discard(t.Context(), scope, "doc", 2))
	published, staged := held(t, x)
	require.Equal(t, []int{3, 0}, []int{published, staged})
	require.NoError(t, x.Discard(t.Context(), scope, "doc", 1))
	require.Len(t, found(t, x), 3, "what is searchable stays")
}

func TestLateWritesOfAStoppedWorker(t *testing.T) {
	t.Parallel()
	x, ledger := setup(t)
	old, current := version("doc", 1, 3), version("doc", 2, 2)
	publish(t, x, old...)
	publish(t, x, current...)
	require.NoError(t, x.Upsert(t.Context(), scope, old))
	require.NoError(t, x.Upsert(t.Context(), scope, current), "a published chunk stays published")
	require.ElementsMatch(t, idsOf(current), found(t, x))
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 1))
	require.ElementsMatch(t, idsOf(current), found(t, x))
	published, staged := held(t, x)
	require.Equal(t, []int{2, 0}, []int{published, staged}, "the late version was discarded")
	require.NoError(t, x.Upsert(t.Context(), scope, old))
	n, vectors, err := x.Remove(t.Context(), scope, "doc")
	require.NoError(t, err)
	require.Equal(t, []int{5, 5}, []int{n, vectors}, "late writes are counted and go")
	require.Zero(t, ledger.chunks(t))
}

// TestRemoveDuringPublish lets a removal come in at the worst places.
func TestRemoveDuringPublish(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*ledger, func() error){
		"before the pointer": func(l *ledger, f func() error) { l.before = f },
		"after the pointer":  func(l *ledger, f func() error) { l.after = f },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, ledger := setup(t)
			publish(t, x, version("other", 1, 2)...)
			publish(t, x, version("doc", 1, 3)...)
			require.NoError(t, x.Upsert(t.Context(), scope, version("doc", 2, 4)))
			set(ledger, func() error {
				_, _, err := x.Remove(t.Context(), scope, "doc")
				return err
			})
			require.NoError(t, x.Publish(t.Context(), scope, "doc", 2))
			require.Len(t, found(t, x), 2)
			require.Equal(t, 2, ledger.chunks(t), "the ledger counts nothing that is gone")
		})
	}
}

func TestDiscardDuringPublishBringsTheOlderVersionBack(t *testing.T) {
	t.Parallel()
	x, ledger := setup(t)
	publish(t, x, version("doc", 1, 3)...)
	require.NoError(t, x.Upsert(t.Context(), scope, version("doc", 2, 4)))
	ledger.before = func() error { return x.Discard(t.Context(), scope, "doc", 2) }
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 2))
	require.ElementsMatch(t, idsOf(version("doc", 1, 3)), found(t, x))
	require.Equal(t, 3, ledger.chunks(t))
}

func TestStagedForANewerVersionSurvives(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	require.NoError(t, x.Upsert(t.Context(), scope, version("doc", 2, 4)))
	publish(t, x, version("doc", 1, 3)...)
	require.NoError(t, x.Publish(t.Context(), scope, "doc", 2))
	require.ElementsMatch(t, idsOf(version("doc", 2, 4)), found(t, x))
}

func TestPublishCorrectsStatisticsOfTheSameVersion(t *testing.T) {
	t.Parallel()
	x, ledger := setup(t)
	publish(t, x, version("doc", 1, 3)...)
	publish(t, x, version("doc", 1, 5)...)
	require.Len(t, found(t, x), 5)
	require.Equal(t, 5, ledger.chunks(t))
}

func TestGenerationFollowsTheLedger(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	first := x.Generation()
	publish(t, x, version("doc", 1, 1)...)
	require.Greater(t, x.Generation(), first)
	now := x.Generation()
	require.NoError(t, x.Upsert(t.Context(), scope, version("doc", 2, 1)))
	require.Equal(t, now, x.Generation(), "nothing that can be found changed")
	_, _, err := x.Remove(t.Context(), scope, "doc")
	require.NoError(t, err)
	require.Greater(t, x.Generation(), now)
}

func TestBadEntriesAreRefused(t *testing.T) {
	t.Parallel()
	x, _ := setup(t)
	e := entryOf("doc", 1, 0, "every")
	e.ChunkID = "no uuid"
	require.Error(t, x.Upsert(t.Context(), scope, append(version("doc", 1, 1), e)))
	long := entryOf("doc", 1, 0, "every")
	long.Vector = []float32{2, 0, 0, 0}
	require.Equal(t, rag.CodeEmbedding, rag.CodeOf(x.Upsert(t.Context(), scope, append(version("doc", 1, 1), long))))
	published, staged := held(t, x)
	require.Zero(t, published+staged)
}
