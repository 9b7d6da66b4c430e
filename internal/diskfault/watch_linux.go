package diskfault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Watch is one child process, with its own children, at work on a folder.
type Watch struct {
	folder string
	decide func(Op) unix.Errno
	done   chan struct{}
	theirs *os.File // the child's end, inherited when it is started

	mu  sync.Mutex
	log []Op
	err error
}

// Attach makes cmd, which was not started yet and whose program begins with
// Enter, be watched. decide is asked about each change of the folder, one after
// the other, before it is made; an error lets the call fail with it. nil lets
// everything be.
func Attach(cmd *exec.Cmd, folder string, decide func(Op) unix.Errno) (*Watch, error) {
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	ours, theirs, err := prepare(cmd)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	if decide == nil {
		decide = func(Op) unix.Errno { return 0 }
	}
	w := &Watch{folder: real, decide: decide, theirs: theirs, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		runtime.LockOSThread() // it waits in system calls
		w.end(w.run(ours))
	}()
	return w, nil
}

// Run runs cmd, whose program begins with Enter, to its end, and gives all that it changed in a folder.
func Run(cmd *exec.Cmd, folder string) ([]Op, error) {
	w, err := Attach(cmd, folder, nil)
	if err != nil {
		return nil, err
	}
	said, err := cmd.CombinedOutput()
	log, watchErr := w.Wait()
	if err = errors.Join(err, watchErr); err != nil {
		return nil, fmt.Errorf("%w: %s", err, said)
	}
	return log, nil
}

// Len is how many changes were made, or begun, up to now.
func (w *Watch) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.log)
}

// Wait waits until the child and its children have ended, and gives all that
// they changed.
func (w *Watch) Wait() ([]Op, error) {
	<-w.done
	_ = w.theirs.Close() // here, where the child is known to have been started
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log, w.err
}

func (w *Watch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *Watch) run(ours *os.File) error {
	listener, err := w.greet(ours)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer unix.Close(listener) //nolint:errcheck // nothing was written to it
	for {
		more, err := w.next(listener)
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// startLimit is how long a child may take to reach Enter.
const startLimit = time.Minute

// greet waits for the child's listener.
func (w *Watch) greet(ours *os.File) (int, error) {
	defer ours.Close()
	for end := time.Now().Add(startLimit); time.Now().Before(end); {
		ready := []unix.PollFd{{Fd: int32(ours.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, int(startLimit.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, err
		}
		if n > 0 {
			return receive(ours)
		}
	}
	return 0, errors.New("the child did not say that it can be watched")
}

// next takes one call; false when nobody is left to make any.
func (w *Watch) next(listener int) (bool, error) {
	ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) {
		return false, err
	}
	if ready[0].Revents&unix.POLLIN == 0 {
		return ready[0].Revents&unix.POLLHUP == 0, nil
	}
	var n notification
	if errno := control(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); errno != 0 {
		if errno == unix.EINTR || errno == unix.ENOENT { // the thread is gone
			return true, nil
		}
		return false, errno
	}
	return true, w.answer(listener, n)
}

// answer writes the call down and lets it go on or fail. A call that a signal
// took back in the meantime, or whose thread is gone, was not made.
func (w *Watch) answer(listener int, n notification) error {
	r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.log)
	for _, op := range w.read(n) {
		if errno := w.decide(op); errno != 0 {
			r.flags, r.errno = 0, -int32(errno)
			op.Failed = true
			if op.Kind == Sync {
				w.log = append(w.log, op)
			}
			break
		}
		w.log = append(w.log, op)
	}
	if errno := control(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)); errno != 0 {
		if errno != unix.ENOENT {
			return errno
		}
		w.log = w.log[:before]
	}
	return nil
}

// notification is the kernel's struct seccomp_notif.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// response is the kernel's struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

func control(fd int, request uintptr, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return errno
}
