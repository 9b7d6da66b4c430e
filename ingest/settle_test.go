package ingest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"groundwork/rag"
)

// last records what became of a version.
type last struct {
	Publisher
	Index
	code      rag.Code
	discarded int
	waits     string
	attempts  int
	err       error
	complete  error
}

func (l *last) Delayed(_ context.Context, _ Ref, attempt bool, why string) error {
	if l.waits = why; attempt {
		l.attempts++
	}
	return nil
}

func (l *last) Fail(_ context.Context, _ Ref, code rag.Code, _ string) error {
	l.code = code
	return l.err
}

func (l *last) Complete(context.Context, Ref) error { return l.complete }

func (l *last) Discard(context.Context, rag.Scope, string, int) error {
	l.discarded++
	return nil
}

func TestStepTurnsResultsIntoInstructions(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	rescue := rivertype.AttemptError{Error: "Stuck job rescued by JobRescuer"}
	failed := rivertype.AttemptError{Error: "connection reset"}
	stopping, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		name      string
		ctx       context.Context
		expired   bool // its time has just run out
		job       rivertype.JobRow
		result    error
		failing   error
		want      error // nil, or an instruction of its type
		code      rag.Code
		discarded int
		waits     string
		attempts  int
	}{
		{name: "done", result: nil, want: nil},
		{name: "done before", result: ErrDone, want: nil},
		{name: "overtaken", result: ErrStale, want: nil, discarded: 1},
		{name: "first error", result: reset, want: reset, waits: "a step failed and is tried again; the server's log tells why", attempts: 1},
		{name: "third error", job: row(1, failed, failed), result: reset, want: &river.JobCancelError{}, code: rag.CodeInternal, discarded: 1},
		{name: "a rescue is no error", job: row(4, failed, rescue, rescue), result: reset, want: reset, waits: "a step failed and is tried again; the server's log tells why", attempts: 1},
		{name: "permanent", result: rag.Fail(rag.CodeEncrypted, "x"), want: &river.JobCancelError{}, code: rag.CodeEncrypted, discarded: 1},
		{name: "failed before", result: rag.Fail(rag.CodeEncrypted, "x"), failing: ErrStale, want: &river.JobCancelError{}, code: rag.CodeEncrypted, discarded: 1},
		{name: "ready before", result: rag.Fail(rag.CodeEncrypted, "x"), failing: ErrDone, want: nil, code: rag.CodeEncrypted},
		{name: "model away", job: row(3, failed, failed), result: rag.Fail(rag.CodeUnavailable, "x"), want: &river.JobSnoozeError{}, waits: "x"},
		{name: "disk full", job: row(3, failed, failed), result: rag.Fail(rag.CodeFull, "x"), want: &river.JobSnoozeError{}, waits: "x"},
		{name: "model busy", result: ofModel(rag.Fail(rag.CodeBusy, "x")), want: &river.JobSnoozeError{}},
		{name: "server stops", ctx: stopping, job: row(3, failed, failed), result: reset, want: context.Canceled},
		{name: "too slow, the third time", expired: true, job: row(3, failed, failed), result: context.DeadlineExceeded, want: &river.JobCancelError{}, code: rag.CodeInternal, discarded: 1},
		{name: "kills the process", job: row(maxStarts + 1), result: nil, want: &river.JobCancelError{}, code: rag.CodeInvalidFile, discarded: 1},
		{name: "the last error was a panic", job: row(4, failed, failed, failed), result: nil, want: &river.JobCancelError{}, code: rag.CodeInternal, discarded: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			end := &last{err: c.failing, complete: ErrStale}
			s := &Service{Publisher: end, Index: end, Catalog: present{}, Limits: Limits{Attempts: 3}}
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			if c.expired {
				ctx, cancel := context.WithTimeout(c.ctx, 0)
				defer cancel()
				c.ctx = ctx
			}
			got := s.step(c.ctx, &c.job, Ref{}, func(context.Context, Ref) error { return c.result })
			var cancelled *river.JobCancelError
			var snoozed *river.JobSnoozeError
			switch {
			case errors.As(c.want, &cancelled):
				require.ErrorAs(t, got, &cancelled)
			case errors.As(c.want, &snoozed):
				require.ErrorAs(t, got, &snoozed)
				require.Equal(t, snooze, snoozed.Duration)
			default:
				require.ErrorIs(t, got, c.want)
			}
			require.Equal(t, c.code, end.code)
			require.Equal(t, c.discarded, end.discarded)
			require.Equal(t, c.waits, end.waits)
			require.Equal(t, c.attempts, end.attempts)
		})
	}
}

func row(attempt int, errs ...rivertype.AttemptError) rivertype.JobRow {
	return rivertype.JobRow{Attempt: attempt, Errors: errs}
}

func TestRetriesComeLaterAndLater(t *testing.T) {
	t.Parallel()
	w := &worker[ParseArgs]{service: &Service{}}
	var waits []time.Duration
	for n := range 20 {
		wait := time.Until(w.NextRetry(&river.Job[ParseArgs]{JobRow: &rivertype.JobRow{Errors: make([]rivertype.AttemptError, n)}}))
		waits = append(waits, wait.Round(time.Second))
	}
	require.Equal(t, []time.Duration{time.Second, 4 * time.Second, 16 * time.Second, 64 * time.Second, 256 * time.Second, 5 * time.Minute}, waits[:6])
	require.Equal(t, 5*time.Minute, waits[19])
}

func TestSpansOutOfOrderAreRefused(t *testing.T) {
	t.Parallel()
	for _, spans := range [][]Span{{{Start: 2, End: 2}}, {{Start: 0, End: 3}, {Start: 2, End: 4}}, {{Start: 0, End: 9}}, {{Start: 3, End: 1}}} {
		_, err := toChunks(Ref{}, "fünf!", spans)
		require.Error(t, err)
	}
	chunks, err := toChunks(Ref{}, "fünf 5", []Span{{Start: 0, End: 5}, {Start: 6, End: 7}})
	require.NoError(t, err)
	require.Equal(t, [][2]int{{0, 4}, {5, 6}}, [][2]int{{chunks[0].Start, chunks[0].End}, {chunks[1].Start, chunks[1].End}})
}

func TestAJobThatStoodStillPastItsTimeSaysNothingAboutTheDocument(t *testing.T) {
	t.Parallel()
	failed := rivertype.AttemptError{Error: "connection reset"}
	ctx, cancel := context.WithTimeout(t.Context(), -time.Minute)
	defer cancel()
	for _, result := range []error{context.DeadlineExceeded, rag.Fail(rag.CodeUnavailable, "x"), errors.New("reset")} {
		end := &last{}
		s := &Service{Publisher: end, Index: end, Catalog: present{}, Limits: Limits{Attempts: 3}}
		var snoozed *river.JobSnoozeError
		job := row(3, failed, failed)
		require.ErrorAs(t, s.step(ctx, &job, Ref{}, func(context.Context, Ref) error { return result }), &snoozed)
		require.Empty(t, end.code, "it does not fail")
		require.Zero(t, end.discarded)

		end.complete = ErrStale
		require.NoError(t, s.step(ctx, &job, Ref{}, func(context.Context, Ref) error { return result }))
		require.Equal(t, 1, end.discarded, "what it left of a version that was given up goes")
	}
}

func TestLocalLocksKeepApartByKey(t *testing.T) {
	t.Parallel()
	var locks LocalLocks
	inside, done := make(chan struct{}), make(chan error, 1)
	leave := make(chan struct{})
	go func() {
		done <- locks.Exclusive(t.Context(), "a", func(context.Context) error {
			close(inside)
			<-leave
			return nil
		})
	}()
	<-inside
	nothing := func(context.Context) error { return nil }
	require.NoError(t, locks.Exclusive(t.Context(), "b", nothing))
	entered := make(chan error, 1)
	go func() { entered <- locks.Shared(t.Context(), "a", nothing) }()
	select {
	case <-entered:
		t.Fatal("shared and exclusive at once")
	case <-time.After(20 * time.Millisecond):
	}
	close(leave)
	require.NoError(t, <-done)
	require.NoError(t, <-entered)
	require.NoError(t, locks.Shared(t.Context(), "a", func(ctx context.Context) error {
		return locks.Shared(ctx, "a", nothing)
	}))
	require.Empty(t, locks.held)
}

// present is a catalog in which every document is.
type present struct{ Catalog }

func (present) Document(context.Context, rag.Scope, string) (rag.Document, error) {
	return rag.Document{}, nil
}
