package sql_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"groundwork/store/sql"
)

// TestConnectionsNoticeThatTheOtherMachineIsGone looks at the socket: a network
// that loses packets cannot be had without privileges.
func TestConnectionsNoticeThatTheOtherMachineIsGone(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	conn, err := sql.Dial(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	options := map[int]int{}
	require.NoError(t, raw.Control(func(fd uintptr) {
		for _, name := range []int{unix.TCP_USER_TIMEOUT, unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT} {
			options[name], err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name)
		}
	}))
	require.NoError(t, err)
	require.Equal(t, map[int]int{unix.TCP_USER_TIMEOUT: 10_000, unix.TCP_KEEPIDLE: 15, unix.TCP_KEEPINTVL: 5, unix.TCP_KEEPCNT: 3}, options)
	require.NoError(t, conn.SetDeadline(time.Now()))

	path := t.TempDir() + "/s"
	local, err := new(net.ListenConfig).Listen(context.Background(), "unix", path)
	require.NoError(t, err)
	defer local.Close()
	beside, err := sql.Dial(t.Context(), "unix", path)
	require.NoError(t, err)
	require.NoError(t, beside.Close())
}
