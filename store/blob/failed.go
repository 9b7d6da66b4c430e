package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"groundwork/internal/disk"
	"groundwork/rag"
)

// retryAfter is what callers are told to wait while the server is down.
const retryAfter = 5 * time.Second

// failed turns an error of a call to the bucket into one of ours. ctx is the
// caller's: its end is no fault of the server.
func failed(ctx context.Context, operation string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %w", operation, ended)
	}
	var (
		api      smithy.APIError
		response *awshttp.ResponseError
		local    *fs.PathError // of the spool
		code     string
		status   int
	)
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	err = fmt.Errorf("%s: %w", operation, err)
	switch {
	case errors.As(err, &local):
		return disk.Mark(err)
	case code == "NoSuchBucket":
		return unavailable(err, "the bucket of store.files does not exist; create it")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return unavailable(err, "the file store refuses the server; check store.files_access_key, store.files_secret_key and the clock")
	case status == 0, status >= 500, status == http.StatusTooManyRequests, slices.Contains(transient, code):
		return unavailable(err, "the file store does not answer; try again in some seconds")
	}
	return err
}

// transient are faults with a 4xx status that go away by themselves.
var transient = []string{"BadDigest", "RequestTimeout", "SlowDown", "XAmzContentSHA256Mismatch"}

func unavailable(err error, message string) error {
	return &rag.Error{Code: rag.CodeUnavailable, Message: message, RetryAfter: retryAfter, Err: err}
}
