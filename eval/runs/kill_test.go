package runs_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/runs"
)

const childEnv = "GROUNDWORK_TEST_RUN_DIR"

// TestMain lets the test binary be a run that is killed: it adds outcomes for ever and prints each number once it is added.
func TestMain(m *testing.M) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	w, err := runs.In(dir).Begin(made, 3, false)
	for i := 0; err == nil; i++ {
		if err = w.Add(outcome(len(w.Known()) + i)); err == nil {
			_, err = os.Stdout.WriteString(strconv.Itoa(len(w.Known())+i) + "\n")
		}
	}
	os.Exit(1)
}

func TestKilledRunLosesNoQuestionThatWasAnswered(t *testing.T) {
	t.Parallel()
	dir, added := t.TempDir(), 0
	for range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this very test
		cmd.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 10 {
			require.True(t, lines.Scan())
			n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, added, "an outcome is written once")
			added = n + 1
		}
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		run, outcomes, err := runs.In(dir).Load("last")
		require.NoError(t, err)
		require.False(t, run.Done())
		require.GreaterOrEqual(t, len(outcomes), added)
		for i, o := range outcomes {
			require.Equal(t, outcome(i), o)
		}
	}
	all, err := runs.In(dir).List()
	require.NoError(t, err)
	require.Len(t, all, 1, "it went on with the same run")
}
