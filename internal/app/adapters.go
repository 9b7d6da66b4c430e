package app

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"groundwork/api"
	"groundwork/configs"
	"groundwork/eval/tune"
	"groundwork/llm"
	"groundwork/rag"
)

const (
	// adapterPoll is how often the registry is looked at; a look reads one small file an adapter.
	adapterPoll = 2 * time.Second
	// adapterPatience is the longest pause until adapters that could not be served are tried again.
	adapterPatience = 5 * time.Minute
)

// AdaptersOf is the registry of a data directory.
func AdaptersOf(cfg configs.Config) tune.Registry {
	return tune.Registry{Root: filepath.Join(cfg.Server.DataDir, "adapters")}
}

// adapters keeps what is served beside the chat model equal to the registry.
type adapters struct {
	registry tune.Registry
	models   *models
	base     tune.Base
	turn     int // of the local server's log

	mu     sync.Mutex
	looked bool   // once: what the registry had at the start is served, or cannot be
	served string // tune.Key of what is served
	tried  string // and of what could not be
	err    error
	pause  time.Duration // until the same is tried again; 0: it never is
	again  time.Time
}

// startAdapters watches the registry. Adapters come after the model itself is
// up, and never instead of it: what cannot be served is told by /readyz, which
// waits for those that are there at the start.
func (a *App) startAdapters(ctx context.Context) error {
	if a.opts.Worker {
		return nil
	}
	a.adapters = &adapters{registry: AdaptersOf(a.cfg), models: a.models, base: baseOf(a.models.launcher)}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-a.models.tried:
		case <-watching.Done():
			return
		}
		tick := time.NewTicker(adapterPoll)
		defer tick.Stop()
		for {
			a.adapters.look(watching)
			select {
			case <-tick.C:
			case <-watching.Done():
				return
			}
		}
	}()
	a.onStop(func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

// baseOf is the model that adapters must have been made for.
func baseOf(l launcher) tune.Base {
	c := l.cfg.LLM.Chat
	entry, err := l.catalogue.Find(c.Model)
	if err != nil || c.BaseURL != "" {
		return tune.Base{Model: c.Model} // somebody else's server: its name must do
	}
	return tune.Base{Model: entry.Name, SHA256: entry.Files[0].SHA256}
}

// look compares the registry with what is served, and switches when they differ.
func (s *adapters) look(ctx context.Context) {
	want, err := s.registry.Serving(s.base)
	key := tune.Key(want)
	s.mu.Lock()
	same := err == nil && (key == s.served && s.err == nil || key == s.tried && s.err != nil && !s.due())
	s.looked = s.looked || same
	s.mu.Unlock()
	if same {
		return
	}
	if err == nil {
		err = s.serve(ctx, want)
	}
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key != s.tried {
		s.pause = 0
	}
	s.looked, s.tried, s.err = true, key, err
	if s.pause = longer(s.pause, err); s.pause > 0 {
		s.again = time.Now().Add(s.pause)
	}
	if err == nil {
		s.served = key
		s.models.launcher.log.Info("the adapters of the registry are served", "adapters", key)
		return
	}
	s.models.launcher.log.Error("the adapters of the registry cannot be served; what was served before still is", "error", err)
}

// due tells whether what could not be served is tried again; it is called with mu held.
func (s *adapters) due() bool { return s.pause > 0 && !time.Now().Before(s.again) }

// longer is the pause after an error: twice as long each time for one that may
// pass, such as a model server that died; 0 for one that stays, such as a server that mixes adapters.
func longer(pause time.Duration, err error) time.Duration {
	switch rag.CodeOf(err) {
	case rag.CodeUnavailable, rag.CodeTimeout, rag.CodeBusy:
		return min(max(2*pause, adapterPoll), adapterPatience)
	}
	return 0
}

// serve starts a second server with the adapters, checks it, switches to it and
// ends the first one when its last request is answered. A local llama.cpp takes
// adapters at its start only; where the servers are others', only the client is a new one.
func (s *adapters) serve(ctx context.Context, want []tune.Adapter) (err error) {
	files := make([]string, len(want))
	offers := make([]llm.Offer, len(want))
	for i, a := range want {
		files[i] = a.File()
		offers[i] = llm.Offer{Name: a.Name, Version: a.Version, File: a.File(), Folder: a.Folder()}
	}
	s.turn++
	server, chat, err := s.models.launcher.openChat(ctx, files, []string{"chat", "chat-2"}[s.turn%2])
	defer func() {
		if err == nil {
			return
		}
		if chat != nil {
			chat.Close()
		}
		if server != nil {
			err = errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if err != nil {
		return err
	}
	if server != nil {
		starting, cancel := context.WithTimeout(ctx, s.models.launcher.cfg.LLM.StartTimeout)
		defer cancel()
		if err := server.WaitReady(starting); err != nil {
			return err
		}
	}
	if _, err := chat.Probe(ctx); err != nil {
		return err
	}
	if err := chat.Attach(ctx, offers); err != nil {
		return err
	}
	if err := chat.CheckAdapters(ctx); err != nil {
		return err
	}
	s.switchTo(ctx, server, chat)
	return nil
}

// switchTo makes a server that was found good the current one, and ends the one before.
func (s *adapters) switchTo(ctx context.Context, server *localServer, chat *llm.Chat) {
	var before *localServer
	if server != nil {
		for _, r := range s.models.running() {
			if r.Name() == server.Name() {
				before = r
			}
		}
		s.models.swap(nil, server)
	}
	drain, cancel := context.WithTimeout(ctx, s.models.launcher.cfg.Server.StreamTotal)
	defer cancel()
	s.models.chat.Replace(drain, chat).Close()
	if before == nil {
		return
	}
	s.models.swap(before, nil)
	if err := before.Stop(context.WithoutCancel(ctx)); err != nil {
		s.models.launcher.log.Warn("the chat server without the new adapters did not end well", "error", err)
	}
}

// adaptersCheck is minor once the adapters were tried: the model itself answers without them.
func (a *App) adaptersCheck() (api.Check, bool) {
	if a.adapters == nil {
		return api.Check{}, false
	}
	a.adapters.mu.Lock()
	defer a.adapters.mu.Unlock()
	if !a.adapters.looked {
		want, err := a.adapters.registry.Serving(a.adapters.base)
		return api.Check{Name: "adapters", Detail: "starting " + tune.Key(want), Fix: "Wait a moment."}, err == nil && len(want) > 0
	}
	c := api.Check{Name: "adapters", OK: true, Minor: true, Detail: a.adapters.served}
	if a.adapters.err != nil {
		c.OK, c.Detail, c.Fix = false, a.adapters.err.Error(), "`groundwork tune adapters` lists them; `groundwork tune remove` takes one out."
	}
	return c, !c.OK || c.Detail != ""
}
