package tune_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
	"groundwork/eval/tune/tunetest"
)

type bench struct {
	root    string
	trainer tune.Trainer
	run     tune.Run
}

func training(t *testing.T) bench {
	t.Helper()
	dir := t.TempDir()
	m, err := tune.Write(filepath.Join(dir, "set"), build(t, tune.Options{Seed: 1}, library...), tune.Manifest{})
	require.NoError(t, err)
	python, err := tunetest.Trainer(dir)
	require.NoError(t, err)
	b := bench{root: filepath.Join(dir, "runs"), trainer: tune.Trainer{Python: python, Environ: []string{"PATH=" + os.Getenv("PATH")}, Dir: filepath.Join(dir, "scripts"), Bases: filepath.Join(dir, "bases")}}
	b.run = tune.Run{Name: "acme", Base: tune.Base{Model: "m", File: "/m.gguf", SHA256: "0123456789abcdef"}, Dataset: filepath.Join(dir, "set"), Data: m.Data, Hyper: tune.Hyper{Epochs: 1}}
	b.run, err = tune.NewRun(b.root, b.run)
	require.NoError(t, err)
	return b
}

func (b bench) plant(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(b.run.Dir(), name), nil, 0o600))
}

func TestARunKeepsWhatItHears(t *testing.T) {
	t.Parallel()
	b := training(t)
	var heard []tune.Progress
	require.NoError(t, b.run.Train(t.Context(), b.trainer, func(p tune.Progress) { heard = append(heard, p) }))
	require.Len(t, heard, 6)
	require.InDelta(t, 60.0, heard[1].Speed, 0)
	kept, err := tune.OpenRun(b.root, "acme")
	require.NoError(t, err)
	require.Equal(t, tune.Done, kept.State)
	require.Equal(t, 4, kept.Last.Step)
	require.InDelta(t, 1.1, *kept.Last.Best, 0)
	require.FileExists(t, kept.Adapter)
	require.Len(t, kept.SHA256, 64)
	raw, err := os.ReadFile(filepath.Join(kept.Dir(), "settings.jsonl"))
	require.NoError(t, err)
	var settings map[string]any
	require.NoError(t, json.Unmarshal(raw, &settings))
	require.Equal(t, "/m.gguf", settings["gguf"])
	require.InDelta(t, 1.0, settings["epochs"], 0)
	require.InDelta(t, tune.Defaults.Rank, settings["rank"], 0, "what was not named")
	require.Equal(t, true, settings["follow_parent"])

	require.NoError(t, kept.Train(t.Context(), b.trainer, nil), "a run that is done costs nothing")
	all, err := tune.Runs(b.root)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestAKilledRunGoesOn(t *testing.T) {
	t.Parallel()
	b := training(t)
	b.plant(t, "die")
	quiet := func(tune.Progress) {}
	err := b.run.Train(t.Context(), b.trainer, quiet)
	require.ErrorContains(t, err, "signal: killed")
	again, err := tune.NewRun(b.root, b.run)
	require.NoError(t, err)
	require.Equal(t, tune.Failed, again.State)
	require.Equal(t, 2, again.Last.Step)
	resumed := false
	require.NoError(t, again.Train(t.Context(), b.trainer, func(p tune.Progress) { resumed = resumed || p.Resumed }))
	require.True(t, resumed)
	require.Empty(t, again.Error)

	other := b.run
	other.Hyper.Rank = 16
	_, err = tune.NewRun(b.root, other)
	require.ErrorContains(t, err, "other data or settings")
}

func TestARunThatIsToldToStopStopsAfterItsStep(t *testing.T) {
	t.Parallel()
	b := training(t)
	b.plant(t, "wait")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := b.run.Train(ctx, b.trainer, func(p tune.Progress) {
		if p.Step == 3 {
			cancel()
		}
	})
	require.ErrorContains(t, err, "stopped at step 3 of 4")
	kept, err := tune.OpenRun(b.root, "acme")
	require.NoError(t, err)
	require.Equal(t, tune.Stopped, kept.State)
	require.NoError(t, kept.Train(t.Context(), b.trainer, func(tune.Progress) {}))
}

func TestWhatTheTrainerRefusesIsTheRunsError(t *testing.T) {
	t.Parallel()
	b := training(t)
	b.plant(t, "refuse")
	require.ErrorContains(t, b.run.Train(t.Context(), b.trainer, func(tune.Progress) {}), "the loss is nan")
	kept, err := tune.OpenRun(b.root, "acme")
	require.NoError(t, err)
	require.Equal(t, tune.Failed, kept.State)
	require.Contains(t, kept.Error, "the loss is nan")
}

func TestRunNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "..", "a/b", "A", "a+b", "a@b", ".a"} {
		require.Error(t, tune.CheckName(name), name)
		_, err := tune.NewRun(t.TempDir(), tune.Run{Name: name})
		require.Error(t, err, name)
	}
	require.NoError(t, tune.CheckName("acme-2.1_b"))
}

func TestEstimates(t *testing.T) {
	t.Parallel()
	examples := build(t, tune.Options{Seed: 1}, library...)
	small := tune.EstimateRun(examples, 1, 0.49, 2, true)
	require.InDelta(t, float64(small.Tokens)/62, small.Seconds, 1, "as measured where it is slow")
	require.InDelta(t, float64(small.Tokens)/232, small.Fewest, 1, "and where it is fast")
	large := tune.EstimateRun(examples, 2, 1.5, 2, false)
	require.Greater(t, large.Seconds, 5*small.Seconds)
	require.Greater(t, large.MemoryMB, small.MemoryMB)
	require.Contains(t, large.String(), "float32")
	raw, err := json.Marshal(large)
	require.NoError(t, err)
	var kept tune.Estimate
	require.NoError(t, json.Unmarshal(raw, &kept))
	require.Equal(t, large.String(), kept.String(), "a run that goes on tells the same")
}
