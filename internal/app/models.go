package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"sync"

	"groundwork/configs"
	"groundwork/llm"
	"groundwork/llm/runtime"
)

// models are the chat and the embedding model: behind servers of this machine,
// started and watched here, or behind the configured addresses.
type models struct {
	chat        *llm.Current // nil in a worker
	embed       *llm.Embedder
	rerank      *llm.Reranker   // nil: none
	reranker    string          // its name; empty: none
	rerankLocal *runtime.Server // its server, where that is a local one: nobody waits for it
	launcher    launcher
	fingerprint string // of everything the vectors depend on
	dimensions  int

	tried chan struct{} // closed after the first try to measure the chat model

	mu      sync.Mutex // guards what follows
	servers []*runtime.Server
	probed  bool
	err     error // of the last try to measure the chat model
}

type localServer = runtime.Server

// Catalogue is the shipped list of models.
func Catalogue() (runtime.Catalogue, error) { return runtime.ParseCatalogue(configs.Catalogue) }

func newEnv(cfg configs.Config, environ []string, progress func(string)) *runtime.Env {
	return runtime.NewEnv(runtime.EnvOptions{Dir: cfg.LLM.ModelsDir, Python: cfg.LLM.Python, Environ: environ, Progress: progress})
}

// startModels starts the local servers that the configuration asks for. It
// returns at once; watch waits for them.
func startModels(ctx context.Context, cfg configs.Config, opts Options, propagate llm.Propagate) (*models, error) {
	catalogue, err := Catalogue()
	if err != nil {
		return nil, err
	}
	m := &models{tried: make(chan struct{})}
	l := launcher{cfg: cfg, catalogue: catalogue, log: opts.Log, propagate: propagate, launch: runtime.Launch{
		Env: newEnv(cfg, opts.Environ, nil), Dir: cfg.LLM.ModelsDir, LogDir: filepath.Join(cfg.Server.DataDir, "logs"), Environ: opts.Environ,
	}}
	m.launcher = l
	if err := l.startAll(ctx, m, opts.Worker); err != nil {
		return nil, errors.Join(err, m.stop(context.WithoutCancel(ctx)))
	}
	return m, nil
}

type launcher struct {
	cfg       configs.Config
	catalogue runtime.Catalogue
	launch    runtime.Launch
	log       *slog.Logger
	propagate llm.Propagate
}

func (l launcher) startAll(ctx context.Context, m *models, onlyEmbed bool) error {
	err := l.startEmbed(ctx, m)
	if err == nil && !onlyEmbed {
		err = l.startChat(ctx, m)
	}
	if err == nil && !onlyEmbed {
		err = l.startRerank(ctx, m)
	}
	return err
}

func (l launcher) threads() int { return cmp.Or(l.cfg.LLM.Threads, goruntime.NumCPU()) }

func (l launcher) startChat(ctx context.Context, m *models) error {
	server, chat, err := l.openChat(ctx, nil, "chat")
	if server != nil {
		m.servers = append(m.servers, server)
	}
	if chat != nil {
		m.chat = llm.NewCurrent(chat)
	}
	return err
}

// openChat starts a chat server with adapters (files) and a client for it; the
// server is nil where the configuration names others. What it returns beside an error has to be stopped.
func (l launcher) openChat(ctx context.Context, adapters []string, log string) (server *runtime.Server, chat *llm.Chat, err error) {
	c := l.cfg.LLM.Chat
	opts := llm.ChatOptions{
		BaseURLs: llm.SplitURLs(c.BaseURL), APIKey: c.APIKey.Reveal(), Model: c.Model, NoSystemRole: !c.SystemRole,
		ContextTokens: c.ContextTokens, MaxTokens: l.cfg.Answer.MaxTokens, Temperature: l.cfg.Answer.Temperature,
		FirstTokenTarget: l.cfg.Answer.FirstTokenTarget, Threads: l.threads(),
		MeasuredCache: filepath.Join(l.cfg.Server.DataDir, "measured.json"),
		Timeouts:      llm.Timeouts{Idle: l.cfg.Server.StreamIdle, Total: l.cfg.Server.StreamTotal}, Log: l.log, Propagate: l.propagate,
		Pool: llm.PoolOptions{Parallel: c.Parallel, Waiting: c.Waiting, MaxWait: c.MaxWait},
	}
	if c.BaseURL == "" {
		entry, err := l.catalogue.Find(c.Model)
		if err != nil {
			return nil, nil, fmt.Errorf("llm.chat.model: %w", err)
		}
		settings, err := l.launch.Chat(entry, c.ContextTokens, cmp.Or(c.Parallel, 1), l.threads(), adapters...)
		if err != nil {
			return nil, nil, err
		}
		settings.Log = filepath.Join(l.launch.LogDir, log+".log")
		if server, err = l.start(ctx, settings); err != nil {
			return nil, nil, err
		}
		opts.BaseURLs, opts.APIKey, opts.Model, opts.Quantisation = []string{server.BaseURL()}, server.APIKey(), entry.Name, entry.Quantisation
	}
	chat, err = llm.NewChat(opts)
	return server, chat, err
}

func (l launcher) startEmbed(ctx context.Context, m *models) error {
	e := l.cfg.LLM.Embed
	opts := llm.EmbedOptions{BaseURLs: llm.SplitURLs(e.BaseURL), APIKey: e.APIKey.Reveal(), Model: e.Model, Dimensions: e.Dimensions, QueryPrefix: e.QueryPrefix, Propagate: l.propagate}
	entry, err := l.catalogue.Find(e.Model)
	if err == nil {
		opts.Dimensions, opts.QueryPrefix, opts.PassagePrefix = entry.Dimensions, entry.QueryPrefix, entry.PassagePrefix
	}
	m.dimensions, m.fingerprint = embedIdentity(l.catalogue, e)
	if e.BaseURL == "" {
		if err != nil {
			return fmt.Errorf("llm.embed.model: %w", err)
		}
		settings, err := l.launch.Embed(entry, l.threads())
		if err != nil {
			return err
		}
		server, err := l.start(ctx, settings)
		if err != nil {
			return err
		}
		m.servers = append(m.servers, server)
		opts.BaseURLs, opts.APIKey, opts.Model = []string{server.BaseURL()}, server.APIKey(), entry.Name
	}
	embed, err := llm.NewEmbedder(opts)
	m.embed = embed
	return err
}

// embedIdentity is what vectors depend on: their dimensions and everything of the model that moves them.
func embedIdentity(catalogue runtime.Catalogue, e configs.EmbedModel) (dimensions int, fingerprint string) {
	dimensions = e.Dimensions
	entry, err := catalogue.Find(e.Model)
	if err == nil {
		dimensions = entry.Dimensions
		if e.BaseURL == "" {
			return dimensions, entry.Fingerprint()
		}
	}
	return dimensions, fmt.Sprintf("%s/%d/%s", e.Model, dimensions, e.QueryPrefix)
}

// vectors is what the index must have been made with.
func (m *models) vectors(cfg configs.Config) vectorKind {
	return vectorKind{m.dimensions, m.fingerprint + "/" + chunkerVersion(cfg.Chunk)}
}

// vectorsOf is the same from the configuration alone, for commands that start no model.
func vectorsOf(cfg configs.Config) (vectorKind, error) {
	catalogue, err := Catalogue()
	if err != nil {
		return vectorKind{}, err
	}
	m := &models{}
	m.dimensions, m.fingerprint = embedIdentity(catalogue, cfg.LLM.Embed)
	return m.vectors(cfg), nil
}

func (l launcher) start(ctx context.Context, opts runtime.Options) (*runtime.Server, error) {
	if err := l.launch.Env.Check(ctx); err != nil {
		return nil, err
	}
	opts.StartTimeout, opts.Logger = l.cfg.LLM.StartTimeout, l.log
	return runtime.Start(context.WithoutCancel(ctx), opts)
}

// measure waits for the servers, then learns the chat model's window and
// speed; it tries again until ctx ends.
func (m *models) measure(ctx context.Context, again func(context.Context) bool) {
	for first := true; ; first = false {
		err := m.measureOnce(ctx)
		if first {
			close(m.tried)
		}
		m.mu.Lock()
		m.probed, m.err = err == nil, err
		m.mu.Unlock()
		if err == nil || !again(ctx) {
			return
		}
	}
}

func (m *models) measureOnce(ctx context.Context) error {
	for _, s := range m.running() {
		if err := s.WaitReady(ctx); err != nil {
			return err
		}
	}
	if m.chat == nil {
		return nil
	}
	_, err := m.chat.Chat().Probe(ctx)
	return err
}

// running are the local servers that run now.
func (m *models) running() []*runtime.Server {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.servers)
}

// swap puts one local server in the place of another; nil is none.
func (m *models) swap(out, in *runtime.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.servers = slices.DeleteFunc(slices.Clone(m.servers), func(s *runtime.Server) bool { return s == out })
	if in != nil {
		m.servers = append(m.servers, in)
	}
}

// measured tells whether the chat model's limits are known, and else why not.
func (m *models) measured() (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.probed, m.err
}

// stop ends what was started; it works on half-started models too.
func (m *models) stop(ctx context.Context) error {
	if m.chat != nil {
		m.chat.Chat().Close()
	}
	if m.embed != nil {
		m.embed.Close()
	}
	if m.rerank != nil {
		m.rerank.Close()
	}
	servers := m.running()
	if m.rerankLocal != nil {
		servers = append(servers, m.rerankLocal)
	}
	errs := make([]error, len(servers))
	var wait sync.WaitGroup
	for i, s := range servers {
		wait.Go(func() { errs[i] = s.Stop(ctx) })
	}
	wait.Wait()
	return errors.Join(errs...)
}
