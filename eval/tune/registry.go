package tune

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"groundwork/internal/disk"
)

// Adapter is one version of an adapter, as the registry keeps it (adapter.json).
// Versions of one name count up and are never used again while a newer one is there.
type Adapter struct {
	Name    string             `json:"name"`
	Version int                `json:"version"`
	Base    Base               `json:"base"` // the only model it may be served with
	Data    string             `json:"data"` // sha256 of the training set; empty: not known
	Metrics map[string]float64 `json:"metrics"`
	Licence string             `json:"licence"` // a note: of the base, and what its data allows
	Run     string             `json:"run,omitempty"`
	Created time.Time          `json:"created"`
	SHA256  string             `json:"sha256"` // of the file

	dir string
}

// File is the adapter as llama.cpp reads it.
func (a Adapter) File() string { return filepath.Join(a.dir, "adapter.gguf") }

// Folder is the adapter as vLLM reads it; it may be absent.
func (a Adapter) Folder() string { return filepath.Join(a.dir, "peft") }

// Tag is its name with its version.
func (a Adapter) Tag() string { return a.Name + "-v" + strconv.Itoa(a.Version) }

// Registry keeps adapters in a folder: NAME/vN.
type Registry struct{ Root string }

// All are all versions, by name and version. An adapter whose file is not what was registered is an error.
func (r Registry) All() ([]Adapter, error) {
	files, err := filepath.Glob(filepath.Join(r.Root, "*", "v*", "adapter.json"))
	if err != nil {
		return nil, fmt.Errorf("list the adapters: %w", err)
	}
	var out []Adapter
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is being removed
		}
		a := Adapter{dir: filepath.Dir(file)}
		if err == nil {
			err = json.Unmarshal(raw, &a)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Adapter) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version)) })
	return out, nil
}

// Serving are the newest versions of every name that was made for base.
func (r Registry) Serving(base Base) ([]Adapter, error) {
	all, err := r.All()
	var out []Adapter
	for i, a := range all {
		newest := i+1 == len(all) || all[i+1].Name != a.Name
		if newest && a.Base.Model == base.Model && (base.SHA256 == "" || a.Base.SHA256 == base.SHA256) {
			out = append(out, a)
		}
	}
	return out, err
}

// Register copies an adapter's file, and folder when there is one, into the
// registry as the next version of its name. It is there as a whole or not at all,
// and on the disk when Register returns.
func (r Registry) Register(a Adapter, file, folder string) (Adapter, error) {
	if err := CheckName(a.Name); err != nil {
		return a, err
	}
	if err := fits(file, a.Base.File); err != nil {
		return a, err
	}
	all, err := r.All()
	if err != nil {
		return a, err
	}
	a.Version, a.Created = 1, time.Now().UTC()
	for _, other := range all {
		if other.Name == a.Name {
			a.Version = other.Version + 1
		}
	}
	if err := disk.Make(filepath.Join(r.Root, a.Name)); err != nil {
		return a, fmt.Errorf("register the adapter: %w", err)
	}
	made, err := os.MkdirTemp(r.Root, ".new-*")
	if err != nil {
		return a, fmt.Errorf("register the adapter: %w", err)
	}
	defer os.RemoveAll(made) //nolint:errcheck // renamed already when all went well
	if err := copyFile(filepath.Join(made, "adapter.gguf"), file); err != nil {
		return a, err
	}
	raw, err := os.ReadFile(filepath.Join(made, "adapter.gguf"))
	if err != nil {
		return a, fmt.Errorf("register the adapter: %w", err)
	}
	a.SHA256 = digest(raw)
	for _, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
		if _, err := os.Stat(filepath.Join(folder, name)); folder == "" || err != nil {
			continue
		}
		if err := copyFile(filepath.Join(made, "peft", name), filepath.Join(folder, name)); err != nil {
			return a, err
		}
	}
	card, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return a, fmt.Errorf("register the adapter: %w", err)
	}
	if err := writeFile(filepath.Join(made, "adapter.json"), append(card, '\n')); err != nil {
		return a, err
	}
	a.dir = filepath.Join(r.Root, a.Name, "v"+strconv.Itoa(a.Version))
	if err := disk.Move(made, a.dir); err != nil {
		return a, fmt.Errorf("register the adapter: %w", err)
	}
	return a, nil
}

// Remove takes out NAME (all versions) or NAME-vN.
func (r Registry) Remove(name string) (removed []Adapter, err error) {
	all, err := r.All()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if a.Name != name && a.Tag() != name {
			continue
		}
		if err := os.RemoveAll(a.dir); err != nil {
			return removed, fmt.Errorf("remove the adapter: %w", err)
		}
		removed = append(removed, a)
	}
	if len(removed) == 0 {
		return nil, fmt.Errorf("there is no adapter %q; `groundwork tune adapters` lists them", name)
	}
	return removed, nil
}

// fits tells whether file is a LoRA adapter for the architecture of base.
func fits(file, base string) error {
	have, err := ggufStrings(file)
	if err != nil {
		return err
	}
	if have["general.type"] != "adapter" || have["adapter.type"] != "lora" {
		return fmt.Errorf("%s is no LoRA adapter", file)
	}
	want, err := ggufStrings(base)
	if err != nil {
		return err
	}
	if a, b := have["general.architecture"], want["general.architecture"]; a != b {
		return fmt.Errorf("%s is for the architecture %s and the model has %s", file, a, b)
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy the adapter: %w", err)
	}
	defer in.Close()
	if err := disk.Make(filepath.Dir(to)); err != nil {
		return fmt.Errorf("copy the adapter: %w", err)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy the adapter: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		err = disk.Sync(filepath.Dir(to))
	}
	if err != nil {
		return fmt.Errorf("copy the adapter: %w", err)
	}
	return nil
}

// Key names a set of adapters: it changes when one is added, renewed or removed.
func Key(adapters []Adapter) string {
	var parts []string
	for _, a := range adapters {
		parts = append(parts, a.Tag()+"="+a.SHA256)
	}
	return strings.Join(parts, " ")
}
