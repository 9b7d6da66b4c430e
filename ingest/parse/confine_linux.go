package parse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// confine takes from this process all that reading one open file does not
// need: time, memory and descriptors beyond the limits, every other file but
// those in cacheDir, sockets, and starting programs.
func confine(l Limits, cacheDir string, write bool) error {
	if err := limit(l); err != nil {
		return err
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
	return denySyscalls(append([]uint32{unix.SYS_EXECVE, unix.SYS_EXECVEAT}, denied...))
}

// become turns this process into a program that reads the document from its
// standard input, with the same limits; it may read what programs are made of.
func become(req request, out io.Writer) error {
	if err := limit(req.Limits); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	program := req.Exec[0]
	rules := []landlock.Rule{
		landlock.RODirs("/usr", "/lib", "/lib32", "/lib64", "/bin", filepath.Dir(program)).IgnoreIfMissing(),
		landlock.ROFiles("/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/proc/cpuinfo").IgnoreIfMissing(),
	}
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := denySyscalls(denied); err != nil {
		return err
	}
	if _, err := io.WriteString(out, greeting); err != nil {
		return errors.New("the greeting cannot be written")
	}
	if _, err := unix.Seek(documentFD, 0, io.SeekStart); err != nil {
		return errors.New("the document cannot be read")
	}
	if err := unix.Dup3(documentFD, 0, 0); err != nil {
		return errors.New("the document cannot be handed over")
	}
	return unix.Exec(program, req.Exec, []string{"OMP_THREAD_LIMIT=1", "LC_ALL=C.UTF-8"})
}

func limit(l Limits) error {
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
	return nil
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
