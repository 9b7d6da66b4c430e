package tune_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"groundwork/eval/tune"
)

// TestDefaultsAgree: the trainer's own, those that are told, and those of the file for Axolotl.
func TestDefaultsAgree(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(raw)
	}
	trainer, axolotl := read("python/train.py"), read("axolotl.yaml")
	require.Contains(t, trainer, `"learning_rate": 2e-4,`)
	require.InDelta(t, 2e-4, tune.LearningRate, 0)
	require.Contains(t, axolotl, "learning_rate: 0.0002\n")
	for ours, theirs := range map[string]string{`"rank": 8,`: "lora_r: 8", `"alpha": 16,`: "lora_alpha: 16", `"epochs": 2,`: "num_epochs: 2", `"batch": 4,`: "gradient_accumulation_steps: 4"} {
		require.Contains(t, trainer, ours)
		require.Contains(t, axolotl, theirs+"\n")
	}
	require.Contains(t, trainer, `attention = ["q_proj", "k_proj", "v_proj", "o_proj"]`)
	require.Contains(t, trainer, `"targets": "attention",`)
	require.Contains(t, axolotl, "lora_target_modules: [q_proj, k_proj, v_proj, o_proj]\n")
}
