//go:build !linux

package sql

import (
	"syscall"
	"time"
)

// loseAfter does nothing: the system's own limits count.
func loseAfter(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
