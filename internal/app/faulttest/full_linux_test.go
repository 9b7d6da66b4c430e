package faulttest_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"groundwork/internal/apptest"
	"groundwork/internal/diskfault"
	"groundwork/llm/llmtest"
)

// TestDiskFull fills the disk below a running server. Uploads are refused with
// what to do, nothing of them stays, searches are answered; and when there is
// space again everything goes on, what was on its way too.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	t.Run("its own file system", func(t *testing.T) {
		t.Parallel()
		s := settings{Dir: t.TempDir(), Model: llmtest.Start(t, llmtest.Options{}).BaseURL(), Mount: "12m", Rescue: 15}
		if err := mountable(); err != nil {
			t.Skip("no file system can be mounted here, also not in a user namespace (the same is tried with system calls that fail): ", err)
		}
		child := apptest.Start(t, s, ownMounts)
		inside := filepath.Join("/proc", strconv.Itoa(child.Cmd.Process.Pid), "root", s.Dir)
		filler := filepath.Join(inside, "filler")
		fullAndBack(t, child, func() { fill(t, filler) }, func() { require.NoError(t, os.Remove(filler)) })
		require.NoError(t, os.CopyFS(sub(t, s.Dir, "copy"), os.DirFS(inside)))
		child.Kill()
		s.Dir = filepath.Join(s.Dir, "copy") // the original went with the process
		require.NoError(t, os.Chmod(s.Dir, 0o700))
		verifyAfterStart(t, s)
		row(t, "disk full (a small file system)", "uploads get 507, nothing half stored, then it goes on")
	})
	t.Run("system calls that fail", func(t *testing.T) {
		t.Parallel()
		s := settings{Dir: t.TempDir(), Model: llmtest.Start(t, llmtest.Options{}).BaseURL(), Rescue: 15}
		var full atomic.Bool
		child, w := watched(t, s, func(op diskfault.Op) unix.Errno {
			if full.Load() && (op.Kind == diskfault.Write || op.Kind == diskfault.Create || op.Kind == diskfault.Mkdir) {
				return unix.ENOSPC
			}
			return 0
		})
		fullAndBack(t, child, func() { full.Store(true) }, func() { full.Store(false) })
		child.Kill()
		_, err := w.Wait()
		require.NoError(t, err)
		verifyAfterStart(t, s)
		row(t, "disk full (calls that fail)", "uploads get 507, nothing half stored, then it goes on")
	})
}

func fullAndBack(t *testing.T, child *apptest.Process, fill, free func()) {
	t.Helper()
	l, c := newLedger(never), newClient(child.URL)
	works(t, l, c)
	for _, path := range []string{"way-1.md", "way-2.md", "way-3.md"} { // on their way when the disk is full
		require.NoError(t, l.put(t.Context(), c, path, l.content(path, 6)))
	}
	fill()
	for range 5 {
		_, err := c.upload(t.Context(), "late.md", l.content("late.md", 40))
		var r *refusal
		require.ErrorAs(t, err, &r)
		require.Equal(t, http.StatusInsufficientStorage, r.status, "%s", r)
		require.Contains(t, r.body, "disk is full")
	}
	require.NoError(t, wholeInSearch(t.Context(), c, "afterwards.md"))
	free()
	works(t, l, c)
	require.NoError(t, l.holds(t.Context(), c, settledWithin(t, c, 3*time.Minute), 0), "what was on its way is there, what was refused is not")
}

// verifyAfterStart starts a server once, which tidies up, and verifies.
func verifyAfterStart(t *testing.T, s settings) {
	t.Helper()
	s.Mount = ""
	recovered(t, s, newLedger(never).seen(t, s), 0)
}

// seen is a ledger of what is there.
func (l *ledger) seen(t *testing.T, s settings) *ledger {
	t.Helper()
	url, stop := start(t, s)
	defer stop()
	c := newClient(url)
	for _, d := range settled(t, c) {
		text, err := c.text(t.Context(), d.ID)
		require.NoError(t, err)
		l.settle(d.Filename, text, d.ID)
	}
	require.Len(t, l.paths(), 4)
	return l
}

// fill takes all space that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for size := 64 << 10; size > 0; {
		_, err := f.Write(make([]byte, size))
		if errors.Is(err, unix.ENOSPC) {
			size /= 2
			continue
		}
		require.NoError(t, err)
	}
}

// mountable tells whether a child may have a file system of its own here.
func mountable() error {
	cmd := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", os.TempDir())
	ownMounts(cmd)
	return cmd.Run()
}

// ownMounts starts a child in a mount namespace of its own.
func ownMounts(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Unshareflags: unix.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
}
