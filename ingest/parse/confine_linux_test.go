package parse_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAChildCannotBreakOut(t *testing.T) {
	t.Parallel()
	text, err := runner("break", limits()).Parse(t.Context(), "a.txt", "", file(t, []byte("x")))
	require.NoError(t, err)
	require.Equal(t, "nothing", text.Body)
}

// fork makes a process that ends at once.
func fork() error {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		for {
			_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
		}
	}
	return nil
}
