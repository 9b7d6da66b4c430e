package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"groundwork/api"
	"groundwork/rag"
	"groundwork/store/sql"
)

// keepingAsker keeps the answers that it passes, with what made them
// (answer.keep). An answer that cannot be kept is an answer all the same.
type keepingAsker struct {
	api.Asker
	store *sql.Store
	most  int
	age   time.Duration
	log   *slog.Logger
}

// keepTimeout bounds how long an answer that was given is written down.
const keepTimeout = 10 * time.Second

// Ask implements api.Asker.
func (k keepingAsker) Ask(ctx context.Context, q rag.Question, emit func(rag.Delta) error) (rag.Answer, error) {
	a, err := k.Asker.Ask(ctx, q, emit)
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout) // who asked may be gone by now
	defer cancel()
	if err := k.keep(ctx, q, a); err != nil {
		k.log.Error("an answer was not kept", "answer", a.ID, "error", err)
	}
	return a, nil
}

func (k keepingAsker) keep(ctx context.Context, q rag.Question, a rag.Answer) error {
	body, err := json.Marshal(rag.Kept{Scope: q.Scope.Whole(), At: time.Now().UTC(), Sent: a.Sent, Answer: a})
	if err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	var documents []string
	for _, s := range append(append([]rag.Source{}, a.Sources...), a.Nearest...) {
		documents = append(documents, s.Passage.DocumentID)
	}
	return k.store.KeepAnswer(ctx, q.Scope, a.ID, string(body), documents, k.most, k.age)
}

// replayer makes kept answers again.
type replayer struct {
	pipeline *rag.Pipeline
	store    *sql.Store
	age      time.Duration
}

// Replay implements api.Replayer.
func (r replayer) Replay(ctx context.Context, tenant, id string) (out rag.Replayed, err error) {
	body, err := r.store.KeptAnswer(ctx, tenant, id, r.age)
	if err != nil {
		return out, err
	}
	var k rag.Kept
	if err := json.Unmarshal([]byte(body), &k); err != nil {
		return out, fmt.Errorf("read the kept answer %s: %w", id, err)
	}
	return r.pipeline.Replay(ctx, k)
}

// keeping wraps asker as answer.keep says, and forgets kept answers when their
// time has come: all of them when none are to be kept.
func (a *App) keeping(asker api.Asker) (api.Asker, error) {
	age := a.cfg.Answer.KeepFor
	if a.cfg.Answer.Keep == 0 {
		return asker, a.library.ForgetAnswers(context.Background(), -time.Minute)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		every := time.NewTicker(time.Hour)
		defer every.Stop()
		for {
			if err := a.library.ForgetAnswers(ctx, age); err != nil && ctx.Err() == nil {
				a.opts.Log.Error("kept answers were not forgotten", "error", err)
			}
			select {
			case <-every.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	a.onStop(func(context.Context) error {
		cancel()
		<-done
		return nil
	})
	return keepingAsker{asker, a.library, a.cfg.Answer.Keep, age, a.opts.Log}, nil
}
