package parse_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"groundwork/ingest/parse"
)

// ahead is a runner whose next child waits.
func ahead(t *testing.T, wait time.Duration) *parse.Runner {
	t.Helper()
	r := runner("child", limits())
	r.Ahead = wait
	t.Cleanup(r.Close)
	return r
}

const plainPage = `BT /F1 12 Tf 72 700 Td (Plain words) Tj ET`

func TestTheNextPDFIsReadByAChildThatWaits(t *testing.T) {
	t.Parallel()
	r := ahead(t, time.Minute)
	read := func() {
		text, err := r.Parse(t.Context(), "a.pdf", "", file(t, onePage(plainPage, "")))
		require.NoError(t, err)
		require.Equal(t, "Plain words", text.Body)
	}
	read()
	first := r.Waiting()
	require.NotNil(t, first)
	text, err := r.Parse(t.Context(), "a.txt", "", file(t, []byte("no PDF")))
	require.NoError(t, err)
	require.Equal(t, "no PDF", text.Body)
	require.Equal(t, first.Pid, r.Waiting().Pid, "others leave it alone")

	read()
	second := r.Waiting()
	require.NotEqual(t, first.Pid, second.Pid, "a child serves one document")
	require.ErrorIs(t, syscall.Kill(first.Pid, 0), syscall.ESRCH)

	_, err = r.Parse(t.Context(), "a.pdf", "", file(t, []byte("%PDF-1.7 broken")))
	require.Equal(t, parse.CodeInvalid, codeOf(t, err))
	read()

	require.NoError(t, r.Waiting().Kill())
	read()
	last := r.Waiting()
	r.Close()
	require.Nil(t, r.Waiting())
	require.ErrorIs(t, syscall.Kill(last.Pid, 0), syscall.ESRCH)
	read()
	require.Nil(t, r.Waiting())
}

func TestAChildDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	r := ahead(t, time.Millisecond)
	_, err := r.Parse(t.Context(), "a.pdf", "", file(t, onePage(plainPage, "")))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.Waiting() == nil }, time.Minute, time.Millisecond)
}

func TestAChildThatWaitsIsConfined(t *testing.T) {
	t.Parallel()
	r := ahead(t, time.Minute)
	_, err := r.Parse(t.Context(), "a.pdf", "", file(t, onePage(plainPage, "")))
	require.NoError(t, err)
	// It greets when it has the document, and serves that alone.
	status := ""
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.Waiting().Pid), "status"))
		status = string(raw)
		return err == nil && strings.Contains(status, "Seccomp:\t2")
	}, time.Minute, time.Millisecond)
	require.Contains(t, status, "NoNewPrivs:\t1")
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.Waiting().Pid), "limits"))
	require.NoError(t, err)
	require.Regexp(t, `Max cpu time +30 +30 `, string(raw))
	require.Regexp(t, `Max open files +64 +64 `, string(raw))
	environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.Waiting().Pid), "environ"))
	require.NoError(t, err)
	require.Empty(t, environment)
}

func TestAChildThatWaitsEndsWithItsParent(t *testing.T) {
	t.Parallel()
	require.NoError(t, shared.Warm(t.Context()))
	pdf := filepath.Join(t.TempDir(), "a.pdf")
	require.NoError(t, os.WriteFile(pdf, onePage(plainPage, ""), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	parent := exec.CommandContext(ctx, os.Args[0], "parent", pdf, cacheDir)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	_, err = parent.StdinPipe() // it stays open as long as the parent lives
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	child, err := unix.PidfdOpen(pid, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(child)) }()

	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}, 60_000)
	require.NoError(t, err)
	require.Equal(t, 1, n, "the child has not ended")
}
