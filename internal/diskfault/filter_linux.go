package diskfault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enterEnv tells a process that it was started to be watched: the number of its socket.
const enterEnv = "GROUNDWORK_TEST_WATCHED"

var archOf = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// Enter belongs at the very beginning of TestMain. In a process that Attach
// prepared it puts the filter on, hands its listener to the test and starts
// the program anew; elsewhere it does nothing.
func Enter() {
	fd, err := strconv.Atoi(os.Getenv(enterEnv))
	if err != nil {
		return
	}
	if err := enter(fd); err != nil {
		fmt.Fprintln(os.Stderr, "watch this process:", err)
		os.Exit(1)
	}
}

func enter(socket int) error {
	runtime.LockOSThread() // the program that is started anew keeps the filter of this thread
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var environ []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, enterEnv+"=") {
			environ = append(environ, v)
		}
	}
	listener, err := install()
	if err != nil {
		return err
	}
	// From here on no call may be one that the filter asks about.
	if err := unix.Sendmsg(socket, []byte{1}, unix.UnixRights(listener), nil, 0); err != nil {
		return err
	}
	return unix.Exec(exe, os.Args, environ)
}

// install puts the filter on this thread and gives its listener.
func install() (int, error) {
	arch, known := archOf[runtime.GOARCH]
	if !known {
		return 0, errors.New("system calls of this architecture are not known")
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	filter := program(arch)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	var errno unix.Errno
	// With the second flag a signal does not make the call be asked about twice; older kernels do not know it.
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER} {
		var fd uintptr
		if fd, _, errno = unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog))); errno == 0 {
			return int(fd), nil
		}
	}
	return 0, fmt.Errorf("install a system call filter: %w", errno)
}

// program asks about the calls that are known and allows all others.
func program(arch uint32) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	equal := func(value uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jt: yes, Jf: no}
	}
	end := func(result uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: result}
	}
	out := []unix.SockFilter{load(4), equal(arch, 1, 0), end(unix.SECCOMP_RET_ALLOW), load(0)}
	left := len(calls)
	for number := range calls {
		left--
		out = append(out, equal(uint32(number), uint8(left+1), 0))
	}
	return append(out, end(unix.SECCOMP_RET_ALLOW), end(unix.SECCOMP_RET_USER_NOTIF))
}

// prepare gives cmd a socket over which the listener comes, and the test's end of it.
func prepare(cmd *exec.Cmd) (ours *os.File, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs = os.NewFile(uintptr(pair[0]), "test"), os.NewFile(uintptr(pair[1]), "child")
	cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	cmd.Env = append(cmd.Env, enterEnv+"="+strconv.Itoa(2+len(cmd.ExtraFiles)))
	return ours, theirs, nil
}

// receive waits for the listener.
func receive(socket *os.File) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(int(socket.Fd()), make([]byte, 1), oob, 0)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return 0, errors.Join(errors.New("the child ended before it could be watched"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	unix.CloseOnExec(fds[0])
	return fds[0], nil
}
