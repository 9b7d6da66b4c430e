// Package apptest lets a test binary be the processes that its tests start,
// kill and measure: servers, workers and the parser child, without a build in
// between; and documents cut as the product cuts them.
package apptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"groundwork/internal/app"
)

// settingsEnv makes the test binary a process: its value is the settings that Start was given.
const settingsEnv = "GROUNDWORK_TEST_PROCESS"

// Child belongs at the beginning of TestMain. In a process that Start made it
// runs serve with the settings until SIGTERM, in the parser's child the parser, and
// then exits; in a test run it does nothing.
func Child[S any](serve func(ctx context.Context, settings S) error) {
	if len(os.Args) > 1 && os.Args[1] == app.ParseChild {
		os.Exit(app.RunParseChild())
	}
	raw := os.Getenv(settingsEnv)
	if raw == "" {
		return
	}
	if err := runChild(raw, serve); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runChild[S any](raw string, serve func(ctx context.Context, settings S) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var settings S
	if err := json.Unmarshal([]byte(raw), &settings); err != nil {
		return err
	}
	return serve(ctx, settings)
}

// Announce tells Start where the process listens: a server's OnListen.
func Announce(url string) { fmt.Println(url) }

// Process is a server or worker in a process of its own. It is killed when the test ends.
type Process struct {
	Cmd  *exec.Cmd
	URL  string        // where it listens
	Took time.Duration // from the start of the process until it listens
	done chan struct{} // closed when it has ended
	err  error         // how it ended
}

// Start starts this binary as a process with settings (JSON) and waits until it
// has announced its address. What it writes to its standard error is shown.
func Start(tb testing.TB, settings any, adjust ...func(*exec.Cmd)) *Process {
	tb.Helper()
	raw, err := json.Marshal(settings)
	require.NoError(tb, err)
	exe, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), exe) // clean-ups may still need it
	cmd.Env, cmd.Stderr = append(os.Environ(), settingsEnv+"="+string(raw)), os.Stderr
	for _, f := range adjust {
		f(cmd)
	}
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	began := time.Now()
	require.NoError(tb, cmd.Start())
	p := &Process{Cmd: cmd, done: make(chan struct{})}
	tb.Cleanup(p.Kill)
	_, err = fmt.Fscanln(out, &p.URL)
	p.Took = time.Since(began)
	go func() {
		defer close(p.done)
		_, _ = io.Copy(io.Discard, out)
		p.err = cmd.Wait()
	}()
	require.NoError(tb, err, "the process did not start")
	return p
}

// Signal sends one; a process that has ended takes none.
func (p *Process) Signal(s os.Signal) { _ = p.Cmd.Process.Signal(s) }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends the process as a power cut would, and waits until it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop ends the process as an operator would, and tells how it ended.
func (p *Process) Stop() error {
	p.Signal(syscall.SIGTERM)
	<-p.done
	return p.err
}

// Code is what an ended process ended with.
func (p *Process) Code() int {
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
