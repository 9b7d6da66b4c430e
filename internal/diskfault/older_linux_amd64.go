package diskfault

import "golang.org/x/sys/unix"

// older are the calls without a folder of their own.
var older = map[int]reader{
	unix.SYS_OPEN:   func(c call) []Op { return c.open(unix.AT_FDCWD, c.args[0], c.args[1]) },
	unix.SYS_CREAT:  func(c call) []Op { return c.open(unix.AT_FDCWD, c.args[0], unix.O_CREAT|unix.O_TRUNC) },
	unix.SYS_MKDIR:  func(c call) []Op { return c.mkdir(unix.AT_FDCWD, c.args[0]) },
	unix.SYS_RENAME: func(c call) []Op { return c.rename(unix.AT_FDCWD, c.args[0], unix.AT_FDCWD, c.args[1]) },
	unix.SYS_UNLINK: func(c call) []Op { c.args[2] = 0; return c.remove(unix.AT_FDCWD, c.args[0]) },
	unix.SYS_RMDIR:  func(c call) []Op { c.args[2] = unix.AT_REMOVEDIR; return c.remove(unix.AT_FDCWD, c.args[0]) },
}
