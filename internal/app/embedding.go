package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"groundwork/configs"
	"groundwork/llm"
	"groundwork/llm/runtime"
)

// Embedding is the configured embedding model by itself, without a chat model and without stores.
type Embedding struct {
	*llm.Embedder
	models *models
}

// StartEmbedding starts the configured embedding model, or connects to it, and waits until it is ready. Stop it.
func StartEmbedding(ctx context.Context, cfg configs.Config, opts Options) (*Embedding, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	catalogue, err := Catalogue()
	if err != nil {
		return nil, err
	}
	m := &models{tried: make(chan struct{})}
	l := launcher{cfg: cfg, catalogue: catalogue, log: opts.Log, launch: runtime.Launch{
		Env: newEnv(cfg, opts.Environ, nil), Dir: cfg.LLM.ModelsDir, LogDir: filepath.Join(CacheDir(cfg), "logs"), Environ: opts.Environ,
	}}
	err = l.startEmbed(ctx, m)
	if err == nil {
		err = m.measureOnce(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, m.stop(context.WithoutCancel(ctx)))
	}
	return &Embedding{m.embed, m}, nil
}

// Stop ends what was started.
func (e *Embedding) Stop(ctx context.Context) error { return e.models.stop(ctx) }

// EmbeddingIdentity is what the vectors of the configured model depend on.
func EmbeddingIdentity(cfg configs.Config) (dimensions int, fingerprint string, err error) {
	catalogue, err := Catalogue()
	if err != nil {
		return 0, "", err
	}
	dimensions, fingerprint = embedIdentity(catalogue, cfg.LLM.Embed)
	return dimensions, fingerprint, nil
}

// CacheDir is for what can be made again.
func CacheDir(cfg configs.Config) string { return filepath.Join(cfg.Server.DataDir, "cache") }
