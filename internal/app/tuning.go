package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"groundwork/api/openai"
	"groundwork/configs"
	"groundwork/eval"
	"groundwork/eval/draft"
	"groundwork/eval/reports"
	"groundwork/eval/tune"
	"groundwork/eval/tune/jobs"
	"groundwork/rag"
)

// tuner are the fine-tuning jobs of the data directory (api.Tuner).
type tuner struct {
	*jobs.Queue
	base    func(model string) (tune.Base, float64, string, error)
	trainer func(context.Context) (tune.Trainer, error)
}

// JobsDir is where fine-tuning jobs are, below the data directory.
func JobsDir(cfg configs.Config) string { return filepath.Join(cfg.Server.DataDir, "fine-tuning") }

// startTuning goes on with the jobs that are not over, once the chat model was measured: training on the same
// cores would spoil the figures.
func (a *App) startTuning(ctx context.Context) error {
	if a.opts.Worker {
		return nil
	}
	setup, err := NewSetup(a.cfg, a.opts.Environ, nil)
	if err != nil {
		return err
	}
	base := func(model string) (tune.Base, float64, string, error) {
		entry, err := setup.Find(model)
		if err != nil {
			return tune.Base{}, 0, "", err
		}
		b, size, err := setup.TuneBase(model)
		return b, size, entry.Licence + " (the model's)", err
	}
	trainer := func(ctx context.Context) (tune.Trainer, error) { return Trainer(ctx, a.cfg, a.opts.Environ, "") }
	a.tuner = &tuner{base: base, trainer: trainer, Queue: &jobs.Queue{
		Dir: JobsDir(a.cfg), Runs: RunsDir(a.cfg), Registry: AdaptersOf(a.cfg), Base: base, Trainer: trainer,
		Open: a.uploads().open, Sets: a.questionSets, Log: a.opts.Log, Now: time.Now,
		Embed: func(ctx context.Context, texts []string) ([][]float32, error) {
			return persist(ctx, a.opts.Log, func() ([][]float32, error) { return a.models.embed.EmbedPassages(ctx, texts) })
		},
	}}
	if err := a.tuner.Load(); err != nil {
		return err
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-a.models.tried:
			a.tuner.Run(working)
		case <-working.Done():
		}
	}()
	a.onStop(func(ctx context.Context) error {
		cancel()
		select {
		case <-done:
		case <-ctx.Done(): // the trainer ends after its step, when it notices that we are gone
		}
		return nil
	})
	return nil
}

// questionSets are those that this server knows: accepted drafts, the questions of comparisons, and uploads with the purpose evals.
func (a *App) questionSets(ctx context.Context, tenant string) (sets []tune.Set, notes []string, err error) {
	seen := map[string]bool{}
	add := func(name string, in io.Reader) error {
		sum, read := sha256.New(), &faithful{Reader: in}
		questions, err := eval.Read(io.TeeReader(read, sum))
		if read.err != nil {
			return fmt.Errorf("read the question set %s: %w", name, read.err)
		}
		if err != nil {
			notes = append(notes, name+" is no question set: the examples were not compared with it")
			return nil //nolint:nilerr // it may be a file for something else
		}
		hash := hex.EncodeToString(sum.Sum(nil))
		if len(questions) > 0 && !seen[hash] {
			seen[hash] = true
			sets = append(sets, tune.Set{Name: name, SHA256: hash, Questions: questions})
		}
		return nil
	}
	if err := a.localSets(add); err != nil {
		return nil, nil, err
	}
	err = a.uploads().sets(ctx, tenant, add)
	return sets, notes, err
}

func (a *App) uploads() uploads {
	return uploads{records: a.library, contents: a.files, log: a.opts.Log}
}

// localSets are those of the data directory.
func (a *App) localSets(add func(string, io.Reader) error) error {
	files := map[string]string{}
	folder := draft.Folder{Dir: DraftsDir(a.cfg)}
	names, err := folder.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if file, ok := folder.File(name); ok {
			files["drafts of "+name] = file.Path
		}
	}
	dir := filepath.Join(a.cfg.Server.DataDir, "comparisons")
	ids, err := reports.In(dir).List()
	if err != nil {
		return err
	}
	for _, id := range ids {
		files["comparison "+id] = filepath.Join(dir, id, reports.Questions)
	}
	for name, path := range files {
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(add(name, file), file.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tuner) CreateJob(ctx context.Context, tenant string, r openai.TuneRequest) (openai.TuneJob, error) {
	base, _, _, err := t.base(r.Model)
	if err != nil {
		var known *rag.Error
		if errors.As(err, &known) {
			return openai.TuneJob{}, &rag.Error{Code: known.Code, Message: known.Message, Param: "model"}
		}
		return openai.TuneJob{}, &rag.Error{Code: rag.CodeModel, Param: "model", Err: err,
			Message: fmt.Sprintf("%q is no model of the catalogue that is here. `groundwork models list` shows which can be trained.", r.Model)}
	}
	if _, err := t.trainer(ctx); err != nil {
		return openai.TuneJob{}, &rag.Error{Code: rag.CodeUnavailable, Err: err, RetryAfter: time.Hour,
			Message: "The packages that training needs are not installed on this server. Its operator runs `groundwork tune setup`, or sets tune.python."}
	}
	r.Model = base.Model
	j, err := t.Create(jobs.Request{Tenant: tenant, Model: r.Model, TrainingFile: r.TrainingFile, ValidationFile: r.ValidationFile,
		Epochs: r.Epochs, Batch: r.Batch, Rate: r.Rate, Suffix: r.Suffix, Seed: r.Seed, Metadata: r.Metadata})
	return toTuneJob(j), err
}

func toTuneJob(j jobs.Job) openai.TuneJob {
	unix := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		s := t.Unix()
		return &s
	}
	out := openai.TuneJob{ID: j.ID, CreatedAt: j.Created.Unix(), FinishedAt: unix(j.Finished), EstimatedFinish: unix(j.Estimate), Status: string(j.Status)}
	if j.Adapter != "" {
		name := j.Asked.Model + "+" + j.Adapter
		out.FineTunedModel = &name
	}
	if p := j.Problem; p != nil {
		out.Error = openai.NewTuneError(p.Code, p.Message, p.Param)
	}
	r := j.Asked
	return openai.NewTuneJob(out, openai.TuneRequest{Model: r.Model, TrainingFile: r.TrainingFile, ValidationFile: r.ValidationFile,
		Epochs: r.Epochs, Batch: r.Batch, Rate: r.Rate, Suffix: r.Suffix, Seed: r.Seed, Metadata: r.Metadata})
}

func (t *tuner) Jobs(tenant string) ([]openai.TuneJob, error) {
	var out []openai.TuneJob
	for _, j := range t.Queue.Jobs(tenant) {
		out = append(out, toTuneJob(j))
	}
	return out, nil
}

func (t *tuner) Job(tenant, id string) (openai.TuneJob, error) {
	j, err := t.Queue.Job(tenant, id)
	if err != nil {
		return openai.TuneJob{}, tuneError(err)
	}
	return toTuneJob(j), nil
}

func (t *tuner) CancelJob(tenant, id string) (openai.TuneJob, error) {
	j, err := t.Cancel(tenant, id)
	if err != nil {
		return openai.TuneJob{}, tuneError(err)
	}
	return toTuneJob(j), nil
}

func (t *tuner) JobEvents(tenant, id string) ([]openai.TuneEvent, error) {
	events, err := t.Events(tenant, id)
	if err != nil {
		return nil, tuneError(err)
	}
	out := make([]openai.TuneEvent, len(events))
	for i, e := range events {
		out[i] = openai.NewTuneEvent(openai.TuneEvent{ID: e.ID, CreatedAt: e.Created.Unix(), Level: e.Level, Message: e.Message, Data: e.Data})
	}
	return out, nil
}

func tuneError(err error) error {
	switch {
	case errors.Is(err, jobs.ErrNoJob):
		return rag.Fail(rag.CodeNotFound, "There is no such fine-tuning job. GET /v1/fine_tuning/jobs lists them.")
	case errors.Is(err, jobs.ErrOver):
		return rag.Fail(rag.CodeConflict, "The job is over, or its adapter is just being registered, and it cannot be cancelled. GET it to see how it ends.")
	}
	return err
}
