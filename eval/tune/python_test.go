package tune_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
)

// TestRealTrainer trains a tiny model with the real train.py and convert.py:
// killed and continued, it comes to the same weights as in one go. It runs
// where GROUNDWORK_TUNE_PYTHON names an interpreter that has the packages of
// requirements.lock, which are too large for every run.
func TestRealTrainer(t *testing.T) {
	python := os.Getenv("GROUNDWORK_TUNE_PYTHON")
	if python == "" {
		t.Skip("GROUNDWORK_TUNE_PYTHON names no interpreter; `make tune-setup` makes one")
	}
	dir := t.TempDir()
	set := filepath.Join(dir, "set")
	m, err := tune.Write(set, build(t, tune.Options{Seed: 1, HeldOut: 0.2}, library...), tune.Manifest{})
	require.NoError(t, err)
	bases := filepath.Join(dir, "bases")
	home := filepath.Join(bases, "tiny-0123456789ab")
	require.NoError(t, os.MkdirAll(home, 0o700))
	made, err := exec.CommandContext(t.Context(), python, "testdata/tiny.py", home, filepath.Join(set, "train.jsonl")).CombinedOutput()
	require.NoError(t, err, "%s", made)
	require.NoError(t, os.CopyFS(home, os.DirFS(filepath.Join(home, "base")))) // where the trainer looks for an unpacked base
	base := tune.Base{Model: "tiny", File: filepath.Join(home, "base.gguf"), SHA256: "0123456789abcdef"}
	trainer := tune.Trainer{Python: python, Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, Dir: filepath.Join(dir, "scripts"), Bases: bases, Threads: 1}
	open := func(name string) tune.Run {
		r, err := tune.NewRun(filepath.Join(dir, "runs"), tune.Run{Name: name, Base: base, Dataset: set, Data: m.Data,
			Hyper: tune.Hyper{Targets: "all", Epochs: 3, Batch: 4, LearningRate: 0.01, Type: "float32", Device: "cpu"}})
		require.NoError(t, err)
		return r
	}

	whole := open("whole")
	require.NoError(t, whole.Train(t.Context(), trainer, func(tune.Progress) {}))
	require.Less(t, *whole.Last.Best, *whole.Last.FirstHeldOut, "it learns")
	require.FileExists(t, filepath.Join(whole.Dir(), "loss.svg"))

	parts := open("parts")
	ctx, cancel := context.WithCancel(t.Context())
	require.Error(t, parts.Train(ctx, trainer, func(p tune.Progress) {
		if p.Event == "step" && p.Step == 3 {
			cancel()
		}
	}))
	again := open("parts")
	require.NoError(t, again.Train(t.Context(), trainer, func(tune.Progress) {}))
	require.Equal(t, whole.SHA256, again.SHA256, "stopped and continued, it is the same adapter")

	registered, err := tune.Registry{Root: filepath.Join(dir, "adapters")}.Register(whole.Card(), whole.Adapter, whole.PEFT())
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(registered.Folder(), "adapter_model.safetensors"))
	var curve struct{ Losses []struct{ Loss float64 } }
	raw, err := os.ReadFile(filepath.Join(whole.Dir(), "loss.json"))
	require.NoError(t, errors.Join(err, json.Unmarshal(raw, &curve)))
	require.Len(t, curve.Losses, whole.Last.Of)
}
