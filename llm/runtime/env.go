package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"groundwork/rag"
)

// Oldest Python that the locked packages support.
const (
	minPythonMajor = 3
	minPythonMinor = 11
)

// EnvOptions say where the Python environment is and how it is made.
type EnvOptions struct {
	Dir      string       // models directory
	Python   string       // interpreter to make it with: a path or a name to look for in PATH
	Environ  []string     // of pip: proxies, certificates and indexes are set there; os.Environ in the program
	Name     string       // of its folder; default python
	Lock     []byte       // its packages with their hashes; default those of the model servers
	Size     int64        // bytes that it needs on disk; default 500 MB
	Purpose  string       // for messages; default the model servers
	Command  string       // that makes it, for messages; default groundwork models pull
	Progress func(string) // gets a line for each step; nil: none. Not called when there is nothing to do
}

// Env is a Python environment, that of the model servers unless the options say otherwise: made once from hash-locked
// packages, below the models directory, and touched by nothing else. A different
// lock makes a new one. Safe for concurrent use, also from several processes.
type Env struct {
	opt  EnvOptions
	root string
}

// NewEnv describes the environment; nothing is done before Ensure.
func NewEnv(opt EnvOptions) *Env {
	if opt.Progress == nil {
		opt.Progress = func(string) {}
	}
	if opt.Lock == nil {
		opt.Lock = embedded(lockName)
	}
	opt.Name, opt.Size = cmp.Or(opt.Name, "python"), cmp.Or(opt.Size, 500<<20)
	opt.Purpose, opt.Command = cmp.Or(opt.Purpose, "the model servers"), cmp.Or(opt.Command, "groundwork models pull")
	return &Env{opt: opt, root: filepath.Join(opt.Dir, opt.Name+"-"+digest(opt.Lock))}
}

// Python is the environment's interpreter.
func (e *Env) Python() string { return filepath.Join(e.root, "bin", "python") }

// mark is written last: without it the environment is half made. It holds the Python version.
func (e *Env) mark() string { return filepath.Join(e.root, "complete") }

// Check says whether the environment can be used: nil, or an error with the fix.
func (e *Env) Check(ctx context.Context) error {
	made, err := os.ReadFile(e.mark())
	if err != nil {
		return &rag.Error{Code: rag.CodeUnavailable, Err: err, Message: fmt.Sprintf("The Python environment of %s is not set up; run `%s`.", e.opt.Purpose, e.opt.Command)}
	}
	// An upgraded or removed system Python leaves an environment behind that cannot find its packages.
	now, err := e.version(ctx, e.Python())
	if err == nil && now != string(made) {
		err = fmt.Errorf("made with Python %s, which is now %s", made, now)
	}
	if err != nil {
		return &rag.Error{Code: rag.CodeUnavailable, Err: err, Message: fmt.Sprintf("The Python environment of %s is broken; run `%s` to make it anew.", e.opt.Purpose, e.opt.Command)}
	}
	return nil
}

// Ensure makes the environment unless it is there. A half-made or broken one is made anew.
func (e *Env) Ensure(ctx context.Context) error {
	if e.Check(ctx) == nil {
		return nil
	}
	waiting := func() { e.opt.Progress("Waiting for another process that sets up " + e.opt.Purpose + " …") }
	return locked(ctx, filepath.Join(e.opt.Dir, e.opt.Name+".lock"), waiting, func() error {
		if e.Check(ctx) == nil {
			return nil // the other process has made it
		}
		return e.build(ctx)
	})
}

// Ready is Ensure, for Registry.
func (e *Env) Ready(ctx context.Context) error { return e.Ensure(ctx) }

func (e *Env) build(ctx context.Context) error {
	version, err := e.base(ctx)
	if err != nil {
		return err
	}
	if err := room(e.opt.Dir, e.opt.Size); err != nil {
		return err
	}
	e.opt.Progress("Making the Python environment of " + e.opt.Purpose + " (once) …")
	if err := os.RemoveAll(e.root); err != nil {
		return fmt.Errorf("remove the half-made Python environment: %w", err)
	}
	if err := e.run(ctx, nil, nil, e.opt.Python, "-I", "-m", "venv", e.root); err != nil {
		return &rag.Error{Code: rag.CodeUnavailable, Err: err,
			Message: "Python could not make an environment; install its venv module (on Debian: apt install python3-venv) and run the same command again."}
	}
	lock := filepath.Join(e.root, "requirements.lock")
	if err := writeFile(lock, e.opt.Lock); err != nil {
		return err
	}
	e.opt.Progress("Installing its packages …")
	err = e.run(ctx, nil, e.step, e.Python(), "-I", "-m", "pip", "install", "--no-deps", "--require-hashes",
		"--only-binary", ":all:", "--no-cache-dir", "--progress-bar", "off", "-r", lock)
	if err != nil {
		return &rag.Error{Code: rag.CodeUnavailable, Err: err,
			Message: fmt.Sprintf("The packages of %s could not be installed; check the network (pip's settings for proxies and indexes apply) and run the same command again.", e.opt.Purpose)}
	}
	if err := writeFile(e.mark(), []byte(version)); err != nil {
		return err
	}
	return e.clean()
}

// base finds out whether the configured interpreter will do.
func (e *Env) base(ctx context.Context) (version string, err error) {
	version, err = e.version(ctx, e.opt.Python)
	if err != nil {
		return "", &rag.Error{Code: rag.CodeUnavailable, Err: err, Message: fmt.Sprintf(
			"The local model servers need Python %d.%d or newer and %q does not run; install it or name another one in llm.python.", minPythonMajor, minPythonMinor, e.opt.Python)}
	}
	major, minor, _ := strings.Cut(version, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if err := errors.Join(errA, errB); err != nil {
		return "", fmt.Errorf("version of %s: %w", e.opt.Python, err)
	}
	if a < minPythonMajor || (a == minPythonMajor && b < minPythonMinor) {
		return "", rag.Fail(rag.CodeUnavailable, fmt.Sprintf(
			"The local model servers need Python %d.%d or newer and %q is %s; install a newer one or name it in llm.python.", minPythonMajor, minPythonMinor, e.opt.Python, version))
	}
	return version, nil
}

// version asks an interpreter for its version, such as 3.11.
func (e *Env) version(ctx context.Context, python string) (string, error) {
	var out string
	err := e.run(ctx, nil, func(line string) { out = line }, python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
	return out, err
}

// step passes on what is worth showing of pip's output.
func (e *Env) step(line string) {
	line = strings.TrimSpace(line)
	if verb, _, _ := strings.Cut(line, " "); verb == "Downloading" || verb == "Installing" {
		e.opt.Progress("  " + line)
	}
}

// clean removes environments of older locks and half-made ones of theirs.
func (e *Env) clean() error {
	old, err := filepath.Glob(filepath.Join(e.opt.Dir, e.opt.Name+"-*"))
	if err != nil {
		return fmt.Errorf("look for old environments: %w", err)
	}
	for _, dir := range old {
		if dir == e.root {
			continue
		}
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("remove an old environment: %w", err)
		}
	}
	return nil
}
