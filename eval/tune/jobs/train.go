package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"groundwork/eval/tune"
)

// finish trains and registers. Each of it may have been done before, in a process that ended.
func (q *Queue) finish(ctx context.Context, j Job) error {
	if ok, err := q.set(j.ID, func(j *Job) { j.Status = Running }); err != nil || !ok {
		return err
	}
	run, err := q.trained(ctx, j)
	if err != nil || ctx.Err() != nil || !q.registerable(j.ID) {
		return err
	}
	defer q.registeringEnds()
	adapter, err := q.register(run, j)
	if err != nil {
		return err
	}
	_, err = q.set(j.ID, func(j *Job) {
		j.Status, j.Adapter, j.Finished, j.Estimate = Succeeded, adapter.Name, q.Now().UTC(), time.Time{}
	}, fmt.Sprintf("The adapter is registered as %s and served as %s+%s", adapter.Tag(), j.Asked.Model, adapter.Name), "The job has successfully completed")
	return err
}

// validate checks the files and makes the training set that the trainer reads.
func (q *Queue) validate(ctx context.Context, j Job) error {
	q.note(j.ID, "info", "Validating the training file: "+j.Asked.TrainingFile, nil)
	train, err := q.examples(ctx, j, j.Asked.TrainingFile, "training_file", leastExamples)
	if err != nil {
		return err
	}
	var heldOut []tune.Example
	if j.Asked.ValidationFile != "" {
		if heldOut, err = q.examples(ctx, j, j.Asked.ValidationFile, "validation_file", 1); err != nil {
			return err
		}
	}
	if err := q.leaks(ctx, j, train); err != nil {
		return err
	}
	for name, examples := range map[string][]tune.Example{"train.jsonl": train, "heldout.jsonl": heldOut} {
		if err := writeFile(filepath.Join(q.folder(j.ID), "set", "trl", name), lines(examples)); err != nil {
			return err
		}
	}
	changed, err := q.set(j.ID, func(j *Job) { j.Status = Queued },
		fmt.Sprintf("Files validated: %d examples to train on, %d held out", len(train), len(heldOut)))
	if changed {
		wake(q.train)
	}
	return err
}

func (q *Queue) examples(ctx context.Context, j Job, id, param string, least int) ([]tune.Example, error) {
	file, err := q.Open(ctx, j.Asked.Tenant, id)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		q.Log.Warn("a file of a fine-tuning job cannot be opened", "job", j.ID, "file", id, "error", err)
		return nil, &Problem{Code: "invalid_" + param, Param: param, Message: "The file " + id + " cannot be opened; it may have been deleted."}
	}
	defer file.Close()
	return read(file, param, least)
}

// leaks refuses examples that hold something of a question set that the server knows.
func (q *Queue) leaks(ctx context.Context, j Job, examples []tune.Example) error {
	sets, notes, err := q.Sets(ctx, j.Asked.Tenant)
	if err != nil {
		return err
	}
	for _, n := range notes {
		q.note(j.ID, "warn", n, nil)
	}
	if len(sets) == 0 {
		q.note(j.ID, "info", "No question set is known here that the examples could leak into", nil)
		return nil
	}
	leaks, err := tune.Leaks(ctx, examples, sets, q.Embed)
	if err != nil {
		return err
	}
	if len(leaks) == 0 {
		q.note(j.ID, "info", fmt.Sprintf("The examples hold nothing of %d question sets", len(sets)), nil)
		return nil
	}
	first := leaks[0]
	return &Problem{Code: "leak", Param: "training_file", Message: fmt.Sprintf("What is trained on must not be what is asked: the file leaks in %d places, the first %s, which has a %s of question %s of %s. Remove these conversations.",
		len(leaks), first.Example, first.Kind, first.Question, first.Set)}
}

// lines is a file as the trainer reads it.
func lines(examples []tune.Example) []byte {
	var out []byte
	for _, e := range examples {
		last := len(e.Messages) - 1
		raw, _ := json.Marshal(map[string]any{"prompt": e.Messages[:last], "completion": e.Messages[last:]}) // strings always marshal
		out = append(append(out, raw...), '\n')
	}
	return out
}

// trained runs the trainer, or goes on with what it began.
func (q *Queue) trained(ctx context.Context, j Job) (tune.Run, error) {
	base, size, _, err := q.Base(j.Asked.Model)
	if err != nil {
		return tune.Run{}, err
	}
	run, err := tune.OpenRun(q.Runs, j.ID)
	if err != nil {
		if run, err = q.begin(j, base, size); err != nil {
			return run, err
		}
	}
	if run.State == tune.Done {
		return run, nil
	}
	trainer, err := q.Trainer(ctx)
	if err != nil {
		return run, &Problem{Code: "no_trainer", Message: err.Error()}
	}
	q.note(j.ID, "info", "Fine-tuning job started", nil)
	return run, run.Train(ctx, trainer, func(p tune.Progress) { q.heard(j.ID, p) })
}

func (q *Queue) begin(j Job, base tune.Base, size float64) (tune.Run, error) {
	set := filepath.Join(q.folder(j.ID), "set")
	sum, examples := sha256.New(), []tune.Example{}
	for _, name := range []string{"train.jsonl", "heldout.jsonl"} {
		raw, err := os.ReadFile(filepath.Join(set, "trl", name))
		if err != nil {
			return tune.Run{}, fmt.Errorf("read the training set: %w", err)
		}
		sum.Write(raw)
		if name == "train.jsonl" {
			examples = append(examples, tune.Example{Messages: []tune.Message{{Content: string(raw)}}})
		}
	}
	h := tune.Hyper{Epochs: float64(j.Asked.Epochs), Batch: j.Asked.Batch, Seed: j.Asked.Seed, LearningRate: tune.Defaults.LearningRate * j.Asked.Rate}
	estimate := tune.EstimateRun(examples, cmp.Or(h.Epochs, tune.Defaults.Epochs), size, runtime.NumCPU(), tune.HasBF16())
	return tune.NewRun(q.Runs, tune.Run{Name: j.ID, Base: base, Dataset: set, Data: hex.EncodeToString(sum.Sum(nil)), Hyper: h, Estimate: estimate})
}

// heard keeps what the trainer says.
func (q *Queue) heard(id string, p tune.Progress) {
	switch p.Event {
	case "step":
		q.note(id, "info", fmt.Sprintf("Step %d/%d: training loss=%.2f", p.Step, p.Of, p.Loss), map[string]float64{"step": float64(p.Step), "total_steps": float64(p.Of), "train_loss": p.Loss})
		if p.RestSeconds > 0 {
			if _, err := q.set(id, func(j *Job) { j.Estimate = q.Now().UTC().Add(time.Duration(p.RestSeconds * float64(time.Second))) }); err != nil {
				q.Log.Warn("the estimate of a fine-tuning job was not kept", "job", id, "error", err)
			}
		}
	case "heldout":
		q.note(id, "info", fmt.Sprintf("Step %d/%d: validation loss=%.2f", p.Step, p.Of, p.Loss), map[string]float64{"step": float64(p.Step), "valid_loss": p.Loss})
	case "start":
		if p.LeftOut > 0 {
			q.note(id, "warn", fmt.Sprintf("%d examples are too long and left out", p.LeftOut), nil)
		}
	}
}

// register puts the adapter into the registry, once.
func (q *Queue) register(run tune.Run, j Job) (tune.Adapter, error) {
	a, there, err := q.registered(run.Name)
	if err != nil || there { // the process ended before the job knew
		return a, err
	}
	base, _, licence, err := q.Base(j.Asked.Model)
	if err != nil {
		return tune.Adapter{}, err
	}
	a = run.Card()
	a.Name, a.Base, a.Licence = j.AdapterName(), base, licence
	return q.Registry.Register(a, run.Adapter, run.PEFT())
}

// registered finds the adapter of a training, which has its job's id.
func (q *Queue) registered(run string) (a tune.Adapter, there bool, err error) {
	all, err := q.Registry.All()
	for _, a := range all {
		if a.Run == run {
			return a, true, err
		}
	}
	return tune.Adapter{}, false, err
}
