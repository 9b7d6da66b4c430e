package runs

import (
	"context"
	"fmt"
	"sync"

	"groundwork/eval"
)

// Ask asks what of set has no outcome yet, so many questions at once, and finishes the run. Each outcome is
// kept before the next question is asked. The first error ends the run; what was kept until then stays, and
// the same run can be gone on with. progress hears how many outcomes there are. All outcomes come back in the
// order of set.
func (w *Writer) Ask(ctx context.Context, set []eval.Question, parallel int, ask func(context.Context, eval.Question) (eval.Outcome, error), progress func(done int)) ([]eval.Outcome, error) {
	known := make(map[string]eval.Outcome, len(set))
	for _, o := range w.Known() {
		known[o.ID] = o
	}
	missing := make(chan eval.Question, len(set))
	for _, q := range set {
		if _, ok := known[q.ID]; !ok {
			missing <- q
		}
	}
	close(missing)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var wait sync.WaitGroup
	progress(len(known))
	for range max(parallel, 1) {
		wait.Go(func() {
			for q := range missing {
				if ctx.Err() != nil {
					return
				}
				o, err := ask(ctx, q)
				if err == nil {
					err = w.Add(o)
				}
				if err != nil {
					cancel(fmt.Errorf("question %s: %w", q.ID, err))
					return
				}
				mu.Lock()
				known[q.ID] = o
				progress(len(known))
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	out := make([]eval.Outcome, len(set))
	for i, q := range set {
		out[i] = known[q.ID]
	}
	return out, w.Finish()
}
