//go:build !linux

package clustertest_test

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
