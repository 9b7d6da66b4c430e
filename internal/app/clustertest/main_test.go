// Package clustertest_test runs a server and workers as processes of their own
// on PostgreSQL, Qdrant and S3, and disturbs them: `make test` a little,
// `make soak` at length.
package clustertest_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"groundwork/internal/apptest"
)

// soakEnv makes the tests long: see scale.
const soakEnv = "GROUNDWORK_SOAK"

// TestMain lets the test binary be the parser child, a server and a worker.
func TestMain(m *testing.M) {
	apptest.Child(run)
	goleak.VerifyTestMain(m)
}

// soak tells whether the long run is wanted.
func soak() bool { return os.Getenv(soakEnv) == "1" }

// scale is little in the default run and much in the long one.
func scale[T any](little, much T) T {
	if soak() {
		return much
	}
	return little
}
