package runtime

import "syscall"

// childAttr puts a child into a group of its own, so that Ctrl-C reaches only
// us, and lets the kernel kill it when the thread that started it is gone:
// whoever starts one holds its thread (LockOSThread) until the child has ended.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
