package runs_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/runs"
)

func questions(n int) []eval.Question {
	out := make([]eval.Question, n)
	for i := range out {
		out[i] = eval.Question{ID: fmt.Sprint(i), Question: fmt.Sprintf("question %d?", i)}
	}
	return out
}

func TestAskGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	s := runs.In(t.TempDir())
	set := questions(20)
	var asked atomic.Int64
	ask := func(left int64) func(context.Context, eval.Question) (eval.Outcome, error) {
		return func(_ context.Context, q eval.Question) (eval.Outcome, error) {
			if asked.Add(1) > left {
				return eval.Outcome{}, errors.New("the server is away")
			}
			return eval.Outcome{ID: q.ID, Question: q.Question}, nil
		}
	}
	w, err := s.Begin(made, len(set), false)
	require.NoError(t, err)
	_, err = w.Ask(t.Context(), set, 3, ask(8), func(int) {})
	require.ErrorContains(t, err, "the server is away")
	require.ErrorContains(t, err, "question ")
	require.NoError(t, w.Close())

	asked.Store(0)
	w, err = s.Begin(made, len(set), false)
	require.NoError(t, err)
	last := 0
	outcomes, err := w.Ask(t.Context(), set, 3, ask(100), func(done int) { last = done })
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.EqualValues(t, 12, asked.Load(), "what was answered is not asked again")
	require.Equal(t, 20, last)
	for i, o := range outcomes {
		require.Equal(t, set[i].ID, o.ID, "in the order of the set")
	}
	run, stored, err := s.Load("last")
	require.NoError(t, err)
	require.True(t, run.Done())
	require.Len(t, stored, 20)
}

func TestAskAsksSoManyAtOnce(t *testing.T) {
	t.Parallel()
	w, err := runs.In(t.TempDir()).Begin(made, 6, false)
	require.NoError(t, err)
	together := make(chan struct{}, 3)
	met := make(chan struct{})
	_, err = w.Ask(t.Context(), questions(3), 3, func(_ context.Context, q eval.Question) (eval.Outcome, error) {
		if together <- struct{}{}; len(together) == 3 {
			close(met)
		}
		<-met // all three are under way
		return eval.Outcome{ID: q.ID}, nil
	}, func(int) {})
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func TestAskEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w, err := runs.In(t.TempDir()).Begin(made, 6, false)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = w.Ask(ctx, questions(6), 1, func(_ context.Context, q eval.Question) (eval.Outcome, error) {
		cancel()
		return eval.Outcome{ID: q.ID}, nil
	}, func(int) {})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, w.Close())
}
