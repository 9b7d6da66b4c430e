// Package indextest_test holds the two indexes to each other and to themselves
// at scale: the same quality on real retrieval sets, and a tenant among many
// against one that is alone. `make bench-index` prints the figures.
package indextest_test

import (
	"fmt"
	"os"
	"testing"

	"groundwork/internal/apptest"
	"groundwork/internal/pgtest"
	"groundwork/store/qdrant/qdranttest"
)

// TestMain lets the test binary be a server, and ends what tests share.
func TestMain(m *testing.M) {
	apptest.Child(serve)
	code := m.Run()
	for _, stop := range []func() error{qdranttest.StopShared, pgtest.Stop} {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
