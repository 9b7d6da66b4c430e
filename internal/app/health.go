package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"groundwork/api"
	"groundwork/llm"
	"groundwork/llm/runtime"
)

// healthWait bounds one look at one dependency.
const healthWait = 3 * time.Second

// Ready implements api.Health: the state of everything a question needs. The
// looks are taken side by side, so that what hangs does not hide the rest.
func (a *App) Ready(ctx context.Context) []api.Check {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	looks := []func(context.Context) api.Check{a.libraryCheck}
	if p, ok := a.files.(interface {
		Ping(ctx context.Context) error
	}); ok {
		looks = append(looks, func(ctx context.Context) api.Check { return filesCheck(p.Ping(ctx)) })
	}
	if a.models != nil && a.models.rerank != nil {
		looks = append(looks, a.rerankCheck)
	}
	starting := a.startingChecks()
	if len(starting) == 0 {
		looks = append(looks, a.embedCheck)
		if !a.opts.Worker {
			looks = append(looks, a.chatCheck)
		}
		looks = append(looks, a.indexCheck)
	}
	checks := make([]api.Check, len(looks), len(looks)+len(starting))
	var wait sync.WaitGroup
	for i, look := range looks {
		wait.Go(func() { checks[i] = look(ctx) })
	}
	wait.Wait()
	if c, any := a.adaptersCheck(); any {
		checks = append(checks, c)
	}
	return append(checks, starting...)
}

// startingChecks are those of model servers that are not up yet.
func (a *App) startingChecks() []api.Check {
	if a.models == nil {
		return []api.Check{{Name: "models", Detail: "starting", Fix: "Wait a moment."}}
	}
	var checks []api.Check
	for _, s := range a.models.running() {
		if state := s.State(); state.Status != runtime.Ready {
			checks = append(checks, serverCheck(s.Name(), state))
		}
	}
	return checks
}

func (a *App) embedCheck(ctx context.Context) api.Check {
	return check("embedding", a.models.embed.Health(ctx))
}

func (a *App) chatCheck(ctx context.Context) api.Check {
	chat := check("chat", a.models.chat.Chat().Health(ctx))
	if measured, err := a.models.measured(); chat.OK && !measured {
		chat.OK, chat.Detail, chat.Fix = false, "measuring the model's speed", "Wait a moment."
		if err != nil {
			chat.Detail, chat.Fix = err.Error(), "Look at the model server's log."
		}
	}
	return chat
}

func (a *App) libraryCheck(ctx context.Context) api.Check {
	c := api.Check{Name: "library", OK: true, Detail: "open"}
	if _, err := a.library.HasKeys(ctx); err != nil {
		c.OK, c.Detail, c.Fix = false, "the database does not answer", "Look at the disk and the server's log, then restart the server."
	}
	return c
}

// filesCheck is minor: without the original files uploads fail and workers wait, but questions are answered.
func filesCheck(err error) api.Check {
	if err != nil {
		return api.Check{Name: "files", Minor: true, Detail: err.Error(), Fix: "Look at the S3 server and at store.files; until then uploads are refused and queued documents wait."}
	}
	return api.Check{Name: "files", OK: true, Minor: true, Detail: "s3"}
}

func (a *App) indexCheck(ctx context.Context) api.Check {
	c := api.Check{Name: "index", OK: true, Detail: a.cfg.Store.Index}
	if x, ok := a.index.(interface {
		Ready(ctx context.Context) error
	}); ok {
		if err := x.Ready(ctx); err != nil {
			c.OK, c.Detail, c.Fix = false, err.Error(), "Look at Qdrant; when it lost its data, run `groundwork reindex`."
		}
	}
	return c
}

func serverCheck(name string, s runtime.State) api.Check {
	c := api.Check{Name: name + " server", Detail: string(s.Status), Fix: "Wait a moment."}
	if s.Error != "" {
		c.Detail += ": " + s.Error
		c.Fix = fmt.Sprintf("The server's log is %s; `groundwork doctor` checks the models.", s.Log)
	}
	return c
}

func check(name string, h llm.Health) api.Check {
	return api.Check{Name: name, OK: h.OK, Detail: h.Detail, Fix: h.Fix, Facts: h.Facts}
}
