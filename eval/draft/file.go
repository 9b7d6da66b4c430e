package draft

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"groundwork/internal/disk"
)

// File is a file of drafts (JSONL). Whoever adds to it and whoever reviews it may be at it at the same time.
type File struct{ Path string }

// Read gives all drafts, in the order in which they were made. A missing file has none.
func (f File) Read() ([]Draft, error) {
	raw, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the drafts: %w", err)
	}
	return Parse(raw)
}

// Parse reads drafts as a file holds them. Errors name the line.
func Parse(raw []byte) ([]Draft, error) {
	var out []Draft
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var d Draft
		err := json.Unmarshal(lines.Bytes(), &d)
		if err == nil {
			err = d.Check()
		}
		if err == nil && seen[d.ID] {
			err = fmt.Errorf("the id %s is there twice", d.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the drafts: %w", n, err)
		}
		seen[d.ID] = true
		out = append(out, d)
	}
	return out, lines.Err()
}

// ErrNoDraft says that there is no draft of that id.
var ErrNoDraft = fmt.Errorf("there is no such draft: %w", fs.ErrNotExist)

// Edit changes one draft; the change is on the disk when it returns. An edit that cannot be is a *Refused.
func (f File) Edit(id string, e Edit, now time.Time) (changed Draft, err error) {
	if _, err := os.Stat(f.Path); errors.Is(err, fs.ErrNotExist) {
		return changed, ErrNoDraft
	}
	err = f.change(func(all []Draft) ([]Draft, error) {
		at := slices.IndexFunc(all, func(d Draft) bool { return d.ID == id })
		if at < 0 {
			return nil, ErrNoDraft
		}
		if changed, err = e.Apply(all[at], now); err != nil {
			return nil, &Refused{err}
		}
		all[at] = changed
		return all, nil
	})
	return changed, err
}

// Refused is an edit that would leave something that is no question.
type Refused struct{ Why error }

func (r *Refused) Error() string { return r.Why.Error() }

// Put takes over a person's edit of the whole file: what it says of drafts that are there. Drafts that it does not have are dropped.
func (f File) Put(edited []Draft, now time.Time) error {
	by := map[string]Draft{}
	for _, d := range edited {
		by[d.ID] = d
	}
	return f.change(func(all []Draft) ([]Draft, error) {
		for i, d := range all {
			other, there := by[d.ID]
			if !there {
				other = d
				other.Status = "dropped"
			}
			delete(by, d.ID)
			if line(other) != line(d) {
				other.Provenance.Reviewed = now.UTC()
				other.Provenance.Edited = d.Provenance.Edited || other.Question.Question != d.Question.Question || other.Answer != d.Answer
				all[i] = other
			}
		}
		for id := range by {
			return nil, &Refused{fmt.Errorf("%s is not among the drafts: a question of your own belongs into a file of your own", id)}
		}
		return all, nil
	})
}

func line(d Draft) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(d) // it has no value that JSON lacks
	return b.String()
}

// Add appends a draft; it is on the disk when Add returns.
func (f File) Add(d Draft) error {
	return f.change(func(all []Draft) ([]Draft, error) { return append(all, d), nil })
}

// change reads, changes and replaces the file as a whole, while nobody else does.
func (f File) change(how func([]Draft) ([]Draft, error)) error {
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	all, err := f.Read()
	if err != nil {
		return err
	}
	if all, err = how(all); err != nil {
		return err
	}
	var b strings.Builder
	for _, d := range all {
		b.WriteString(line(d))
	}
	return replaceFile(f.Path, []byte(b.String()))
}

func (f File) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return nil, fmt.Errorf("keep the drafts: %w", err)
	}
	lock, err := os.OpenFile(f.Path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the drafts: %w", err)
	}
	return func() { _ = lock.Close() }, nil // which gives the lock back
}

func replaceFile(path string, content []byte) error {
	if err := disk.Replace(path, content); err != nil {
		return fmt.Errorf("keep the drafts: %w", err)
	}
	return nil
}

// Counts are drafts by status.
func Counts(all []Draft) map[string]int {
	out := map[string]int{"draft": 0, "accepted": 0, "dropped": 0}
	for _, d := range all {
		out[string(d.Status)]++
	}
	return out
}

// Folder is where a data directory keeps its files of drafts: one for each name.
type Folder struct{ Dir string }

// Names are those of the files, in order.
func (f Folder) Names() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(f.Dir, "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("list the drafts: %w", err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".jsonl")
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names, nil
}

// File is that of a name; ok is false for what cannot be one.
func (f Folder) File(name string) (file File, ok bool) {
	ok = name != "" && name == filepath.Base(name) && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\\\x00")
	return File{filepath.Join(f.Dir, name+".jsonl")}, ok
}
