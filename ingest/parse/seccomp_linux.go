package parse

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// archOf is what the kernel calls the architectures whose system calls are known here.
var archOf = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// denied system calls fail with EPERM: talking to anyone, looking into other processes.
var denied = []uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_KEYCTL, unix.SYS_BPF, unix.SYS_IO_URING_SETUP, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_PERF_EVENT_OPEN,
}

// forks are the calls of an architecture that can only make processes.
var forks = map[string][]uint32{"amd64": {57, 58}} // fork, vfork

// program is the filter. New threads are allowed, new processes are not:
// clone must ask for a thread, and clone3, whose wish a filter cannot see, does not exist.
func program(arch uint32, denied []uint32) []unix.SockFilter {
	calls := append(append([]uint32{}, denied...), forks[runtime.GOARCH]...)
	n := uint8(len(calls))
	equal := func(value uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jt: yes, Jf: no}
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	end := func(result uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: result}
	}
	filter := []unix.SockFilter{
		load(4), // the architecture
		equal(arch, 1, 0),
		end(unix.SECCOMP_RET_KILL_PROCESS),
		load(0), // the number of the call
		// Numbers of another table that the same architecture also takes (x32).
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 0x40000000, Jt: n + 5},
	}
	for i, call := range calls {
		filter = append(filter, equal(call, n+4-uint8(i), 0))
	}
	return append(filter,
		equal(unix.SYS_CLONE3, 5, 0),
		equal(unix.SYS_CLONE, 0, 2),
		load(16), // its flags
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.CLONE_THREAD, Jt: 0, Jf: 1},
		end(unix.SECCOMP_RET_ALLOW),
		end(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)),
		end(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)),
	)
}

// denySyscalls installs the filter on all threads. Where the kernel has none, or
// the architecture is another, nothing happens.
func denySyscalls(calls []uint32) error {
	arch, known := archOf[runtime.GOARCH]
	if !known {
		return nil
	}
	filter := program(arch, calls)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}

	runtime.LockOSThread() // the promise below and the filter must be of one thread
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	if errno != 0 && errno != unix.ENOSYS && errno != unix.EINVAL {
		return fmt.Errorf("system call filter: %w", errno)
	}
	return nil
}
