package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	goruntime "runtime"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	startPoll     = 50 * time.Millisecond // between looks at a child that starts
	missedAnswers = 3                     // in a row, and a running child is taken for dead
	steady        = time.Minute           // a child that was ready this long starts the backoff anew
)

// supervise runs one child after the other until ctx ends.
func (s *Server) supervise(ctx context.Context) {
	defer close(s.done)
	defer s.log.Close() //nolint:errcheck // nothing was promised about the log
	// The kernel kills a child when the thread that started it ends: keep it.
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()

	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval, policy.MaxInterval = s.opt.BackoffMin, s.opt.BackoffMax
	for {
		err := s.once(ctx)
		if ctx.Err() != nil {
			s.set(func(st *State) { st.Status, st.PID = Stopped, 0 })
			return
		}
		if st := s.State(); st.Status == Ready && time.Since(st.Since) > steady {
			policy.Reset()
		}
		pause := policy.NextBackOff()
		s.opt.Logger.Warn("model server failed and is started again", "server", s.opt.Name, "error", err, "in", pause, "log", s.opt.Log)
		s.set(func(st *State) {
			st.Status, st.PID, st.Error = Restarting, 0, err.Error()
			st.Restarts++
			st.failures++
		})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// once runs one child to its end and says why it ended.
func (s *Server) once(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.set(func(st *State) { st.Status = Starting })
	cmd, stdin, err := s.spawn()
	if err != nil {
		return err
	}
	s.set(func(st *State) { st.PID = cmd.Process.Pid })
	var exit error
	ended := make(chan struct{})
	go func() {
		exit = cmd.Wait()
		close(ended)
	}()

	watch, stopWatch := context.WithCancel(ctx)
	sick := make(chan error, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		sick <- s.watch(watch)
	}()
	defer func() {
		stopWatch()
		<-watched
	}()

	select {
	case <-ended:
		return s.exit(exit)
	case err := <-sick:
		// Also the end of ctx: then the child may end in its own time.
		return errors.Join(err, s.end(cmd, stdin, ended, ctx.Err() != nil))
	}
}

// spawn starts the child with its settings on stdin, which stays open: its end tells the child that we are gone.
func (s *Server) spawn() (*exec.Cmd, io.Closer, error) {
	settings := maps.Clone(s.opt.Settings)
	if settings == nil {
		settings = map[string]any{}
	}
	settings["port"], settings["api_key"] = s.port, s.key
	line, err := json.Marshal(settings)
	if err != nil {
		return nil, nil, fmt.Errorf("settings of the model server: %w", err)
	}
	cmd := exec.Command(s.opt.Command[0], s.opt.Command[1:]...) //nolint:noctx // end gives it time before it is killed
	cmd.Env = s.opt.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would pass on ours, and its secrets
	}
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.WaitDelay = time.Second // for grandchildren that hold the log open
	cmd.SysProcAttr = childAttr()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start the model server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the model server: %w", err)
	}
	if _, err := stdin.Write(append(line, '\n')); err != nil {
		s.opt.Logger.Debug("model server did not read its settings", "server", s.opt.Name, "error", err) // its exit says why
	}
	return cmd, stdin, nil
}

// watch waits for the child to answer and then looks at it now and then; it
// returns when the child is sick or ctx ends.
func (s *Server) watch(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, s.opt.StartTimeout)
	defer cancel()
	for s.healthy(starting, s.opt.StartTimeout) != nil {
		if !wait(starting, startPoll) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("no answer within %s of its start", s.opt.StartTimeout)
		}
	}
	s.set(func(st *State) { st.Status, st.failures = Ready, 0 })
	s.opt.Logger.Info("model server is ready", "server", s.opt.Name, "pid", s.State().PID)
	for missed := 0; ; {
		if !wait(ctx, s.opt.HealthEvery) {
			return ctx.Err()
		}
		err := s.healthy(ctx, s.opt.HealthWait)
		if err == nil {
			missed = 0
			continue
		}
		if missed++; missed >= missedAnswers {
			return fmt.Errorf("%d health checks failed: %w", missed, err)
		}
	}
}

func (s *Server) healthy(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.root()+"/health", nil)
	if err != nil {
		return err
	}
	reply, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", reply.Status)
	}
	return nil
}

// end stops the child: stdin closed and, when there is time, SIGTERM first; then SIGKILL.
func (s *Server) end(cmd *exec.Cmd, stdin io.Closer, ended <-chan struct{}, gently bool) error {
	closed := stdin.Close()
	if gently {
		if err := killGroup(cmd, syscall.SIGTERM); err == nil {
			select {
			case <-ended:
				return nil
			case <-time.After(s.opt.StopGrace):
				s.opt.Logger.Warn("model server did not stop and is killed", "server", s.opt.Name)
			}
		}
	}
	err := killGroup(cmd, syscall.SIGKILL)
	<-ended
	if errors.Is(err, syscall.ESRCH) {
		err = nil // it was faster
	}
	return errors.Join(closed, err)
}

// exit describes the end of a child that was not asked to end.
func (s *Server) exit(err error) error {
	what := "ended by itself"
	if err != nil {
		what = "ended by itself: " + err.Error()
	}
	if last := s.log.lastLine(); last != "" {
		what += ": " + last
	}
	return errors.New(what)
}

// wait is false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func killGroup(cmd *exec.Cmd, sig syscall.Signal) error {
	return syscall.Kill(-cmd.Process.Pid, sig)
}
