package diskfault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// call is one system call that waits for an answer.
type call struct {
	w    *Watch
	pid  int
	args [6]uint64
}

// reader makes of a call what it changes in the folder; nothing when it
// changes nothing there.
type reader func(c call) []Op

// calls are those that the filter asks about. Older ones, which not every
// architecture has, are added by it.
var calls = merge(map[int]reader{
	unix.SYS_WRITE:     func(c call) []Op { return c.write(c.position()) },
	unix.SYS_PWRITE64:  func(c call) []Op { return c.write(int64(c.args[3]), nil) },
	unix.SYS_FTRUNCATE: func(c call) []Op { return c.on(Op{Kind: Truncate, Size: int64(c.args[1])}) },
	unix.SYS_FALLOCATE: func(c call) []Op { return c.grow(int64(c.args[2] + c.args[3])) },
	unix.SYS_FSYNC:     func(c call) []Op { return c.on(Op{Kind: Sync}) },
	unix.SYS_FDATASYNC: func(c call) []Op { return c.on(Op{Kind: Sync}) },
	unix.SYS_OPENAT:    func(c call) []Op { return c.open(int32(c.args[0]), c.args[1], c.args[2]) },
	unix.SYS_MKDIRAT:   func(c call) []Op { return c.mkdir(int32(c.args[0]), c.args[1]) },
	unix.SYS_UNLINKAT:  func(c call) []Op { return c.remove(int32(c.args[0]), c.args[1]) },
	unix.SYS_RENAMEAT:  func(c call) []Op { return c.rename(int32(c.args[0]), c.args[1], int32(c.args[2]), c.args[3]) },
	unix.SYS_RENAMEAT2: func(c call) []Op { return c.rename(int32(c.args[0]), c.args[1], int32(c.args[2]), c.args[3]) },
}, older)

func merge(a, b map[int]reader) map[int]reader {
	for k, v := range b {
		a[k] = v
	}
	return a
}

func (w *Watch) read(n notification) []Op {
	return calls[int(n.nr)](call{w: w, pid: int(n.pid), args: n.args})
}

// on is op on the file that the first argument is open on.
func (c call) on(op Op) []Op {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.pid, int32(c.args[0])))
	if err != nil {
		return nil // no open file: the call fails by itself
	}
	if op.Path = c.w.inside(path); op.Path == "" {
		return nil
	}
	return []Op{op}
}

func (c call) write(offset int64, err error) []Op {
	ops := c.on(Op{Kind: Write, Offset: offset})
	if ops == nil || err != nil {
		return nil
	}
	ops[0].Data = make([]byte, c.args[2])
	if n, err := peek(c.pid, c.args[1], ops[0].Data); err != nil || n < len(ops[0].Data) {
		return nil
	}
	return ops
}

// position is where the next write of the open file goes.
func (c call) position() (int64, error) {
	if c.on(Op{}) == nil { // most writes go elsewhere
		return 0, os.ErrNotExist
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", c.pid, int32(c.args[0])))
	if err != nil {
		return 0, err
	}
	var pos int64
	var flags int
	if _, err := fmt.Sscanf(string(raw), "pos:\t%d\nflags:\t%o", &pos, &flags); err != nil || flags&unix.O_APPEND == 0 {
		return pos, err
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d/fd/%d", c.pid, int32(c.args[0])))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// grow is a fallocate, which makes a file as large as size and never smaller.
func (c call) grow(size int64) []Op {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/fd/%d", c.pid, int32(c.args[0])))
	if err != nil || info.Size() >= size {
		return nil
	}
	return c.on(Op{Kind: Truncate, Size: size})
}

func (c call) open(dir int32, name, flags uint64) []Op {
	if flags&(unix.O_CREAT|unix.O_TRUNC) == 0 {
		return nil
	}
	path := c.path(dir, name)
	if path == "" {
		return nil
	}
	_, err := os.Lstat(filepath.Join(c.w.folder, path))
	switch {
	case err == nil && flags&unix.O_TRUNC != 0 && flags&unix.O_EXCL == 0:
		return []Op{{Kind: Truncate, Path: path}}
	case errors.Is(err, os.ErrNotExist) && flags&unix.O_CREAT != 0:
		return []Op{{Kind: Create, Path: path}}
	}
	return nil
}

func (c call) mkdir(dir int32, name uint64) []Op {
	path := c.path(dir, name)
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(c.w.folder, path)); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return []Op{{Kind: Mkdir, Path: path}}
}

// remove is a call that fails on a folder which is not empty, and on one that
// is asked for as a file: such a call changes nothing.
func (c call) remove(dir int32, name uint64) []Op {
	path := c.path(dir, name)
	info, err := os.Lstat(filepath.Join(c.w.folder, path))
	if path == "" || err != nil {
		return nil
	}
	if info.IsDir() {
		if c.args[2]&unix.AT_REMOVEDIR == 0 {
			return nil
		}
		if entries, err := os.ReadDir(filepath.Join(c.w.folder, path)); err != nil || len(entries) > 0 {
			return nil
		}
	}
	return []Op{{Kind: Remove, Path: path}}
}

func (c call) rename(fromDir int32, from uint64, toDir int32, to uint64) []Op {
	a, b := c.path(fromDir, from), c.path(toDir, to)
	if a == "" || b == "" {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(c.w.folder, a)); err != nil {
		return nil
	}
	return []Op{{Kind: Rename, Path: a, To: b}}
}

// path is a name that the call gives, below the folder; "" when it lies elsewhere.
func (c call) path(dir int32, name uint64) string {
	buf := make([]byte, 4096)
	n, err := peek(c.pid, name, buf)
	end := bytes.IndexByte(buf[:max(n, 0)], 0)
	if err != nil || end < 0 {
		return ""
	}
	path := string(buf[:end])
	if !filepath.IsAbs(path) {
		base := fmt.Sprintf("/proc/%d/cwd", c.pid)
		if dir != unix.AT_FDCWD {
			base = fmt.Sprintf("/proc/%d/fd/%d", c.pid, dir)
		}
		if base, err = os.Readlink(base); err != nil {
			return ""
		}
		path = filepath.Join(base, path)
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	return c.w.inside(path)
}

func (w *Watch) inside(path string) string {
	if path == w.folder {
		return "."
	}
	rel, ok := strings.CutPrefix(path, w.folder+"/")
	if !ok || strings.HasSuffix(rel, " (deleted)") {
		return ""
	}
	return rel
}

// peek reads a process's memory: a name may end before the buffer and at the end of what is mapped.
func peek(pid int, at uint64, into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	const page = 4096
	total := 0
	for total < len(into) {
		size := min(len(into)-total, page-int((at+uint64(total))%page))
		local := unix.Iovec{Base: &into[total]}
		local.SetLen(size)
		n, err := unix.ProcessVMReadv(pid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(at) + uintptr(total), Len: size}}, 0)
		if err != nil || n == 0 {
			if total > 0 {
				return total, nil
			}
			return 0, errors.Join(errors.New("the memory cannot be read"), err)
		}
		total += n
	}
	return total, nil
}
