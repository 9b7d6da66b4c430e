package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"groundwork/api"
	"groundwork/configs"
	"groundwork/llm"
	"groundwork/llm/runtime"
	"groundwork/rag"
)

// startRerank starts the reranking server that the configuration asks for, or
// connects to it. Nobody waits for it: until it answers, passages stay in the order of the search.
func (l launcher) startRerank(ctx context.Context, m *models) error {
	c := l.cfg.LLM.Rerank
	if !c.On() {
		return nil
	}
	opts := llm.RerankOptions{BaseURLs: llm.SplitURLs(c.BaseURL), APIKey: c.APIKey.Reveal(), Model: c.Model, MaxTokens: c.MaxTokens, Timeout: c.Timeout, Propagate: l.propagate}
	if c.Folder != "" {
		settings, name, err := l.launch.Rerank(ctx, c.Folder, c.MaxTokens, l.threads())
		if err != nil {
			return err
		}
		if m.rerankLocal, err = l.start(ctx, settings); err != nil {
			return err
		}
		opts.BaseURLs, opts.APIKey, opts.Model = []string{m.rerankLocal.BaseURL()}, m.rerankLocal.APIKey(), name
	}
	r, err := llm.NewReranker(opts)
	if err == nil {
		m.rerank, m.reranker = r, opts.Model
	}
	return err
}

// ragReranker is the reranker for the pipeline; nil where there is none.
func (m *models) ragReranker() rag.Reranker {
	if m.rerank == nil {
		return nil
	}
	return m.rerank
}

// rerankCheck is minor: without its reranker the server answers all the same.
func (a *App) rerankCheck(ctx context.Context) api.Check {
	c := check("reranking", a.models.rerank.Health(ctx))
	if s := a.models.rerankLocal; s != nil && s.State().Status != runtime.Ready {
		c = serverCheck("reranking", s.State())
	}
	c.Minor = true
	return c
}

// Reranking is the configured reranker by itself.
type Reranking struct {
	*llm.Reranker
	Name   string
	models *models
}

// StartReranking starts the configured reranker, or connects to it, and waits until it is ready; nil when none is configured. Stop it.
func StartReranking(ctx context.Context, cfg configs.Config, opts Options) (*Reranking, error) {
	if !cfg.LLM.Rerank.On() {
		return nil, nil //nolint:nilnil // there is none, and nothing is wrong with that
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	m := &models{tried: make(chan struct{})}
	l := launcher{cfg: cfg, log: opts.Log, launch: runtime.Launch{
		Env: newEnv(cfg, opts.Environ, nil), Dir: cfg.LLM.ModelsDir, LogDir: filepath.Join(CacheDir(cfg), "logs"), Environ: opts.Environ,
	}}
	err := l.startRerank(ctx, m)
	if err == nil && m.rerankLocal != nil {
		err = m.rerankLocal.WaitReady(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, m.stop(context.WithoutCancel(ctx)))
	}
	return &Reranking{m.rerank, m.reranker, m}, nil
}

// Stop ends what was started.
func (r *Reranking) Stop(ctx context.Context) error { return r.models.stop(ctx) }
