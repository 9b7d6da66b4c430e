// Package runs keeps evaluation runs on disk: what made each one, and the
// outcome of every question, durable as soon as it is known. A run that broke
// off goes on where it stopped.
package runs

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"groundwork/eval"
)

// Made is what a run was asked to do and with what. Two runs that are made of
// the same are re-runs of each other. What the server alone knows (prompt, index
// generation, code …) is in the outcomes' fingerprints.
type Made struct {
	Label         string `json:"label,omitempty"` // the user's own word for it
	Server        string `json:"server,omitempty"`
	Store         string `json:"store,omitempty"`  // empty: without retrieval
	Corpus        string `json:"corpus,omitempty"` // hash of the store's documents: names and contents
	Questions     string `json:"questions"`        // hash of the question set
	QuestionsFile string `json:"questions_file"`
	K             int    `json:"k,omitempty"`          // passages that count as found
	Model         string `json:"model,omitempty"`      // name it was asked by; empty: retrieval alone
	Adapter       string `json:"adapter,omitempty"`    // as asked for
	Client        string `json:"client,omitempty"`     // version of the program that asked
	Comparison    string `json:"comparison,omitempty"` // id of the comparison that it is a cell of
	Cell          string `json:"cell,omitempty"`       // name there
}

// Run is one stored run.
type Run struct {
	ID        string    `json:"id"`
	Made      Made      `json:"made"`
	Questions int       `json:"questions"` // to be asked
	Started   time.Time `json:"started"`
	Finished  time.Time `json:"finished,omitzero"` // zero: it broke off, or is under way
}

// Done reports whether every question was asked.
func (r Run) Done() bool { return !r.Finished.IsZero() }

// Store is a folder of runs, one folder each: run.json and outcomes.jsonl.
type Store struct{ dir string }

const (
	runFile      = "run.json"
	outcomesFile = "outcomes.jsonl"
)

// In is the store in a folder, which is made when the first run begins.
func In(dir string) Store { return Store{dir} }

// List gives all runs, newest first.
func (s Store) List() ([]Run, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	var out []Run
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(s.dir, e.Name(), runFile))
		if errors.Is(err, fs.ErrNotExist) || !e.IsDir() {
			continue // begun and killed before it was written down
		}
		if err != nil {
			return nil, fmt.Errorf("list the runs: %w", err)
		}
		var r Run
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("run %s: %w", e.Name(), err)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Run) int { return cmp.Or(b.Started.Compare(a.Started), strings.Compare(b.ID, a.ID)) })
	return out, nil
}

// Load reads a run by its id, the beginning of one, or "last" for the newest, with
// the outcomes known so far in the order they came in.
func (s Store) Load(id string) (Run, []eval.Outcome, error) {
	all, err := s.List()
	if err != nil {
		return Run{}, nil, err
	}
	var fit []Run
	for i, r := range all {
		if r.ID == id || id == "last" && i == 0 {
			fit = []Run{r}
			break
		}
		if id != "" && strings.HasPrefix(r.ID, id) {
			fit = append(fit, r)
		}
	}
	switch len(fit) {
	case 0:
		return Run{}, nil, fmt.Errorf("there is no run %q; `groundwork eval list` shows them", id)
	case 1:
		outcomes, _, err := readOutcomes(filepath.Join(s.dir, fit[0].ID, outcomesFile))
		return fit[0], outcomes, err
	default:
		return Run{}, nil, fmt.Errorf("%d runs begin with %q; give more of the id", len(fit), id)
	}
}

// readOutcomes gives the outcomes and the length of the file up to the last whole
// line: a process that was killed may have left half a line. Of a question that
// comes twice (two processes went on with one run) the first counts.
func readOutcomes(path string) (out []eval.Outcome, whole int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the outcomes: %w", err)
	}
	defer file.Close()
	seen := map[string]bool{}
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil { // what has no end of line was not written whole
			return out, whole, nil
		}
		var o eval.Outcome
		if err := json.Unmarshal(line, &o); err != nil {
			return nil, 0, fmt.Errorf("%s is damaged at byte %d: %w", path, whole, err)
		}
		whole += int64(len(line))
		if !seen[o.ID] {
			out = append(out, o)
		}
		seen[o.ID] = true
	}
}
