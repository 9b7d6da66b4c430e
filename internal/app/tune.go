package app

import (
	"cmp"
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/llm/runtime"
)

// TrainEnv is the Python environment that training needs. It is large, and made only by `groundwork tune setup`.
func TrainEnv(cfg configs.Config, environ []string, steps func(string)) *runtime.Env {
	return runtime.NewEnv(runtime.EnvOptions{
		Dir: cfg.LLM.ModelsDir, Python: cfg.LLM.Python, Environ: environ, Progress: steps,
		Name: "tune-python", Lock: tune.Lock, Size: 9 << 30, Purpose: "training", Command: "groundwork tune setup",
	})
}

// Trainer is the environment that trains: with the interpreter named, that of tune.python, or that of `groundwork tune
// setup`. An error tells that it is not there and how to get it.
func Trainer(ctx context.Context, cfg configs.Config, environ []string, python string) (tune.Trainer, error) {
	t := tune.Trainer{Python: cmp.Or(python, cfg.Tune.Python), Dir: filepath.Join(cfg.LLM.ModelsDir, "scripts"), Bases: filepath.Join(cfg.LLM.ModelsDir, "tune-bases"), Threads: cfg.LLM.Threads}
	for _, kv := range environ {
		switch name, _, _ := strings.Cut(kv, "="); {
		case name == "PATH", name == "HOME", name == "TMPDIR", name == "LD_LIBRARY_PATH", strings.HasPrefix(name, "CUDA_"), strings.HasPrefix(name, "NVIDIA_"):
			t.Environ = append(t.Environ, kv)
		}
	}
	if t.Python != "" {
		return t, nil
	}
	env := TrainEnv(cfg, environ, nil)
	t.Python = env.Python()
	return t, env.Check(ctx)
}

// RunsDir is where training runs are, below the data directory.
func RunsDir(cfg configs.Config) string { return filepath.Join(cfg.Server.DataDir, "tune") }

// TuneBase is the file of a chat model of the catalogue, as training needs it, and its size in billions of weights.
func (s *Setup) TuneBase(name string) (tune.Base, float64, error) {
	e, err := s.catalogue.Find(name)
	if err != nil {
		return tune.Base{}, 0, err
	}
	file, err := runtime.ChatFile(s.cfg.LLM.ModelsDir, e)
	if err != nil {
		return tune.Base{}, 0, err
	}
	size, err := strconv.ParseFloat(strings.TrimSuffix(e.Parameters, "B"), 64)
	if err != nil {
		size = 0.5
	}
	return tune.Base{Model: e.Name, File: file, SHA256: e.Files[0].SHA256}, size, nil
}
