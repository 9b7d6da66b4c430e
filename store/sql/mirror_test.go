package sql_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/ingest"
	"groundwork/internal/pgtest"
	"groundwork/rag"
	"groundwork/store/sql"
)

// mirrored is a mirror of the library whose workers have done all there was to do.
func (b *bench) mirrored(t *testing.T) *bench {
	t.Helper()
	m := &bench{Store: open(t, sql.Options{})}
	_, _, err := m.Mirror(t.Context(), b.Store)
	require.NoError(t, err)
	require.NoError(t, m.EachDocument(t.Context(), func(d rag.Document) error {
		m.publish(t, ingest.Ref{Tenant: d.Tenant, StoreID: d.StoreID, DocumentID: d.ID, Version: d.Version}, 2)
		return nil
	}))
	return m
}

// publish makes a version searchable.
func (b *bench) publish(t *testing.T, ref ingest.Ref, chunks int) {
	t.Helper()
	b.save(t, ref, chunks)
	for seq := range chunks {
		require.NoError(t, b.Embedded(t.Context(), ref, seq, seq+1))
	}
	_, err := b.Ready(t.Context(), ref)
	require.NoError(t, err)
}

func TestAMirrorTakesThePlaceOfWhatItMirrors(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, place func(t *testing.T) sql.Options) {
		b := newBench(t, place(t))
		ready, waiting := b.accept(t, "ready"), b.accept(t, "waiting")
		b.publish(t, ready, 1)
		require.NoError(t, b.Delayed(t.Context(), waiting, true, "The model server is away."))
		m := b.mirrored(t)
		require.NoError(t, b.Adopt(t.Context(), m.Store, true))
		for _, ref := range []ingest.Ref{ready, waiting} {
			d, err := b.Document(t.Context(), b.scope, ref.DocumentID)
			require.NoError(t, err)
			require.Equal(t, rag.StateReady, d.State)
			require.Equal(t, d.Version, d.LiveVersion)
			require.Greater(t, d.Version, ref.Version)
			require.Equal(t, 2, d.Chunks)
			require.Empty(t, d.WaitsFor, "it waits no more")
			require.Zero(t, d.Attempts)
		}
		_, err := b.Remove(t.Context(), b.scope, waiting.DocumentID)
		require.NoError(t, err)
		require.ErrorIs(t, b.Adopt(t.Context(), m.Store, true), sql.ErrBehind, "it holds what is deleted")
	})
}

// TestAReplacementWhileAMirrorIsAdoptedIsNotLost: the upload was begun before, and is acknowledged meanwhile.
func TestAReplacementWhileAMirrorIsAdoptedIsNotLost(t *testing.T) {
	t.Parallel()
	b := newBench(t, sql.Options{URL: pgtest.URL(t)})
	b.publish(t, b.accept(t, "a.md"), 1)
	m := b.mirrored(t)
	next := ingest.Accepted{Tenant: b.scope.Tenant, StoreID: b.scope.Store, Path: "a.md", SHA256: "next", Bytes: 1}
	entered, resume, accepted, adopted := make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan error, 1)
	go func() { accepted <- b.HoldAccept(t.Context(), next, entered, resume) }()
	<-entered
	go func() { adopted <- b.Adopt(t.Context(), m.Store, true) }()
	require.Eventually(t, func() bool {
		n, err := b.LockWaits(t.Context())
		return err == nil && n > 0
	}, 20*time.Second, 10*time.Millisecond, "it waits for the upload")
	close(resume)
	require.NoError(t, <-accepted)
	require.ErrorIs(t, <-adopted, sql.ErrBehind)
	docs, _, err := b.Documents(t.Context(), b.scope, rag.Page{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, "next", docs[0].SHA256)
	require.Equal(t, rag.StateQueued, docs[0].State, "its text is still to be made")
	require.NoError(t, b.Settled(t.Context()))
}

func TestNoIndexTakesItsPlaceWhileAProcessUsesTheLibrary(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	b, server := newBench(t, sql.Options{URL: url}), open(t, sql.Options{URL: url})
	m := b.mirrored(t)
	never := func(err error) { t.Error(err) }
	attended := func(want bool) {
		t.Helper()
		got, err := b.Attended(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	attended(false)
	leave, err := server.Attend(t.Context(), never) // it works no jobs, so it never leads the queue
	require.NoError(t, err)
	attended(true)
	require.ErrorIs(t, b.Adopt(t.Context(), m.Store, true), sql.ErrAttended)
	also, err := b.Attend(t.Context(), never)
	require.NoError(t, err, "any number may")
	leave()
	attended(true)
	also()
	attended(false)

	require.NoError(t, b.Adopt(t.Context(), m.Store, true))
	_, err = server.Attend(t.Context(), never)
	require.ErrorIs(t, err, sql.ErrHalfway, "wherever it runs")
	require.ErrorIs(t, server.Settled(t.Context()), sql.ErrHalfway)
	require.NoError(t, b.Swapped(t.Context()))
	leave, err = server.Attend(t.Context(), never)
	require.NoError(t, err)
	leave()
}

func TestAProcessThatLostTheDatabaseAttendsAgainOrIsToldThatItIsOvertaken(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	b, server := newBench(t, sql.Options{URL: url}), open(t, sql.Options{URL: url})
	m := b.mirrored(t)
	overtaken := make(chan error, 1)
	leave, err := server.Attend(t.Context(), func(err error) { overtaken <- err })
	require.NoError(t, err)
	defer leave()
	first, err := b.Attendants(t.Context())
	require.NoError(t, err)
	require.Len(t, first, 1)
	require.NoError(t, b.EndAttendants(t.Context()))
	require.Eventually(t, func() bool {
		now, err := b.Attendants(t.Context())
		return err == nil && len(now) == 1 && now[0] != first[0]
	}, 20*time.Second, 10*time.Millisecond, "it comes again")
	require.Empty(t, overtaken)

	require.Eventually(t, func() bool { // the connection is lost, and the swap faster
		return b.EndAttendants(t.Context()) == nil && b.Adopt(t.Context(), m.Store, true) == nil
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, b.Swapped(t.Context()))
	require.Error(t, <-overtaken)
}
