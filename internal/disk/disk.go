// Package disk is what stores have to know of the disk below them: that names
// are durable only when their folder is synced, and which errors are the
// disk's own. Those are no fault of a request or of a document, and may pass.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"groundwork/rag"
)

// Sync makes the names in a folder durable.
func Sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Make makes a folder, and those above it that are not there; their names are durable when it returns.
func Make(dir string) error {
	above := filepath.Dir(dir)
	if _, err := os.Stat(above); errors.Is(err, fs.ErrNotExist) {
		if err := Make(above); err != nil {
			return err
		}
	}
	there := os.Mkdir(dir, 0o700)
	if there != nil && !errors.Is(there, fs.ErrExist) {
		return there
	}
	err := Sync(above) // also when it is there: whoever made it may not have come to that
	if there != nil && errors.Is(err, fs.ErrPermission) {
		return nil // who made it may read the folder above
	}
	return err
}

// Replace puts a file in the place of an older one, in a folder that is made: whole or not
// at all, readable by its owner only, and on the disk when it returns.
func Replace(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := Make(dir); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(file.Name()))
	}
	return Sync(dir)
}

// Move gives a file or folder another name; both folders know it when it returns.
func Move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(Sync(filepath.Dir(to)), Sync(filepath.Dir(from)))
}

// again is what callers are told to wait.
const again = 5 * time.Second

// SQLite's primary result codes.
const (
	sqliteReadOnly = 8
	sqliteIOErr    = 10
	sqliteFull     = 13
	sqliteCantOpen = 14
)

// Mark makes an error of the disk a *rag.Error that says so: rag.CodeFull or
// rag.CodeUnavailable. Others stay as they are.
func Mark(err error) error {
	var known *rag.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	code := 0
	var coded interface {
		error
		Code() int // with SQLite's extended code above its primary one
	}
	if errors.As(err, &coded) {
		code = coded.Code() & 0xff
	}
	switch {
	case code == sqliteFull || is(err, syscall.ENOSPC, syscall.EDQUOT):
		return &rag.Error{Code: rag.CodeFull, RetryAfter: again, Err: err,
			Message: "the server's disk is full and nothing was stored; the operator must make space, then send it again"}
	case code == sqliteIOErr || code == sqliteReadOnly || code == sqliteCantOpen || is(err, syscall.EIO, syscall.EROFS):
		return &rag.Error{Code: rag.CodeUnavailable, RetryAfter: again, Err: err,
			Message: "the server's disk does not work as it should; the operator must look at it, then send it again"}
	}
	return err
}

// Note is Mark for a deferred call.
func Note(err *error) { *err = Mark(*err) }

func is(err error, any ...syscall.Errno) bool {
	for _, e := range any {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
