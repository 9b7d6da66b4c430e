package tune

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// State is where a training run is.
type State string

// The states of a run. One that is stopped or failed goes on from its checkpoint.
const (
	Running State = "running"
	Stopped State = "stopped"
	Failed  State = "failed"
	Done    State = "done"
)

// Defaults are the settings of a run that names none; docs/adr/0043 has what they were measured against.
var Defaults = Hyper{Rank: 8, Alpha: 16, Targets: "attention", LearningRate: 2e-4, Epochs: 2, Batch: 4, Micro: 1, MaxTokens: 2048, Seed: 1}

// Hyper are the settings that move the result. Zero fields take those of Defaults; the trainer chooses type and device.
type Hyper struct {
	Rank         int     `json:"rank,omitempty"`
	Alpha        int     `json:"alpha,omitempty"`
	Targets      string  `json:"targets,omitempty"` // attention or all
	LearningRate float64 `json:"learning_rate,omitempty"`
	Epochs       float64 `json:"epochs,omitempty"`
	Batch        int     `json:"batch,omitempty"`
	Micro        int     `json:"micro,omitempty"`
	MaxTokens    int     `json:"max_tokens,omitempty"`
	Seed         int     `json:"seed,omitempty"`
	Type         string  `json:"dtype,omitempty"`
	Device       string  `json:"device,omitempty"`
}

func (h Hyper) complete() Hyper {
	d := Defaults
	return Hyper{
		Rank: cmp.Or(h.Rank, d.Rank), Alpha: cmp.Or(h.Alpha, d.Alpha), Targets: cmp.Or(h.Targets, d.Targets), LearningRate: cmp.Or(h.LearningRate, d.LearningRate),
		Epochs: cmp.Or(h.Epochs, d.Epochs), Batch: cmp.Or(h.Batch, d.Batch), Micro: cmp.Or(h.Micro, d.Micro), MaxTokens: cmp.Or(h.MaxTokens, d.MaxTokens),
		Seed: cmp.Or(h.Seed, d.Seed), Type: h.Type, Device: h.Device,
	}
}

// Base is the model that is trained on: the file that is served.
type Base struct {
	Model  string `json:"model"`
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// Run is one training, as its folder keeps it (run.json).
type Run struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Base     Base      `json:"base"`
	Dataset  string    `json:"dataset"` // folder
	Data     string    `json:"data"`    // sha256, as in the manifest
	Hyper    Hyper     `json:"hyper"`
	Estimate Estimate  `json:"estimate"`
	Started  time.Time `json:"started"`
	Updated  time.Time `json:"updated"`
	Last     Progress  `json:"last"`
	Error    string    `json:"error,omitempty"`
	Adapter  string    `json:"adapter,omitempty"` // file, once it is done
	SHA256   string    `json:"sha256,omitempty"`  // of Adapter

	dir string
}

// Progress is one line that the trainer says.
type Progress struct {
	Event        string   `json:"event"` // unpack, start, step, heldout, stopped, done, error
	Step         int      `json:"step"`
	Of           int      `json:"of"`
	Loss         float64  `json:"loss"`
	Best         *float64 `json:"best,omitempty"`          // held-out
	FirstHeldOut *float64 `json:"first_heldout,omitempty"` // before the first step
	Speed        float64  `json:"tokens_per_second,omitempty"`
	RestSeconds  float64  `json:"rest_seconds,omitempty"`
	Seconds      float64  `json:"seconds,omitempty"`
	MemoryMB     int64    `json:"memory_mb,omitempty"`
	GPUMemoryMB  int64    `json:"gpu_memory_mb,omitempty"`
	LeftOut      int      `json:"left_out,omitempty"` // examples that were too long
	Device       string   `json:"device,omitempty"`
	Type         string   `json:"dtype,omitempty"`
	Resumed      bool     `json:"resumed,omitempty"`
	StoppedEarly bool     `json:"stopped_early,omitempty"`
	Message      string   `json:"message,omitempty"`
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// CheckName tells whether a run or an adapter may be called name: it becomes part of model names and of paths.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is no name: use small letters, digits, dots and dashes", name)
	}
	return nil
}

// Runs are the trainings below root, newest first.
func Runs(root string) ([]Run, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the training runs: %w", err)
	}
	var out []Run
	for _, e := range entries {
		r, err := OpenRun(root, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Run) int { return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(a.Name, b.Name)) })
	return out, nil
}

// OpenRun reads one run; fs.ErrNotExist when there is none of that name.
func OpenRun(root, name string) (Run, error) {
	r := Run{dir: filepath.Join(root, name)}
	if err := CheckName(name); err != nil {
		return r, err
	}
	raw, err := os.ReadFile(r.path("run.json"))
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read the training run %q: %w", name, err)
	}
	return r, nil
}

// NewRun begins a run, or takes up the one of that name when it is of the same base, data and settings.
func NewRun(root string, r Run) (Run, error) {
	r.Hyper = r.Hyper.complete()
	old, err := OpenRun(root, r.Name)
	switch {
	case err == nil && (old.Data != r.Data || old.Base != r.Base || old.Hyper != r.Hyper):
		return old, fmt.Errorf("there is a run %q with other data or settings; choose another --name, or remove %s", r.Name, old.dir)
	case err == nil:
		old.Dataset = r.Dataset
		return old, nil
	case !errors.Is(err, fs.ErrNotExist):
		return r, err
	}
	r.dir, r.State, r.Started = filepath.Join(root, r.Name), Stopped, time.Now().UTC()
	return r, r.save()
}

// Dir is the run's folder: run.json, progress.jsonl, checkpoint, adapter, loss curve.
func (r *Run) Dir() string { return r.dir }

func (r *Run) path(name string) string { return filepath.Join(r.dir, name) }

func (r *Run) save() error {
	r.Updated = time.Now().UTC()
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the training run: %w", err)
	}
	return writeFile(r.path("run.json"), append(raw, '\n'))
}

// Train runs r to its end, or until ctx ends: then it stops after the step under way, and the next
// Train goes on there, as it does after a kill. heard gets every line of progress.
func (r *Run) Train(ctx context.Context, t Trainer, heard func(Progress)) error {
	if r.State == Done {
		return nil
	}
	r.State, r.Error = Running, ""
	if err := r.save(); err != nil {
		return err
	}
	err := r.train(ctx, t, heard)
	switch {
	case err == nil:
		r.State = Done
	case ctx.Err() != nil || errors.Is(err, errStopped):
		r.State, err = Stopped, fmt.Errorf("stopped at step %d of %d; the same command goes on from there", r.Last.Step, r.Last.Of)
	default:
		r.State, r.Error = Failed, err.Error()
	}
	return errors.Join(err, r.save())
}

func (r *Run) train(ctx context.Context, t Trainer, heard func(Progress)) error {
	log, err := os.OpenFile(r.path("progress.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep the progress: %w", err)
	}
	defer log.Close() // each line was written when it came
	settings := map[string]any{
		"gguf": r.Base.File, "base": filepath.Join(t.Bases, r.Base.Model+"-"+r.Base.SHA256[:12]), "out": r.dir,
		"train": filepath.Join(r.Dataset, "trl", trainFile), "follow_parent": true, "threads": t.Threads,
	}
	if info, err := os.Stat(filepath.Join(r.Dataset, "trl", heldOutFile)); err == nil && info.Size() > 0 {
		settings["heldout"] = filepath.Join(r.Dataset, "trl", heldOutFile)
	}
	if err := merge(settings, r.Hyper); err != nil {
		return err
	}
	last, err := t.run(ctx, "train.py", settings, r.path("train.log"), func(raw []byte, p Progress) error {
		if p.Event == "step" || p.Event == "done" || p.Event == "start" {
			r.Last = p
		}
		heard(p)
		_, err := log.Write(append(raw, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	if last.Event == "stopped" {
		r.Last.Step, r.Last.Of = last.Step, last.Of
		return errStopped
	}
	if err := r.save(); err != nil {
		return err
	}
	return r.convert(ctx, t)
}

// convert makes the file that llama.cpp serves.
func (r *Run) convert(ctx context.Context, t Trainer) error {
	file := r.path("adapter.gguf")
	_, err := t.run(ctx, "convert.py", map[string]any{"adapter": r.path("adapter"), "base": r.Base.File, "out": file}, r.path("convert.log"),
		func([]byte, Progress) error { return nil })
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the adapter: %w", err)
	}
	r.Adapter, r.SHA256 = file, digest(raw)
	return nil
}

// merge puts the fields of hyper that are set into settings.
func merge(settings map[string]any, hyper Hyper) error {
	raw, err := json.Marshal(hyper)
	if err != nil {
		return fmt.Errorf("encode the settings: %w", err)
	}
	return json.Unmarshal(raw, &settings)
}

// PEFT is the adapter as PEFT wrote it, which vLLM reads.
func (r *Run) PEFT() string { return r.path("adapter") }

// Hours are what training took, all starts together; 0 while it is not done.
func (r *Run) Hours() float64 {
	if r.State != Done {
		return 0
	}
	return r.Last.Seconds / 3600
}

// Card is what the registry should know about the run's adapter.
func (r *Run) Card() Adapter {
	a := Adapter{Name: r.Name, Base: r.Base, Data: r.Data, Run: r.Name, Metrics: map[string]float64{"loss": r.Last.Loss}}
	if r.State == Done {
		a.Metrics["training_hours"] = r.Hours()
	}
	if r.Last.Best != nil {
		a.Metrics["heldout_loss"] = *r.Last.Best
	}
	if r.Last.FirstHeldOut != nil {
		a.Metrics["heldout_loss_of_the_base"] = *r.Last.FirstHeldOut
	}
	return a
}
