package clustertest_test

import "syscall"

// endsWithParent: a test binary that is killed leaves no server behind.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
