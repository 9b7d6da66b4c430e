package qdrant

import (
	"context"
	"time"

	qc "github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc"
)

// Timed has took called with the time that Qdrant itself needed for each query, by its own account.
func Timed(o Options, took func(time.Duration)) Options {
	o.dial = append(o.dial, grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, conn, opts...)
		if r, is := reply.(*qc.QueryResponse); is && err == nil {
			took(time.Duration(r.GetTime() * float64(time.Second)))
		}
		return err
	}))
	return o
}
