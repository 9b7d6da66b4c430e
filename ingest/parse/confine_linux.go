package parse

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// confine takes from this process all that reading one open file does not
// need: time, memory and descriptors beyond the limits, every other file but
// those in cacheDir, sockets, and starting programs.
func confine(l Limits, cacheDir string, write bool) error {
	seconds := uint64(max(l.CPU.Round(time.Second)/time.Second, 1))
	for resource, most := range map[int]uint64{
		unix.RLIMIT_CPU:    seconds,
		unix.RLIMIT_AS:     uint64(l.Memory),
		unix.RLIMIT_FSIZE:  uint64(l.OutputFile),
		unix.RLIMIT_NOFILE: uint64(l.Descriptors),
		unix.RLIMIT_CORE:   0,
	} {
		if err := lower(resource, most); err != nil {
			return fmt.Errorf("limit %d: %w", resource, err)
		}
	}
	var rules []landlock.Rule
	if cacheDir != "" {
		rule := landlock.RODirs(cacheDir)
		if write {
			rule = landlock.RWDirs(cacheDir)
		}
		rules = append(rules, rule)
	}
	// Best effort: kernels without Landlock leave this out.
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return denySyscalls()
}

// lower sets both limits of a resource, never above the hard one there is.
func lower(resource int, most uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	most = min(most, now.Max)
	// Through syscall for descriptors, or Go would restore its own value in a child.
	if resource == unix.RLIMIT_NOFILE {
		return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: most, Max: most})
	}
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
}

// childAttr puts a child into a group of its own and lets the kernel kill it
// when the thread that started it ends.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(p *os.Process) error { return unix.Kill(-p.Pid, unix.SIGKILL) }

// killed is true for the end by a limit: the kernel kills for time and memory.
func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGXCPU || status.Signal() == syscall.SIGXFSZ)
}
