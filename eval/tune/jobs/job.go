package jobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"groundwork/internal/disk"
)

// Status is where a job is, in OpenAI's words.
type Status string

// The statuses.
const (
	Validating Status = "validating_files"
	Queued     Status = "queued"
	Running    Status = "running"
	Succeeded  Status = "succeeded"
	Failed     Status = "failed"
	Cancelled  Status = "cancelled"
)

// Over reports whether nothing more will happen.
func (s Status) Over() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Request is what a job is asked to do. Zero settings are the trainer's own.
type Request struct {
	Tenant         string            `json:"tenant"`
	Model          string            `json:"model"` // of the catalogue
	TrainingFile   string            `json:"training_file"`
	ValidationFile string            `json:"validation_file,omitempty"`
	Epochs         int               `json:"n_epochs,omitempty"`
	Batch          int               `json:"batch_size,omitempty"`
	Rate           float64           `json:"learning_rate_multiplier,omitempty"` // times the trainer's own rate
	Suffix         string            `json:"suffix,omitempty"`                   // the adapter's name
	Seed           int               `json:"seed,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
}

// Problem says why a job failed: Code exactly, Param the field at fault. It holds nothing of the files.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
}

func (p *Problem) Error() string { return p.Message }

// Job is one fine-tuning job, as its folder keeps it (job.json).
type Job struct {
	ID       string    `json:"id"`
	Asked    Request   `json:"asked"`
	Status   Status    `json:"status"`
	Created  time.Time `json:"created"`
	Finished time.Time `json:"finished,omitzero"`
	Estimate time.Time `json:"estimate,omitzero"` // of the end
	Adapter  string    `json:"adapter,omitempty"` // name in the registry, once it is there
	Problem  *Problem  `json:"problem,omitempty"`
}

// AdapterName is the name that the job's adapter gets.
func (j Job) AdapterName() string {
	if j.Asked.Suffix != "" {
		return j.Asked.Suffix
	}
	return "ft-" + j.ID[len(j.ID)-8:]
}

// Event is a line of a job's history.
type Event struct {
	ID      string             `json:"id"`
	Created time.Time          `json:"created"`
	Level   string             `json:"level"` // info, warn or error
	Message string             `json:"message"`
	Data    map[string]float64 `json:"data,omitempty"` // figures of a step
}

func (q *Queue) folder(id string) string { return filepath.Join(q.Dir, id) }

// read gives all jobs that were kept.
func (q *Queue) read() (map[string]*Job, error) {
	files, err := filepath.Glob(filepath.Join(q.Dir, "ftjob-*", "job.json"))
	if err != nil {
		return nil, fmt.Errorf("list the fine-tuning jobs: %w", err)
	}
	out := map[string]*Job{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		j := &Job{}
		if err == nil {
			err = json.Unmarshal(raw, j)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		out[j.ID] = j
	}
	return out, nil
}

// save puts a job on the disk.
func (q *Queue) save(j Job) error {
	raw, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(q.folder(j.ID), "job.json"), raw)
}

// note adds to a job's history. What is lost of it in a crash is no harm.
func (q *Queue) note(id, level, message string, data map[string]float64) {
	e := Event{ID: "ftevent-" + randomID(), Created: q.Now().UTC(), Level: level, Message: message, Data: data}
	raw, err := json.Marshal(e)
	if err == nil {
		var file *os.File
		if file, err = os.OpenFile(filepath.Join(q.folder(id), "events.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			_, err = file.Write(append(raw, '\n'))
			err = errors.Join(err, file.Close())
		}
	}
	if err != nil {
		q.Log.Warn("an event of a fine-tuning job was not kept", "job", id, "error", err)
	}
}

// Events is a job's history, newest first.
func (q *Queue) Events(tenant, id string) ([]Event, error) {
	if _, err := q.Job(tenant, id); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(q.folder(id), "events.jsonl"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the events: %w", err)
	}
	var out []Event
	for line := range bytes.Lines(raw) {
		var e Event
		if json.Unmarshal(line, &e) == nil { // half a line was being written
			out = append([]Event{e}, out...)
		}
	}
	return out, nil
}

// writeFile replaces a file in one step.
func writeFile(path string, data []byte) error {
	if err := disk.Replace(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
