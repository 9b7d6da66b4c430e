package runtime

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"time"
)

const shownStderr = 2000 // bytes of a failed command's stderr in its error

// run runs a command of the set-up. stdin may be nil; line (may be nil) gets each line of stdout.
// The error ends with what the command wrote to stderr last.
func (e *Env) run(ctx context.Context, stdin io.Reader, line func(string), name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdin, cmd.Dir = setupEnviron(e.opt.Environ), stdin, e.opt.Dir
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = childAttr()
	cmd.Cancel = func() error { return killGroup(cmd, syscall.SIGKILL) }
	stderr := &tail{limit: shownStderr}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	goruntime.LockOSThread() // see childAttr
	defer goruntime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if line != nil {
			line(lines.Text())
		}
	}
	_, drained := io.Copy(io.Discard, out) // a line that is too long must not block the command
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, complaint(string(stderr.kept)))
	}
	return drained
}

// complaint is what a person wants to read of stderr: pip's errors without the warnings before them.
func complaint(stderr string) string {
	var errs []string
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "ERROR") {
			errs = append(errs, strings.TrimSpace(line))
		}
	}
	if len(errs) == 0 {
		return strings.TrimSpace(stderr)
	}
	return strings.Join(errs, " ")
}

// setupEnviron is the environment of pip and jgo: the user's, for proxies,
// certificates and indexes, without what would lead packages elsewhere and
// without Groundwork's own settings, which may be secrets.
func setupEnviron(environ []string) []string {
	var out []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "GROUNDWORK_"), strings.HasPrefix(name, "PYTHON"),
			name == "VIRTUAL_ENV", name == "__PYVENV_LAUNCHER__",
			name == "PIP_TARGET", name == "PIP_PREFIX", name == "PIP_ROOT", name == "PIP_USER",
			name == "PIP_REQUIREMENT", name == "PIP_CONSTRAINT", name == "PIP_NO_BINARY", name == "PIP_PYTHON":
			continue
		}
		out = append(out, kv)
	}
	return append(out, "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1")
}

// Wheel downloads a wheel with pip.
func (e *Env) Wheel(ctx context.Context, dir, pkg, version, sha256 string, report func(done int64)) (string, error) {
	list := filepath.Join(dir, "requirement.txt")
	if err := os.WriteFile(list, fmt.Appendf(nil, "%s==%s --hash=sha256:%s\n", pkg, version, sha256), 0o600); err != nil {
		return "", fmt.Errorf("write the requirement: %w", err)
	}
	err := e.run(ctx, nil, func(line string) { progressLine(line, report) }, e.Python(), "-I", "-u", "-m", "pip", "download", "--no-deps",
		"--require-hashes", "--only-binary", ":all:", "--no-cache-dir", "--progress-bar", "raw", "-d", dir, "-r", list)
	if err != nil {
		return "", fmt.Errorf("download %s: %w", pkg, err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d wheels came instead of one", len(found))
	}
	if err != nil {
		return "", fmt.Errorf("download %s: %w", pkg, err)
	}
	return found[0], nil
}

// Jar downloads a Maven artifact with jgo.
func (e *Env) Jar(ctx context.Context, dir, artifact string, report func(done int64)) (string, error) {
	path, err := script(e.opt.Dir, "fetch_jar.py")
	if err != nil {
		return "", err
	}
	settings, err := json.Marshal(map[string]string{"artifact": artifact, "dir": dir})
	if err != nil {
		return "", fmt.Errorf("download %s: %w", artifact, err)
	}
	var jar string
	err = e.run(ctx, strings.NewReader(string(settings)+"\n"), func(line string) {
		if at, ok := strings.CutPrefix(line, "Path "); ok {
			jar = at
		}
		progressLine(line, report)
	}, e.Python(), "-I", "-u", path)
	if err == nil && jar == "" {
		err = errors.New("no file came")
	}
	if err != nil {
		return "", fmt.Errorf("download %s: %w", artifact, err)
	}
	return jar, nil
}

// progressLine reads "Progress 1024 of 2048", as pip and fetch_jar.py print it.
func progressLine(line string, report func(done int64)) {
	var done, total int64
	if n, _ := fmt.Sscanf(line, "Progress %d of %d", &done, &total); n == 2 {
		report(done)
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append([]byte(nil), t.kept[over:]...)
	}
	return len(p), nil
}
