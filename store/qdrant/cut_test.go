package qdrant_test

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"groundwork/rag"
	"groundwork/store/qdrant"
)

// TestCallsThatAnEndingServerBreaksOff are tried again later, and are no error
// of the document or the question.
func TestCallsThatAnEndingServerBreaksOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		want rag.Code
	}{
		{"cancelled", status.Error(codes.Canceled, "the server is ending"), rag.CodeUnavailable},
		{"reset", status.Error(codes.Internal, "stream terminated by RST_STREAM with error code: INTERNAL_ERROR"), rag.CodeUnavailable},
		{"an error of its own", status.Error(codes.Internal, "disk is on fire"), rag.CodeInternal},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return c.err }))
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			t.Cleanup(func() {
				server.Stop()
				require.NoError(t, <-served)
			})
			_, err = qdrant.Open(t.Context(), qdrant.Options{URL: "http://" + l.Addr().String(), Dimensions: 4}, newLedger())
			require.Equal(t, c.want, rag.CodeOf(err), "%v", err)
			var later *rag.Error
			if errors.As(err, &later) {
				require.Positive(t, later.RetryAfter)
			}
		})
	}
}
