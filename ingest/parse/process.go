package parse

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// child is a process that works on one request.
type child struct {
	cmd  *exec.Cmd
	kill context.CancelFunc
	out  *bounded
	note *bounded
	err  error // of its start or end; set when ended is closed

	started, ended chan struct{} // are closed then

	socket, theirs *os.File // of one that waits for its document
}

// begin prepares a child that finds file at documentFD; run runs it. At most limit bytes of what it writes are kept.
func (r *Runner) begin(req request, file *os.File, limit int) (*child, error) {
	in, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, r.Exe[0], r.Exe[1:]...)
	cmd.Env = []string{}
	cmd.Dir = "/"
	cmd.Stdin = bytes.NewReader(in)
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = childAttr()
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	cmd.WaitDelay = 2 * time.Second
	c := &child{cmd: cmd, kill: cancel, out: &bounded{limit: limit, full: cancel}, note: &bounded{limit: 64 << 10}, started: make(chan struct{}), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c.out, c.note
	return c, nil
}

// run is the life of a child. It has a thread of its own, since the kernel kills
// a child when the thread that started it ends.
func (c *child) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.err = c.cmd.Start()
	close(c.started)
	if c.theirs != nil {
		_ = c.theirs.Close() // the child has its own
	}
	if c.err == nil {
		c.err = c.cmd.Wait()
	}
	if c.socket != nil {
		_ = c.socket.Close() // nobody listens any more
	}
	c.kill()
	close(c.ended)
}

// stop ends a child that nobody waits for.
func (c *child) stop() {
	c.kill()
	<-c.ended
}

// await waits for the end of a child, which comes after wall at the latest.
func (r *Runner) await(ctx context.Context, c *child, wall time.Duration) (ended, error) {
	limited, cancel := context.WithTimeout(ctx, wall)
	defer cancel()
	select {
	case <-c.ended:
	case <-limited.Done():
		c.stop()
	}
	switch {
	case ctx.Err() != nil:
		return ended{}, ctx.Err()
	case c.out.over:
		return ended{}, tooLarge(r.Limits.Text)
	case limited.Err() != nil:
		return ended{}, tooSlow(r.Limits.Wall)
	}
	return ended{c.out.kept.Bytes(), c.note.kept.String(), c.cmd.ProcessState, c.err}, nil
}
