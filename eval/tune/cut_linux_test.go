package tune_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
	"groundwork/eval/tune/tunetest"
	"groundwork/internal/diskfault"
)

// registerEnv makes the test binary a program that registers the adapter beside the folder that it names.
const registerEnv = "GROUNDWORK_TEST_REGISTER_IN"

func TestMain(m *testing.M) {
	diskfault.Enter()
	if dir := os.Getenv(registerEnv); dir != "" {
		file := dir + ".gguf"
		if _, err := (tune.Registry{Root: filepath.Join(dir, "adapters")}).Register(tune.Adapter{Name: "acme", Base: tune.Base{File: file}}, file, dir+".peft"); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// TestARegisteredAdapterOutlivesAPowerCut: a job that succeeded is on the disk by then, and names it.
func TestARegisteredAdapterOutlivesAPowerCut(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.MkdirAll(dir+".peft", 0o700))
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, tunetest.Write(dir+".gguf", tunetest.Qwen05B, 1, 0.5))
	require.NoError(t, os.WriteFile(filepath.Join(dir+".peft", "adapter_config.json"), []byte("{}"), 0o600))
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), registerEnv+"="+dir)
	log, err := diskfault.Run(cmd, dir)
	require.NoError(t, err)
	want := diskfault.End(log).Files
	require.Len(t, want, 3)
	require.Contains(t, want, "adapters/acme/v1/peft/adapter_config.json")
	for seed := range uint64(100) {
		left := diskfault.Cut(log, len(log), rand.New(rand.NewPCG(seed, 1)))
		require.Equal(t, want, left.Files, "power cut %d", seed)
	}
}
