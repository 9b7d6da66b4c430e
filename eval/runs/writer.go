package runs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"groundwork/eval"
	"groundwork/internal/disk"
)

// Writer adds outcomes to a run. It is safe for concurrent use; Close it.
type Writer struct {
	dir      string
	run      Run
	outcomes []eval.Outcome // known before

	mu    sync.Mutex
	file  *os.File
	print eval.Fingerprint // of the first answer; all others must have the same
}

// Begin starts a run over so many questions, or goes on with the newest one that
// is made of the same and did not finish. fresh always starts a new one.
func (s Store) Begin(made Made, questions int, fresh bool) (*Writer, error) {
	w := &Writer{run: Run{Made: made, Questions: questions, Started: time.Now().UTC()}}
	if !fresh {
		all, err := s.List()
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if r.Made == made && r.Questions == questions && !r.Done() {
				w.run = r
				break
			}
		}
	}
	if w.run.ID != "" {
		w.dir = filepath.Join(s.dir, w.run.ID)
		return w, w.open()
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the runs: %w", err)
	}
	dir, err := os.MkdirTemp(s.dir, w.run.Started.Format("20060102-150405-"))
	if err != nil {
		return nil, fmt.Errorf("make a folder for the run: %w", err)
	}
	w.dir, w.run.ID = dir, filepath.Base(dir)
	if err := w.save(); err != nil {
		return nil, err
	}
	return w, w.open()
}

// open reads what is known and makes ready to add to it.
func (w *Writer) open() error {
	path := filepath.Join(w.dir, outcomesFile)
	known, whole, err := readOutcomes(path)
	if err != nil {
		return err
	}
	w.outcomes = known
	for _, o := range known {
		if o.Fingerprint != (eval.Fingerprint{}) {
			w.print = lasting(o.Fingerprint)
			break
		}
	}
	w.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		err = w.file.Truncate(whole)
	}
	if err == nil {
		err = disk.Sync(w.dir)
	}
	if err != nil {
		return fmt.Errorf("open the run: %w", err)
	}
	return nil
}

// Run is what is being written.
func (w *Writer) Run() Run { return w.run }

// Known are the outcomes that were there when the run was begun.
func (w *Writer) Known() []eval.Outcome { return w.outcomes }

// Add keeps an outcome; it is on the disk when Add returns. An answer of another
// make than those before it (another prompt, index, code …) is an error: the run would mean nothing.
func (w *Writer) Add(o eval.Outcome) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	made := lasting(o.Fingerprint)
	if w.print == (eval.Fingerprint{}) {
		w.print = made
	}
	if made != (eval.Fingerprint{}) && made != w.print {
		return fmt.Errorf("the server changed during the run: answers were made by %+v, and question %s by %+v; start a new run (--fresh)", w.print, o.ID, made)
	}
	if _, err := w.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the outcome: %w", err)
	}
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("write the outcome: %w", err)
	}
	return nil
}

// lasting is a fingerprint without the index's generation, which counts changes of every store: what the
// store that is asked holds is in Made.Corpus.
func lasting(f eval.Fingerprint) eval.Fingerprint {
	f.IndexGeneration = 0
	return f
}

// Finish notes that every question was asked.
func (w *Writer) Finish() error {
	w.run.Finished = time.Now().UTC()
	return w.save()
}

// Close ends writing; the run can be gone on with unless Finish was called.
func (w *Writer) Close() error { return w.file.Close() }

// save puts run.json in the place of the old one, whole or not at all.
func (w *Writer) save() error {
	raw, err := json.MarshalIndent(w.run, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, runFile)
	if err := disk.Replace(path, raw); err != nil {
		return fmt.Errorf("write the run: %w", err)
	}
	return nil
}
