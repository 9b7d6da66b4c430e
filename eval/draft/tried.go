package draft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// Made is what drafts are made of and with: to go on with a file, all of it must be the same.
type Made struct {
	Store  string `json:"store"`
	Corpus string `json:"corpus"` // hash of the store's documents: names and contents
	Seed   uint64 `json:"seed"`
	Model  string `json:"model"`
	Prompt string `json:"prompt"`
}

// Tried is what was tried for a file of drafts and what became of it (FILE.tried): what is in it is not tried again.
type Tried struct {
	path string
	Done map[string]bool
	Why  map[Kind]map[Reason]int // of what was thrown out
}

// attempt is one line of a Tried, but for the first, which is Made.
type attempt struct {
	Candidate string `json:"candidate"`
	Kind      Kind   `json:"kind"`
	Reason    Reason `json:"thrown_out_because,omitempty"`
}

// OpenTried reads what was tried, or begins. A file that was made of something else is an error that tells what to do.
func (f File) OpenTried(made Made) (*Tried, error) {
	made.Prompt = promptVersion
	t := &Tried{path: f.Path + ".tried", Done: map[string]bool{}, Why: map[Kind]map[Reason]int{}}
	drafts, err := f.Read()
	if err != nil {
		return nil, err
	}
	for _, d := range drafts { // a kill may have come between the draft and the note of it
		t.Done[d.candidate()] = true
	}
	raw, err := os.ReadFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, t.begin(f, made)
	}
	if err != nil {
		return nil, fmt.Errorf("read what was tried: %w", err)
	}
	whole := raw[:bytes.LastIndexByte(raw, '\n')+1] // what has no end of line was not written whole
	lines := bytes.Split(bytes.TrimSpace(whole), []byte("\n"))
	var before Made
	if err := json.Unmarshal(lines[0], &before); err != nil {
		return nil, fmt.Errorf("%s is damaged; remove it to begin anew: %w", t.path, err)
	}
	if before != made {
		return nil, fmt.Errorf("%s was drafted from other documents, or with another model, seed or prompt; choose another --out, or --fresh to add to it all the same", f.Path)
	}
	for _, l := range lines[1:] {
		var a attempt
		if err := json.Unmarshal(l, &a); err != nil {
			return nil, fmt.Errorf("%s is damaged; remove it to begin anew: %w", t.path, err)
		}
		t.count(a)
	}
	return t, os.Truncate(t.path, int64(len(whole)))
}

// Forget removes what is known of earlier tries.
func (f File) Forget() error {
	err := os.Remove(f.Path + ".tried")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (t *Tried) begin(f File, made Made) error {
	unlock, err := f.lock() // makes the folder
	if err != nil {
		return err
	}
	defer unlock()
	raw, err := json.Marshal(made)
	if err != nil {
		return err
	}
	return replaceFile(t.path, append(raw, '\n'))
}

func (t *Tried) count(a attempt) {
	t.Done[a.Candidate] = true
	if a.Reason == "" {
		return
	}
	if t.Why[a.Kind] == nil {
		t.Why[a.Kind] = map[Reason]int{}
	}
	t.Why[a.Kind][a.Reason]++
}

// Note keeps what became of a candidate; it is on the disk when Note returns.
func (t *Tried) Note(o Outcome) error {
	a := attempt{o.Candidate, o.Kind, o.Reason}
	raw, err := json.Marshal(a)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(t.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("note what was tried: %w", err)
	}
	_, err = file.Write(append(raw, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("note what was tried: %w", err)
	}
	t.count(a)
	return nil
}

// Lines are the counts of what was thrown out, by kind and reason, in a fixed order.
func (t *Tried) Lines() []string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(t.Why)) {
		for _, reason := range slices.Sorted(maps.Keys(t.Why[kind])) {
			out = append(out, fmt.Sprintf("%5d  %-14s %s", t.Why[kind][reason], kind, reason))
		}
	}
	return out
}
