package tune

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"groundwork/internal/disk"
	"groundwork/rag"
)

// Manifest says what a training set is and what each of its files holds.
type Manifest struct {
	Created    time.Time         `json:"created"`
	Store      string            `json:"store"`
	Seed       uint64            `json:"seed"`
	Teacher    string            `json:"teacher,omitempty"` // model that was asked for answers
	Prompt     string            `json:"prompt"`            // version of the prompt that the examples have
	Data       string            `json:"data"`              // sha256 of what is trained on (trl/): the same set has the same one, whatever ids its documents have
	Counts     map[string]int    `json:"counts"`            // by kind, by method ("method_table"), train and heldout
	Documents  []Source          `json:"documents"`
	LeftOut    []string          `json:"left_out"` // documents that question sets are about
	CheckedFor []CheckedSet      `json:"checked_for"`
	Code       string            `json:"code"`
	Files      map[string]string `json:"files"` // sha256 by path in the folder
}

// Source is a document that examples were made of.
type Source struct {
	ID      string `json:"id"`
	Path    string `json:"path"`
	Version int    `json:"version"`
}

// CheckedSet is a question set that the examples have nothing of.
type CheckedSet struct {
	Name      string `json:"name"`
	SHA256    string `json:"sha256"`
	Questions int    `json:"questions"`
}

//go:embed axolotl.yaml
var axolotl []byte

const (
	trainFile    = "train.jsonl"
	heldOutFile  = "heldout.jsonl"
	manifestFile = "manifest.json"
)

// Write writes examples below dir in every form: its own with all origins, and those of TRL, Axolotl and
// OpenAI's fine-tuning. The manifest comes last; without it a set is not whole.
func Write(dir string, examples []Example, m Manifest) (Manifest, error) {
	if err := os.RemoveAll(filepath.Join(dir, manifestFile)); err != nil {
		return m, fmt.Errorf("replace the training set: %w", err)
	}
	files := map[string][]byte{"axolotl/config.yaml": axolotl}
	m.Counts = map[string]int{"train": 0, "heldout": 0}
	seen := map[string]bool{}
	m.Documents = []Source{}
	for _, name := range []string{trainFile, heldOutFile, "trl/" + trainFile, "trl/" + heldOutFile, "axolotl/" + trainFile, "axolotl/" + heldOutFile, "openai/" + trainFile, "openai/" + heldOutFile} {
		files[name] = []byte{}
	}
	for _, e := range examples {
		file := trainFile
		if e.HeldOut {
			file = heldOutFile
		}
		m.Counts[file[:len(file)-len(".jsonl")]]++
		m.Counts[string(e.Kind)]++
		m.Counts["method_"+e.Method]++
		if e.Teacher != "" {
			m.Counts["taught"]++
		}
		if !seen[e.Gold.DocumentID] {
			seen[e.Gold.DocumentID] = true
			m.Documents = append(m.Documents, Source{e.Gold.DocumentID, e.Gold.Path, e.Gold.Version})
		}
		last := len(e.Messages) - 1
		chat := map[string]any{"messages": e.Messages}
		for name, v := range map[string]any{
			file: e, "trl/" + file: map[string]any{"prompt": e.Messages[:last], "completion": e.Messages[last:]},
			"axolotl/" + file: chat, "openai/" + file: chat,
		} {
			raw, err := line(v)
			if err != nil {
				return m, err
			}
			files[name] = append(files[name], raw...)
		}
	}
	m.Prompt, m.Files = rag.PromptVersion, map[string]string{}
	m.Data = digest(append(append([]byte(nil), files["trl/"+trainFile]...), files["trl/"+heldOutFile]...))
	for name, data := range files {
		if err := writeFile(filepath.Join(dir, name), data); err != nil {
			return m, err
		}
		m.Files[name] = digest(data)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, fmt.Errorf("write the manifest: %w", err)
	}
	return m, writeFile(filepath.Join(dir, manifestFile), append(raw, '\n'))
}

// line is v as one line of JSON, without HTML escapes.
func line(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write an example: %w", err)
	}
	return b.Bytes(), nil
}

// Read reads a training set back and compares every file with its manifest.
func Read(dir string) (Manifest, []Example, error) {
	var m Manifest
	raw, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil, fmt.Errorf("%s holds no training set: make one with `groundwork tune dataset --out %s`", dir, dir)
	}
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return m, nil, fmt.Errorf("read the manifest: %w", err)
	}
	for name, want := range m.Files {
		if !filepath.IsLocal(name) {
			return m, nil, fmt.Errorf("the manifest names %q, which is outside the set", name)
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return m, nil, fmt.Errorf("read the training set: %w", err)
		}
		if digest(data) != want {
			return m, nil, fmt.Errorf("%s is not what the manifest says; make the set anew", filepath.Join(dir, name))
		}
	}
	var examples []Example
	for _, name := range []string{trainFile, heldOutFile} {
		some, err := readExamples(filepath.Join(dir, name))
		if err != nil {
			return m, nil, err
		}
		for i := range some {
			some[i].HeldOut = name == heldOutFile
		}
		examples = append(examples, some...)
	}
	return m, examples, nil
}

func readExamples(file string) ([]Example, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the training set: %w", err)
	}
	var out []Example
	dec := json.NewDecoder(bytes.NewReader(raw))
	for dec.More() {
		var e Example
		if err := dec.Decode(&e); err != nil {
			return nil, fmt.Errorf("%s, example %d: %w", file, len(out)+1, err)
		}
		if len(e.Messages) < 2 || e.Messages[len(e.Messages)-1].Role != "assistant" {
			return nil, fmt.Errorf("%s, example %d: messages must end with the assistant's answer", file, len(out)+1)
		}
		out = append(out, e)
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
