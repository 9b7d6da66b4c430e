package tunetest_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"groundwork/eval/tune/tunetest"
)

// TestTrainersStartWhileOthersAreMade: a program that some child of this process still has open for writing cannot be run.
func TestTrainersStartWhileOthersAreMade(t *testing.T) {
	t.Parallel()
	var group errgroup.Group
	for range 8 {
		dir := t.TempDir()
		group.Go(func() error {
			for range 25 {
				path, err := tunetest.Trainer(dir)
				if err != nil {
					return err
				}
				cmd := exec.CommandContext(t.Context(), path, "-u", "convert.py")
				cmd.Stdin = strings.NewReader(`{"out":"` + filepath.Join(dir, "out") + `"}` + "\n")
				if err := cmd.Run(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}
