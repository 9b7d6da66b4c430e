package tune

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

//go:embed python/train.py python/convert.py
var scripts embed.FS

// Lock are the packages that training needs, with their hashes.
//
//go:embed python/requirements.lock
var Lock []byte

// Trainer is the Python environment that trains.
type Trainer struct {
	Python  string   // interpreter with the packages of Lock
	Environ []string // of the process: PATH, HOME and what CUDA needs
	Dir     string   // for the scripts
	Bases   string   // for unpacked bases, which are kept
	Threads int      // 0: the trainer's choice
}

// stopGrace is how long a step may take to its end when a run is told to stop.
const stopGrace = 2 * time.Minute

var errStopped = errors.New("stopped")

// run runs a script to its end with settings as one line on its stdin, and hands on every line of progress.
func (t Trainer) run(ctx context.Context, script string, settings map[string]any, log string, each func(raw []byte, p Progress) error) (last Progress, err error) {
	program, err := t.script(script)
	if err != nil {
		return last, err
	}
	line, err := json.Marshal(settings)
	if err != nil {
		return last, fmt.Errorf("encode the settings: %w", err)
	}
	complaints, err := os.Create(log)
	if err != nil {
		return last, fmt.Errorf("keep the trainer's log: %w", err)
	}
	defer complaints.Close() // nothing was promised about the log
	cmd := exec.CommandContext(ctx, t.Python, "-u", program)
	cmd.Env = append([]string{"OMP_WAIT_POLICY=PASSIVE", "LANG=C.UTF-8"}, t.Environ...)
	cmd.Stderr = complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return last, fmt.Errorf("start the trainer: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return last, fmt.Errorf("start the trainer: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return last, fmt.Errorf("start the trainer: %w", err)
	}
	_, err = stdin.Write(append(line, '\n')) // stays open: its end means that we are gone
	lines := bufio.NewScanner(stdout)
	for err == nil && lines.Scan() {
		var p Progress
		if json.Unmarshal(lines.Bytes(), &p) != nil || p.Event == "" {
			continue // a library's chatter
		}
		last = p
		err = each(lines.Bytes(), p)
	}
	if err != nil {
		_ = cmd.Process.Kill() // nobody listens any more; Wait says how it ended
	}
	ended := cmd.Wait()
	switch {
	case err != nil:
		return last, fmt.Errorf("keep the progress: %w", err)
	case last.Event == "error":
		return last, fmt.Errorf("the trainer refused: %s", last.Message)
	case last.Event == "done" || last.Event == "stopped":
		return last, nil
	case ctx.Err() != nil:
		return last, errStopped
	}
	return last, fmt.Errorf("the trainer ended before it was done: %w; its log is %s: %s", errors.Join(ended, lines.Err()), log, tail(log))
}

// script writes a script below Dir; its folder holds the content's hash, so that several versions get along.
func (t Trainer) script(name string) (string, error) {
	data, err := scripts.ReadFile("python/" + name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	path := filepath.Join(t.Dir, digest(data)[:12], name)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
		return path, nil
	}
	return path, writeFile(path, data)
}

// tail is the last line of a log.
func tail(file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	return string(lines[len(lines)-1])
}
