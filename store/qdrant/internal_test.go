package qdrant

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"groundwork/rag"
)

// TestACallCancelledElsewhereIsTriedAgain: a server that ends its connection may
// say so; only the caller's own end is the end.
func TestACallCancelledElsewhereIsTriedAgain(t *testing.T) {
	t.Parallel()
	x, times := &Index{calls: newCaller()}, 0
	cancelled := func(until int) func(context.Context) (int, error) {
		times = 0
		return func(context.Context) (int, error) {
			if times++; times <= until {
				return 0, status.Error(codes.Canceled, "CANCELLED")
			}
			return 7, nil
		}
	}
	out, err := call(t.Context(), x, time.Minute, cancelled(1))
	require.NoError(t, err)
	require.Equal(t, 7, out)
	require.Equal(t, 2, times)

	_, err = call(t.Context(), x, time.Minute, cancelled(100))
	require.Equal(t, rag.CodeUnavailable, rag.CodeOf(err))
	require.Equal(t, tries, times)

	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = call(over, x, time.Minute, cancelled(100))
	require.ErrorIs(t, err, context.Canceled)
	require.LessOrEqual(t, times, 1)
}
