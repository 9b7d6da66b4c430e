package qdrant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	qc "github.com/qdrant/go-client/qdrant"
	"github.com/sony/gobreaker/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"groundwork/rag"
)

const (
	tries      = 4                // of one call, while Qdrant refuses or resets connections
	tripAfter  = 5                // failures in a row, after which calls fail at once
	openFor    = time.Second      // and for how long, before one call tries again
	retryAfter = 2 * time.Second  // what callers are told
	patience   = 10 * time.Second // at most, when Qdrant itself says how long
)

// caller makes calls that end: each try has a deadline, an outage is tried again
// a few times, and a longer one is answered at once.
type caller struct {
	breaker *gobreaker.CircuitBreaker[any]
}

func newCaller() *caller {
	return &caller{breaker: gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Name: "qdrant", MaxRequests: 1, Timeout: openFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
		IsSuccessful: func(err error) bool { return !outage(err) },
	})}
}

// call runs f, which must be safe to run again. limit is the time of one try.
func call[T any](ctx context.Context, x *Index, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, time.Second
	refused := 0
	out, err := backoff.Retry(ctx, func() (T, error) {
		var out T
		_, err := x.calls.breaker.Execute(func() (any, error) {
			try, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			var err error
			if out, err = f(try); err != nil && ctx.Err() != nil {
				err = ctx.Err() // the caller's end is no fault of Qdrant
			}
			return nil, err
		})
		if status.Code(err) == codes.InvalidArgument {
			refused++
		}
		if err != nil && !transient(err) && refused != 1 { // the first time, the index may just be being made
			err = backoff.Permanent(err)
		}
		return out, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(tries))
	if status.Code(err) == codes.InvalidArgument && x.unfinished(ctx) {
		return out, unavailable(err, "The search index (Qdrant) is being made; try again in a moment.", retryAfter)
	}
	return out, explain(err)
}

// unfinished tells that another process has made the collection and not yet all
// of its payload indexes: until then strict mode refuses every filter.
func (x *Index) unfinished(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, x.opts.SearchTimeout)
	defer cancel()
	info, err := x.client.GetCollectionInfo(ctx, x.collection)
	if err != nil {
		return false // the error that is explained is the one that counts
	}
	for field := range fieldIndexes() {
		if info.GetPayloadSchema()[field] == nil {
			return true
		}
	}
	return false
}

// outage tells that Qdrant as a whole does not do its work.
func outage(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	default:
		return cutOff(err)
	}
}

// cutOff tells a call that a server broke off as it ended. (One that its caller
// broke off gives the caller's error.)
func cutOff(err error) bool {
	switch status.Code(err) {
	case codes.Canceled:
		return true
	case codes.Internal:
		return strings.Contains(err.Error(), "RST_STREAM")
	default:
		return false
	}
}

// transient tells an error that a second try soon may not give: a call that was
// cancelled, though not by us, lost its connection. A try that took all its time
// is not worth another one.
func transient(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.Aborted, codes.Canceled:
		return true
	default:
		return cutOff(err)
	}
}

// explain turns what went wrong into a code and a sentence.
func explain(err error) error {
	var limited *qc.QdrantResourceExhaustedError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &limited):
		return unavailable(err, "The search index (Qdrant) refuses more requests; try again in a moment.",
			min(max(time.Duration(limited.RetryAfterS)*time.Second, retryAfter), patience))
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests), cutOff(err):
		return unavailable(err, "The search index (Qdrant) does not answer; try again in a moment.", retryAfter)
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Canceled, codes.ResourceExhausted:
		return unavailable(err, "The search index (Qdrant) does not answer; try again in a moment.", retryAfter)
	case codes.Unauthenticated, codes.PermissionDenied:
		return unavailable(err, "The search index (Qdrant) refuses the API key; correct it in the configuration and start again.", patience)
	case codes.NotFound:
		return missing(err)
	default:
		return err
	}
}

func unavailable(err error, message string, after time.Duration) error {
	return &rag.Error{Code: rag.CodeUnavailable, Message: message, RetryAfter: after, Err: err}
}

// missing says that Qdrant lost what the ledger says is there.
func missing(err error) error {
	return unavailable(err, "The search index is missing in Qdrant; run `groundwork reindex --from originals`.", patience)
}

// wrap adds the operation to an error.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, err)
}
