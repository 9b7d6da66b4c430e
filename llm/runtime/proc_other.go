//go:build !linux

package runtime

import "syscall"

// childAttr puts a child into a group of its own, so that Ctrl-C reaches only
// us. That it dies with us rests on the end of its stdin here.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
