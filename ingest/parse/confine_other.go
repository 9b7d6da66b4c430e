//go:build !linux

package parse

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// confine has no means here but the parent's clock.
func confine(Limits, string, bool) error { return nil }

// become is not offered where nothing confines the program.
func become(request, io.Writer) error { return errors.New("text recognition needs Linux") }

func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
