//go:build !linux

package qdranttest

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
