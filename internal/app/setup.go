package app

import (
	"context"
	"fmt"
	"net"
	"os"

	"groundwork/configs"
	"groundwork/ingest/parse"
	"groundwork/llm/runtime"
	"groundwork/rag"
	"groundwork/store/sql"
)

// The words of the catalogue and the set-up, for the command line.
type (
	// Entry is a model of the catalogue.
	Entry = runtime.Entry
	// Progress is how far a download is.
	Progress = runtime.Progress
	// Check is what was found about one thing.
	Check = runtime.Check
)

// Setup installs what the local model servers need.
type Setup struct {
	cfg       configs.Config
	env       *runtime.Env
	catalogue runtime.Catalogue
}

// NewSetup describes a set-up; steps hears a line for each step of installing Python packages.
func NewSetup(cfg configs.Config, environ []string, steps func(string)) (*Setup, error) {
	catalogue, err := Catalogue()
	if err != nil {
		return nil, err
	}
	return &Setup{cfg: cfg, env: newEnv(cfg, environ, steps), catalogue: catalogue}, nil
}

// Models is the whole catalogue.
func (s *Setup) Models() []Entry { return s.catalogue.Models }

// Find looks a model up by name or alias.
func (s *Setup) Find(name string) (Entry, error) { return s.catalogue.Find(name) }

// Needed are the models that the configuration starts servers for.
func (s *Setup) Needed() ([]Entry, error) {
	var names []string
	if s.cfg.LLM.Embed.BaseURL == "" {
		names = append(names, s.cfg.LLM.Embed.Model)
	}
	if s.cfg.LLM.Chat.BaseURL == "" {
		names = append(names, s.cfg.LLM.Chat.Model)
	}
	entries := make([]Entry, len(names))
	for i, name := range names {
		var err error
		if entries[i], err = s.catalogue.Find(name); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// Runtime installs the Python environment of the model servers; it does nothing when that is done.
func (s *Setup) Runtime(ctx context.Context) error { return s.env.Ensure(ctx) }

// PDF compiles the PDF reader ahead of the first PDF, which would otherwise wait some seconds for it.
func (s *Setup) PDF(ctx context.Context) error {
	dir := pdfCache(s.cfg)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the parser's cache: %w", err)
	}
	return parse.WarmPDF(ctx, dir)
}

// Installed reports whether all files of a model are there.
func (s *Setup) Installed(e Entry) bool { return runtime.Installed(s.cfg.LLM.ModelsDir, e) }

// Pull fetches a model.
func (s *Setup) Pull(ctx context.Context, e Entry, allowUnpinned bool, progress func(Progress)) error {
	return runtime.NewPuller(runtime.PullOptions{
		Dir: s.cfg.LLM.ModelsDir, Hub: s.cfg.LLM.Hub, Registry: s.env, AllowUnpinned: allowUnpinned,
	}).Pull(ctx, e, progress)
}

// Verify compares all files of a model with their checksums.
func (s *Setup) Verify(ctx context.Context, e Entry) error {
	return runtime.Verify(ctx, s.cfg.LLM.ModelsDir, e)
}

// Doctor looks at everything a server needs; it changes nothing.
func (s *Setup) Doctor(ctx context.Context, deep bool) ([]Check, error) {
	needed, err := s.Needed()
	if err != nil {
		return nil, err
	}
	checks := runtime.Doctor(ctx, s.env, s.cfg.LLM.ModelsDir, needed, deep)
	return append(checks, s.addressCheck(ctx)), nil
}

// addressCheck tells whether the address can be listened on, or who does.
func (s *Setup) addressCheck(ctx context.Context) Check {
	c := Check{Name: "address", OK: true, Detail: s.cfg.Server.Listen + " is free"}
	if at, running := Locate(s.cfg.Server.DataDir); running {
		c.Detail = "a server runs on this data directory at " + at.URL
		return c
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Server.Listen)
	if err != nil {
		return Check{Name: "address", Detail: err.Error(), Fix: "Stop the program that uses it, or set server.listen to another address."}
	}
	if err := l.Close(); err != nil {
		c.OK, c.Detail, c.Fix = false, err.Error(), "Set server.listen to another address."
	}
	return c
}

// Keys manages API keys.
type Keys interface {
	CreateKey(ctx context.Context, k rag.Key) (key rag.Key, token string, err error)
	Keys(ctx context.Context, tenant string) ([]rag.Key, error)
	RevokeKey(ctx context.Context, tenant, id string) (rag.Key, error)
}

// OpenKeys opens the keys of the data directory, beside a running server or without one.
func OpenKeys(ctx context.Context, cfg configs.Config) (Keys, func(), error) {
	store, err := sql.Open(ctx, sql.Options{URL: cfg.Store.SQL.Reveal(), Path: libraryPath(cfg), Beside: true})
	if err != nil {
		return nil, nil, err
	}
	return store, func() { _ = store.Close() }, nil // nothing is pending: each call was one transaction
}
