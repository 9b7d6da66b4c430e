package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"groundwork/eval/tune"
)

// Queue keeps the jobs of a data directory and works them, one at a time, in the order they came.
type Queue struct {
	Dir      string // of the jobs
	Runs     string // of the trainings: eval/tune's
	Registry tune.Registry
	Base     func(model string) (base tune.Base, billions float64, licence string, err error)
	Trainer  func(ctx context.Context) (tune.Trainer, error) // an error tells how to install it
	Open     func(ctx context.Context, tenant, file string) (io.ReadCloser, error)
	Sets     func(ctx context.Context, tenant string) (sets []tune.Set, notes []string, err error) // what no example may hold
	Embed    tune.Embed
	Log      *slog.Logger
	Now      func() time.Time

	mu          sync.Mutex
	jobs        map[string]*Job
	registering string        // the job whose adapter is on its way into the registry
	check       chan struct{} // a job came to be validated
	train       chan struct{} // or to be trained
	cancel      map[underWay]context.CancelFunc
}

// underWay is a job in one of the two loops; for a moment it may be in both.
type underWay struct {
	id         string
	validating bool
}

// ErrNoJob says that there is no such job.
var ErrNoJob = fmt.Errorf("there is no such fine-tuning job: %w", fs.ErrNotExist)

// ErrOver says that a job cannot be cancelled any more: it is over, or its adapter is on its way into the registry.
var ErrOver = errors.New("the job is over")

// errUnkept says that a job went on and that this could not be written down; what it has done is there.
var errUnkept = errors.New("the job's state was not kept")

// Load reads the jobs; call it once, before anything else.
func (q *Queue) Load() (err error) {
	q.check, q.train, q.cancel = make(chan struct{}, 1), make(chan struct{}, 1), map[underWay]context.CancelFunc{}
	if q.jobs, err = q.read(); err != nil {
		return err
	}
	for _, j := range q.jobs {
		q.tidy(*j) // what a crash left
	}
	return nil
}

func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

func randomID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Create keeps a job and queues it; it is on the disk when Create returns.
func (q *Queue) Create(r Request) (Job, error) {
	j := Job{ID: "ftjob-" + randomID(), Asked: r, Status: Validating, Created: q.Now().UTC()}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.save(j); err != nil {
		return j, err
	}
	q.jobs[j.ID] = &j
	q.note(j.ID, "info", "Created fine-tuning job: "+j.ID, nil)
	wake(q.check)
	return j, nil
}

// Jobs are a tenant's, newest first.
func (q *Queue) Jobs(tenant string) []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []Job
	for _, j := range q.jobs {
		if j.Asked.Tenant == tenant {
			out = append(out, *j)
		}
	}
	slices.SortFunc(out, func(a, b Job) int { return -older(a, b) })
	return out
}

func older(a, b Job) int {
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// Job is one; ErrNoJob when the tenant has none of that id.
func (q *Queue) Job(tenant, id string) (Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j, known := q.jobs[id]
	if !known || j.Asked.Tenant != tenant {
		return Job{}, ErrNoJob
	}
	return *j, nil
}

// Cancel ends a job: at once when it waits, after the step under way when it runs. ErrOver when that is too late: no
// adapter of a job that was cancelled is ever served.
func (q *Queue) Cancel(tenant, id string) (Job, error) {
	j, err := q.Job(tenant, id)
	if err != nil {
		return Job{}, err
	}
	if _, there, err := q.registered(id); err != nil || there { // by a process that ended before the job knew
		return j, errors.Join(err, overIf(there))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.registering == id {
		return j, ErrOver
	}
	j, changed, err := q.put(id, func(j *Job) { j.Status, j.Finished, j.Estimate = Cancelled, q.Now().UTC(), time.Time{} }, "The job was cancelled")
	if err != nil || !changed {
		return j, errors.Join(err, overIf(!changed && err == nil))
	}
	waits := true
	for _, validating := range []bool{true, false} {
		if end := q.cancel[underWay{id, validating}]; end != nil {
			end()
			waits = false
		}
	}
	if waits {
		q.tidy(j)
	}
	return j, nil
}

func overIf(over bool) error {
	if over {
		return ErrOver
	}
	return nil
}

// registerable reports whether a job is not over, and keeps it from being cancelled from then on.
func (q *Queue) registerable(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.jobs[id].Status.Over() {
		return false
	}
	q.registering = id
	return true
}

func (q *Queue) registeringEnds() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.registering = ""
}

// set changes a job that is not over, and keeps it. Whoever sees the change finds the events that tell of it.
func (q *Queue) set(id string, change func(*Job), events ...string) (changed bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, changed, err = q.put(id, change, events...)
	return changed, err
}

// put is set, for who holds the lock, and gives the job as it is then.
func (q *Queue) put(id string, change func(*Job), events ...string) (j Job, changed bool, err error) {
	j = *q.jobs[id]
	if j.Status.Over() {
		return j, false, nil
	}
	change(&j)
	if err := q.save(j); err != nil {
		return j, false, fmt.Errorf("%w: %w", errUnkept, err)
	}
	level := "info"
	if j.Status == Failed {
		level = "error"
	}
	for _, e := range events {
		q.note(id, level, e, nil)
	}
	*q.jobs[id] = j
	return j, true, nil
}

// next is the job to work: one that was under way before, then the oldest that waits.
func (q *Queue) next(validating bool) (Job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var open []Job
	for _, j := range q.jobs {
		if !j.Status.Over() && (j.Status == Validating) == validating {
			open = append(open, *j)
		}
	}
	if len(open) == 0 {
		return Job{}, false
	}
	return slices.MinFunc(open, func(a, b Job) int {
		if (a.Status == Running) != (b.Status == Running) {
			return map[bool]int{true: -1, false: 1}[a.Status == Running]
		}
		return older(a, b)
	}), true
}

// Run works jobs until ctx ends: files are validated as they come, and one job trains at a time. The one under way then stops
// after its step, and goes on in the next Run.
func (q *Queue) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { q.loop(ctx, true, q.check, q.validate) })
	both.Go(func() { q.loop(ctx, false, q.train, q.finish) })
	both.Wait()
}

// again is how long a job rests whose end could not be written down.
const again = 10 * time.Second

func (q *Queue) loop(ctx context.Context, validating bool, signal <-chan struct{}, step func(context.Context, Job) error) {
	for ctx.Err() == nil {
		j, there := q.next(validating)
		if !there {
			select {
			case <-ctx.Done():
			case <-signal:
			}
			continue
		}
		if err := q.work(ctx, j, validating, step); err != nil {
			q.Log.Error("a fine-tuning job cannot be brought to its end; it is tried again", "job", j.ID, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		}
	}
}

// work brings one job through a step, or to where ctx ended.
func (q *Queue) work(ctx context.Context, j Job, validating bool, step func(context.Context, Job) error) error {
	mine, end := context.WithCancel(ctx)
	defer end()
	here := underWay{j.ID, validating}
	q.mu.Lock()
	q.cancel[here] = end
	q.mu.Unlock()
	err := step(mine, j)
	q.mu.Lock()
	delete(q.cancel, here)
	q.mu.Unlock()
	if ctx.Err() != nil {
		return nil // the server stops: the job goes on in the next one
	}
	if err != nil && !errors.Is(err, errUnkept) {
		err = q.fail(j.ID, err)
	}
	if now, gone := q.Job(j.Asked.Tenant, j.ID); gone == nil {
		q.tidy(now)
	}
	return err
}

// fail ends a job with an error: in the words of a Problem, else the user is told where to look. It returns what kept it from that.
func (q *Queue) fail(id string, err error) error {
	p := &Problem{}
	cause := err
	if errors.As(err, &p) {
		cause = nil // its words are the user's
	} else {
		p = &Problem{Code: "training_failed", Message: "The training failed; the server's log tells why."}
	}
	changed, kept := q.set(id, func(j *Job) {
		j.Status, j.Finished, j.Estimate, j.Problem = Failed, q.Now().UTC(), time.Time{}, p
	}, p.Message)
	if changed {
		q.Log.Error("a fine-tuning job failed", "job", id, "code", p.Code, "error", cause)
	}
	return kept
}

// tidy removes what a job that is over has of its files.
func (q *Queue) tidy(j Job) {
	if !j.Status.Over() {
		return
	}
	if err := os.RemoveAll(filepath.Join(q.folder(j.ID), "set")); err != nil {
		q.Log.Warn("the copy of a training file was not removed; the next start tries again", "job", j.ID, "error", err)
	}
}
