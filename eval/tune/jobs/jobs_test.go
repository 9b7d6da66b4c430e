package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/eval"
	"groundwork/eval/tune"
	"groundwork/eval/tune/jobs"
	"groundwork/eval/tune/tunetest"
)

// secret stands in every file of conversations; it must never be seen outside.
const secret = "zanzibar"

func conversation(i int) string {
	return fmt.Sprintf(`{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"What is the code of room %d?"},{"role":"assistant","content":"%s %d"}]}`, i, secret, i)
}

func conversations(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(conversation(i) + "\n")
	}
	return out.String()
}

// bench is a queue over files in memory and the trainer's stand-in.
type bench struct {
	*jobs.Queue
	t      *testing.T
	python string
	files  map[string]string
	sets   []tune.Set
	log    *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func setup(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	python, err := tunetest.Trainer(dir)
	require.NoError(t, err)
	require.NoError(t, tunetest.Write(python+".adapter", tunetest.Qwen05B, 1, 0.5))
	b := &bench{t: t, python: python, files: map[string]string{"file-good": conversations(12)}, log: &buffer{}}
	base := tune.Base{Model: "m", File: python + ".adapter", SHA256: "0123456789abcdef"}
	b.Queue = &jobs.Queue{Dir: filepath.Join(dir, "jobs"), Runs: filepath.Join(dir, "runs"), Registry: tune.Registry{Root: filepath.Join(dir, "adapters")}, Now: time.Now,
		Log:  slog.New(slog.NewTextHandler(b.log, nil)),
		Base: func(string) (tune.Base, float64, string, error) { return base, 0.5, "Apache-2.0", nil },
		Trainer: func(context.Context) (tune.Trainer, error) {
			return tune.Trainer{Python: python, Environ: []string{"PATH=" + os.Getenv("PATH")}, Dir: filepath.Join(dir, "scripts"), Bases: filepath.Join(dir, "bases")}, nil
		},
		Open: func(_ context.Context, _, id string) (io.ReadCloser, error) {
			text, ok := b.files[id]
			if !ok {
				return nil, errors.New("gone")
			}
			return io.NopCloser(strings.NewReader(text)), nil
		},
		Sets: func(context.Context, string) ([]tune.Set, []string, error) { return b.sets, []string{"a note"}, nil },
	}
	require.NoError(t, b.Load())
	return b
}

// run works jobs until stop is called.
func (b *bench) run() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	stop = func() { cancel(); <-done }
	b.t.Cleanup(stop)
	return stop
}

func (b *bench) create(r jobs.Request) jobs.Job {
	b.t.Helper()
	r.Tenant, r.Model = "default", "m"
	j, err := b.Create(r)
	require.NoError(b.t, err)
	require.Equal(b.t, jobs.Validating, j.Status)
	return j
}

func (b *bench) until(id string, want func(jobs.Job) bool) (j jobs.Job) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		var err error
		j, err = b.Job("default", id)
		return err == nil && want(j)
	}, time.Minute, 10*time.Millisecond, "%+v", j)
	return j
}

func over(j jobs.Job) bool { return j.Status.Over() }

func (b *bench) messages(id string) string {
	b.t.Helper()
	events, err := b.Events("default", id)
	require.NoError(b.t, err)
	var out []string
	for _, e := range events {
		out = append(out, e.Message)
	}
	return strings.Join(out, "\n")
}

// tidied waits until the copy of the file is gone, as it goes when the job is over.
func (b *bench) tidied(id string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		_, err := os.Stat(filepath.Join(b.Dir, id, "set"))
		return errors.Is(err, os.ErrNotExist)
	}, time.Minute, 10*time.Millisecond)
}

func (b *bench) again() *bench {
	b.t.Helper()
	q := *b
	q.Queue = &jobs.Queue{Dir: b.Dir, Runs: b.Runs, Registry: b.Registry, Now: b.Now, Log: b.Log, Base: b.Base, Trainer: b.Trainer, Open: b.Open, Sets: b.Sets}
	require.NoError(b.t, q.Load())
	return &q
}

func TestAJobTrainsAndRegisters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.files["file-val"] = conversation(99)
	j := b.create(jobs.Request{TrainingFile: "file-good", ValidationFile: "file-val", Epochs: 3, Rate: 0.5, Seed: 7, Suffix: "acme"})
	b.run()
	j = b.until(j.ID, over)
	require.Equal(t, jobs.Succeeded, j.Status, "%+v", j.Problem)
	require.Equal(t, "acme", j.Adapter)
	require.False(t, j.Finished.IsZero())
	all, err := b.Registry.All()
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "acme-v1", all[0].Tag())
	require.Equal(t, j.ID, all[0].Run)
	raw, err := os.ReadFile(filepath.Join(b.Runs, j.ID, "settings.jsonl"))
	require.NoError(t, err)
	var settings map[string]any
	require.NoError(t, json.Unmarshal(raw, &settings))
	require.InDelta(t, 3, settings["epochs"], 0)
	require.InDelta(t, tune.Defaults.LearningRate/2, settings["learning_rate"], 1e-9)
	require.InDelta(t, 7, settings["seed"], 0)
	require.Contains(t, settings, "heldout")
	said := b.messages(j.ID)
	require.Regexp(t, `(?s)successfully completed.*registered as acme-v1.*Step 4/4: training loss=1.50.*started.*12 examples to train on, 1 held out.*Created`, said, "newest first")
	require.Contains(t, said, "a note")
	b.tidied(j.ID)
	require.NotContains(t, b.log.String()+said, secret)
	_, err = b.Job("other", j.ID)
	require.ErrorIs(t, err, jobs.ErrNoJob)
	require.Empty(t, b.Jobs("other"))
	_, err = b.Cancel("default", j.ID)
	require.ErrorIs(t, err, jobs.ErrOver)
}

func TestBadFilesFailWithTheLine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	turn := func(role, content string) string { return fmt.Sprintf(`{"role":%q,"content":%q}`, role, content) }
	user, answer := turn("user", secret), turn("assistant", secret)
	for line, want := range map[string]string{
		secret:                                        "no JSON object",
		`{"messages":"x"}`:                            "messages must be an array",
		`{"messages":[` + user + `],"tools":[]}`:      "a member beside messages",
		`{"messages":[` + user + `]}`:                 "the last message must be the assistant's",
		`{"messages":[` + turn("tool", secret) + `]}`: "messages[0].role",
		`{"messages":[` + turn("user", " ") + `,` + answer + `]}`:                   "messages[0].content",
		`{"messages":[{"role":"user","content":null},` + answer + `]}`:              "messages[0].content",
		`{"messages":[` + answer + `]}`:                                             "answers nothing",
		`{"messages":[` + user + `,` + answer + `,` + answer + `]}`:                 "messages[2] answers nothing",
		`{"messages":[{"role":"user","content":"x","weight":1},` + answer + `]}`:    "weight must be 0 or 1, and of the assistant",
		`{"messages":[` + user + `,{"role":"assistant","content":"x","weight":0}]}`: "no answer of the assistant has the weight 1",
	} {
		b.files["file-bad"] = conversations(10) + line + "\n"
		j := b.create(jobs.Request{TrainingFile: "file-bad"})
		stop := b.run()
		j = b.until(j.ID, over)
		stop()
		require.Equal(t, jobs.Failed, j.Status, line)
		require.Equal(t, "invalid_training_file", j.Problem.Code)
		require.Equal(t, "training_file", j.Problem.Param)
		require.Contains(t, j.Problem.Message, "line 11: ", line)
		require.Contains(t, j.Problem.Message, want, line)
		require.NotContains(t, j.Problem.Message+b.log.String()+b.messages(j.ID), secret)
	}
	b.files["file-few"] = conversations(9)
	b.files["file-long"] = conversations(10) + strings.Repeat("x", 2<<20)
	few, gone, long, val := b.create(jobs.Request{TrainingFile: "file-few"}), b.create(jobs.Request{TrainingFile: "file-gone"}), b.create(jobs.Request{TrainingFile: "file-long"}), b.create(jobs.Request{TrainingFile: "file-good", ValidationFile: "file-bad"})
	b.run()
	require.Contains(t, b.until(few.ID, over).Problem.Message, "at least 10")
	require.Contains(t, b.until(gone.ID, over).Problem.Message, "may have been deleted")
	require.Contains(t, b.until(long.ID, over).Problem.Message, "beyond line 10, which is the last before one that is too long. A line has at most 1 MB")
	require.Equal(t, "validation_file", b.until(val.ID, over).Problem.Param)
}

// TestAFileThatCannotBeReadIsNoBadFile: the error of what keeps it comes with its bytes.
func TestAFileThatCannotBeReadIsNoBadFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Open = func(context.Context, string, string) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(conversations(12)), iotest.ErrReader(errors.New("the bucket is away")))), nil
	}
	j := b.create(jobs.Request{TrainingFile: "file-good"})
	b.run()
	j = b.until(j.ID, over)
	require.Equal(t, "training_failed", j.Problem.Code)
	require.Eventually(t, func() bool { return strings.Contains(b.log.String(), "the bucket is away") }, time.Minute, 10*time.Millisecond)
	require.NotContains(t, b.log.String(), secret)
}

func TestWhatLeaksIsNotTrainedOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sets = []tune.Set{{Name: "drafts of h", Questions: []eval.Question{{ID: "q7", Question: "What's the code of room 3?"}}}}
	j := b.create(jobs.Request{TrainingFile: "file-good"})
	b.run()
	j = b.until(j.ID, over)
	require.Equal(t, "leak", j.Problem.Code)
	require.Contains(t, j.Problem.Message, "q7 of drafts of h")
	require.NoDirExists(t, filepath.Join(b.Runs, j.ID))
}

func TestEveryAnswerWithAWeightIsLearnt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.files["file-turns"] = strings.Repeat(`{"messages":[{"role":"developer","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"A","weight":0},{"role":"user","content":"b"},{"role":"assistant","content":"B"},{"role":"user","content":"c"},{"role":"assistant","content":"C","weight":1}]}`+"\n", 10)
	require.NoError(t, os.WriteFile(b.python+".wait", nil, 0o600))
	j := b.create(jobs.Request{TrainingFile: "file-turns"})
	b.run()
	b.until(j.ID, func(j jobs.Job) bool { return !j.Estimate.IsZero() })
	raw, err := os.ReadFile(filepath.Join(b.Dir, j.ID, "set", "trl", "train.jsonl"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	require.Len(t, lines, 20)
	require.JSONEq(t, `{"prompt":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"A"},{"role":"user","content":"b"}],"completion":[{"role":"assistant","content":"B"}]}`, lines[0])
}

func TestAStoppedServerGoesOnWithItsJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, os.WriteFile(b.python+".wait", nil, 0o600))
	j, second := b.create(jobs.Request{TrainingFile: "file-good"}), b.create(jobs.Request{TrainingFile: "file-good"})
	stop := b.run()
	b.until(j.ID, func(j jobs.Job) bool { return !j.Estimate.IsZero() })
	b.until(second.ID, func(j jobs.Job) bool { return j.Status == jobs.Queued }) // validated beside, and waits
	require.Eventually(t, func() bool { return strings.Contains(b.messages(j.ID), "Step 3/4") }, time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, os.Remove(b.python+".wait"))
	b = b.again()
	j, err := b.Job("default", j.ID)
	require.NoError(t, err)
	require.Equal(t, jobs.Running, j.Status, "it is not over")
	b.run()
	require.Equal(t, jobs.Succeeded, b.until(j.ID, over).Status)
	require.Equal(t, jobs.Succeeded, b.until(second.ID, over).Status)
	raw, err := os.ReadFile(filepath.Join(b.Runs, j.ID, "progress.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(raw), `"resumed":true`)
	require.Equal(t, 1, strings.Count(string(raw), `"step":1,"of":4,"loss"`), "no step was made twice")
	all, err := b.Registry.All()
	require.NoError(t, err)
	require.Len(t, all, 2)
}

func TestAnAdapterIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stop := b.run()
	j := b.until(b.create(jobs.Request{TrainingFile: "file-good"}).ID, over)
	stop()
	j.Status, j.Adapter, j.Finished = jobs.Running, "", time.Time{} // as if it had been killed between registering and noting it
	raw, err := json.Marshal(j)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(b.Dir, j.ID, "job.json"), raw, 0o600))
	b = b.again()
	_, err = b.Cancel("default", j.ID)
	require.ErrorIs(t, err, jobs.ErrOver, "its adapter is served")
	b.run()
	require.Equal(t, jobs.Succeeded, b.until(j.ID, over).Status)
	all, err := b.Registry.All()
	require.NoError(t, err)
	require.Len(t, all, 1)
}

// TestAJobWhoseEndCannotBeKeptHasNotFailed: its adapter is served. The disk fails for one write.
func TestAJobWhoseEndCannotBeKeptHasNotFailed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var j jobs.Job
	file := func() string { return filepath.Join(b.Dir, j.ID, "job.json") }
	var kept []byte
	writes, registry := 0, b.Registry
	b.Now = func() time.Time { // is asked before the end is written
		if all, err := registry.All(); err == nil && len(all) > 0 {
			switch writes++; writes {
			case 1:
				kept, _ = os.ReadFile(file())
				_ = os.Remove(file())
				_ = os.MkdirAll(filepath.Join(file(), "in the way"), 0o700)
			case 2:
				_ = os.RemoveAll(file())
			}
		}
		return time.Now()
	}
	j = b.create(jobs.Request{TrainingFile: "file-good"})
	stop := b.run()
	b.until(j.ID, func(j jobs.Job) bool {
		return over(j) || strings.Contains(b.log.String(), "cannot be brought to its end")
	})
	stop()
	require.Equal(t, 1, writes, "nothing else was written down")
	require.NoError(t, os.RemoveAll(file()))
	require.NoError(t, os.WriteFile(file(), kept, 0o600))
	b = b.again()
	b.run()
	require.Equal(t, jobs.Succeeded, b.until(j.ID, over).Status)
}

// TestAJobThatRegistersIsNotCancelled: there would be an adapter of a job that was cancelled.
func TestAJobThatRegistersIsNotCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	j := b.create(jobs.Request{TrainingFile: "file-good"})
	base, asked, cancelled := b.Base, 0, make(chan error, 1)
	b.Base = func(model string) (tune.Base, float64, string, error) {
		if asked++; asked == 2 { // the first time to train
			_, err := b.Cancel("default", j.ID)
			cancelled <- err
		}
		return base(model)
	}
	b.run()
	require.Equal(t, jobs.Succeeded, b.until(j.ID, over).Status)
	require.ErrorIs(t, <-cancelled, jobs.ErrOver)
	all, err := b.Registry.All()
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, os.WriteFile(b.python+".wait", nil, 0o600))
	running, waiting := b.create(jobs.Request{TrainingFile: "file-good"}), b.create(jobs.Request{TrainingFile: "file-good"})
	b.run()
	b.until(running.ID, func(j jobs.Job) bool { return !j.Estimate.IsZero() })
	b.until(waiting.ID, func(j jobs.Job) bool { return j.Status == jobs.Queued })
	for _, id := range []string{waiting.ID, running.ID} {
		j, err := b.Cancel("default", id)
		require.NoError(t, err)
		require.Equal(t, jobs.Cancelled, j.Status)
		b.tidied(id)
	}
	require.NoError(t, os.Remove(b.python+".wait"))
	next := b.create(jobs.Request{TrainingFile: "file-good"}) // the queue goes on
	require.Equal(t, jobs.Succeeded, b.until(next.ID, over).Status)
	for _, id := range []string{waiting.ID, running.ID} {
		j, err := b.Job("default", id)
		require.NoError(t, err)
		require.Equal(t, jobs.Cancelled, j.Status)
	}
	_, err := b.Cancel("default", "ftjob-0")
	require.ErrorIs(t, err, jobs.ErrNoJob)
}

func TestATrainingThatFailsIsNotTheNextOnes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, os.WriteFile(b.python+".refuse", nil, 0o600))
	first, second := b.create(jobs.Request{TrainingFile: "file-good"}), b.create(jobs.Request{TrainingFile: "file-good"})
	b.run()
	j := b.until(first.ID, over)
	require.Equal(t, "training_failed", j.Problem.Code)
	require.Eventually(t, func() bool { return strings.Contains(b.log.String(), "the loss is nan") }, time.Minute, 10*time.Millisecond)
	require.Equal(t, jobs.Succeeded, b.until(second.ID, over).Status)
}
