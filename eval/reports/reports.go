// Package reports keeps the reports of comparisons on disk: one folder each, with what
// was set up, the questions, and the finished report as JSON and HTML.
package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"groundwork/internal/disk"
)

// The files of a comparison.
const (
	Setup     = "comparison.json" // what is compared; there as soon as it has begun
	Questions = "questions.jsonl"
	JSON      = "report.json"
	HTML      = "report.html"
)

// Store is a folder of comparisons.
type Store struct{ dir string }

// In is the store in a folder, which is made when the first comparison begins.
func In(dir string) Store { return Store{dir} }

// List gives the ids, newest first: an id begins with its time.
func (s Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the comparisons: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(s.dir, e.Name(), Setup)); err == nil {
			ids = append(ids, e.Name())
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}

// Find is the id that begins so; "last" is the newest.
func (s Store) Find(id string) (string, error) {
	ids, err := s.List()
	if err != nil {
		return "", err
	}
	var fit []string
	for _, known := range ids {
		if known == id || id == "last" {
			return known, nil
		}
		if id != "" && strings.HasPrefix(known, id) {
			fit = append(fit, known)
		}
	}
	if len(fit) != 1 {
		return "", fmt.Errorf("%d comparisons begin with %q; `groundwork compare list` shows them: %w", len(fit), id, fs.ErrNotExist)
	}
	return fit[0], nil
}

// Read gives a file of a comparison. An error wraps fs.ErrNotExist where there is no such comparison or file.
func (s Store) Read(id, name string) ([]byte, error) {
	if id == "" || id != filepath.Base(id) || strings.HasPrefix(id, ".") {
		return nil, fmt.Errorf("%q is no comparison: %w", id, fs.ErrNotExist)
	}
	return os.ReadFile(filepath.Join(s.dir, id, name))
}

// Load reads a JSON file of a comparison.
func (s Store) Load(id, name string, into any) error {
	raw, err := s.Read(id, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s of comparison %s: %w", name, id, err)
	}
	return nil
}

// Save puts a file of a comparison in the place of an older one: whole or not at all, and on the disk when it returns.
func (s Store) Save(id, name string, content []byte) error {
	if err := disk.Replace(filepath.Join(s.dir, id, name), content); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}
