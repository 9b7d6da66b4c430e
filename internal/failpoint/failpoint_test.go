package failpoint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/failpoint"
)

// One test, since what is armed is the process's.
func TestReached(t *testing.T) {
	require.Error(t, failpoint.Arm("nowhere", 1, func() {}))
	calls := 0
	require.NoError(t, failpoint.Arm(failpoint.ParseSaved, 2, func() { calls++ }))
	t.Cleanup(failpoint.Disarm)
	for range 2 {
		failpoint.Reached(failpoint.ParseRead)
	}
	failpoint.Reached(failpoint.ParseSaved)
	require.Zero(t, calls, "the other place, and once this one")
	for range 3 {
		failpoint.Reached(failpoint.ParseSaved)
	}
	require.Equal(t, 1, calls, "once")
	failpoint.Disarm()
	require.Zero(t, testing.AllocsPerRun(100, func() { failpoint.Reached(failpoint.ParseSaved) }))
}

// Every place has its call in the product, and one only.
func TestEveryPlaceIsInTheCode(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("failpoint.go")
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(string(raw)) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(strings.TrimSpace(rest), `"`) {
			names = append(names, strings.TrimSpace(name))
		}
	}
	require.Len(t, names, len(failpoint.Names()))
	require.Len(t, slices.Compact(failpoint.Names()), len(names))
	var code strings.Builder
	for _, dir := range []string{"ingest", "store/sql", "store/local", "store/blob"} {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			code.Write(raw)
		}
	}
	for _, name := range names {
		require.Equal(t, 1, strings.Count(code.String(), "failpoint.Reached(failpoint."+name+")"), name)
	}
}

func BenchmarkReachedWhileOff(b *testing.B) {
	for b.Loop() {
		failpoint.Reached(failpoint.ParseSaved)
	}
}
