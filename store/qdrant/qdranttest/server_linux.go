package qdranttest

import "syscall"

// endsWithParent: a test process that is killed leaves no server behind.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
