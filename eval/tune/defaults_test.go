package tune_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
)

// TestDefaultsAgree: those that are told, the trainer's own, and those of the file for Axolotl.
func TestDefaultsAgree(t *testing.T) {
	t.Parallel()
	d := tune.Defaults
	read := func(path, pattern string, want float64) {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		found := regexp.MustCompile(`(?m)^ *` + pattern + `: ([0-9.e-]+),?( |$)`).FindSubmatch(raw)
		require.NotNil(t, found, pattern)
		n, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		require.InDelta(t, want, n, 1e-12, "%s in %s", pattern, path)
	}
	for name, want := range map[string]float64{
		"rank": float64(d.Rank), "alpha": float64(d.Alpha), "learning_rate": d.LearningRate, "epochs": d.Epochs, "batch": float64(d.Batch),
		"micro": float64(d.Micro), "max_tokens": float64(d.MaxTokens), "seed": float64(d.Seed),
	} {
		read("python/train.py", `"`+name+`"`, want)
	}
	for name, want := range map[string]float64{
		"lora_r": float64(d.Rank), "lora_alpha": float64(d.Alpha), "learning_rate": d.LearningRate, "num_epochs": d.Epochs,
		"gradient_accumulation_steps": float64(d.Batch), "micro_batch_size": float64(d.Micro), "seed": float64(d.Seed),
	} {
		read("axolotl.yaml", name, want)
	}
	trainer, err := os.ReadFile("python/train.py")
	require.NoError(t, err)
	require.Contains(t, string(trainer), `"targets": "`+d.Targets+`",`)
	require.Contains(t, string(trainer), `attention = ["q_proj", "k_proj", "v_proj", "o_proj"]`)
	axolotl, err := os.ReadFile("axolotl.yaml")
	require.NoError(t, err)
	require.Contains(t, string(axolotl), "lora_target_modules: [q_proj, k_proj, v_proj, o_proj]\n")
}
