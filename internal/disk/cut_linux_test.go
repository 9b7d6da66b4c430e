package disk_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/internal/disk"
	"groundwork/internal/diskfault"
)

// keepEnv makes the test binary a program that keeps files below the folder that it names.
const keepEnv = "GROUNDWORK_TEST_KEEP_IN"

func TestMain(m *testing.M) {
	diskfault.Enter()
	if dir := os.Getenv(keepEnv); dir != "" {
		if err := keep(dir); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// keep does what must be on the disk when it ends.
func keep(dir string) error {
	if err := disk.Replace(filepath.Join(dir, "jobs", "one", "job.json"), []byte("job")); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "jobs", "theirs"), 0o700); err != nil { // by somebody who did not come to sync it
		return err
	}
	if err := disk.Replace(filepath.Join(dir, "jobs", "theirs", "job.json"), []byte("job")); err != nil {
		return err
	}
	if err := disk.Make(filepath.Join(dir, "adapters", "acme")); err != nil {
		return err
	}
	made := filepath.Join(dir, "adapters", ".new")
	if err := disk.Replace(filepath.Join(made, "adapter.json"), []byte("card")); err != nil {
		return err
	}
	return disk.Move(made, filepath.Join(dir, "adapters", "acme", "v1"))
}

func TestWhatReturnedOutlivesAPowerCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), keepEnv+"="+dir)
	log, err := diskfault.Run(cmd, dir)
	require.NoError(t, err)
	for seed := range uint64(100) {
		left := diskfault.Cut(log, len(log), rand.New(rand.NewPCG(seed, 1)))
		require.Equal(t, map[string][]byte{
			"jobs/one/job.json": []byte("job"), "jobs/theirs/job.json": []byte("job"), "adapters/acme/v1/adapter.json": []byte("card"),
		}, left.Files, "power cut %d", seed)
	}
}
