package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// file is one file to take in.
type file struct {
	path    string // in the store
	open    func() (io.ReadCloser, error)
	stat    func() (fs.FileInfo, error) // nil: it cannot change
	size    int64
	changed time.Time
	sum     string // SHA-256 in hex, where it was needed
}

// skipped is something in a folder that is not taken in.
type skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// litter are names that no person gave to a document: hidden files, locks of
// office programs, backups of editors, downloads that are not complete.
var litter = []string{".*", "~$*", "*~", "#*#", "*.tmp", "*.part", "*.partial", "*.crdownload", "thumbs.db", "desktop.ini"}

// ignored tells whether a path is left out without a word, by itself or by its name.
func ignored(rel string, patterns []string) bool {
	name := path.Base(rel)
	for _, p := range litter {
		if matches(p, strings.ToLower(name)) {
			return true
		}
	}
	for _, p := range patterns {
		if p = strings.TrimSuffix(p, "/"); matches(p, name) || matches(p, rel) {
			return true
		}
	}
	return false
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// checkPatterns refuses those that can never match.
func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return fmt.Errorf("--ignore %q is no pattern: use * for any name part, ? for one character, [abc] for one of them", p)
		}
	}
	return nil
}

// collect lists files under paths. A folder's files keep their path below it.
// Files that are named themselves are never ignored.
func collect(paths, ignore []string) (files []file, left []skipped, err error) {
	for _, root := range paths {
		info, err := os.Stat(root)
		if err != nil {
			return nil, nil, err
		}
		if !info.IsDir() {
			files = append(files, file{path: filepath.Base(root), size: info.Size(), changed: info.ModTime(),
				open: func() (io.ReadCloser, error) { return os.Open(root) },
				stat: func() (fs.FileInfo, error) { return os.Stat(root) }})
			continue
		}
		found, out, err := scan(os.DirFS(root), ignore, func(string) {})
		if err != nil {
			return nil, nil, err
		}
		files, left = append(files, found...), append(left, out...)
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("there is no file in %s", strings.Join(paths, ", "))
	}
	return files, left, nil
}

// scan lists the files of a folder, and what is no file that can be read.
// enter is told of each folder before it is listed. Only a folder that cannot
// be listed at all is an error.
func scan(folder fs.FS, ignore []string, enter func(dir string)) (files []file, left []skipped, err error) {
	skip := func(path string, reason string) { left = append(left, skipped{path, reason}) }
	seen := map[string]bool{}
	err = fs.WalkDir(folder, ".", func(rel string, entry fs.DirEntry, err error) error {
		switch {
		case rel != "." && ignored(rel, ignore):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case err != nil && (rel == "." || entry == nil):
			return err
		case errors.Is(err, fs.ErrNotExist): // gone since its folder was listed
			return nil
		case err != nil:
			skip(rel, reasonOf(err))
			return nil
		case entry.IsDir():
			enter(rel)
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			skip(rel, "it is a link, and links are not followed")
			return nil
		case !entry.Type().IsRegular():
			skip(rel, "it is no file")
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			skip(rel, reasonOf(err))
			return nil
		}
		stored := strings.ReplaceAll(rel, `\`, "/") // as the server does
		if seen[stored] {
			skip(rel, "another file has the same path in the store; rename one")
			return nil
		}
		seen[stored] = true
		files = append(files, file{path: stored, size: info.Size(), changed: info.ModTime(),
			open: func() (io.ReadCloser, error) { return folder.Open(rel) },
			stat: func() (fs.FileInfo, error) { return fs.Stat(folder, rel) }})
		return nil
	})
	return files, left, err
}

// reasonOf is why a file cannot be read, for people.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "you may not read it"
	case errors.Is(err, fs.ErrNotExist):
		return "it is gone"
	case errors.Is(err, fs.ErrInvalid):
		return "its name cannot be used; rename it"
	}
	return "it cannot be read: " + err.Error()
}

// same tells whether a file looks as it did before, so that its content is not read again.
func (f file) same(before file) bool { return f.size == before.size && f.changed.Equal(before.changed) }

// moved tells whether a file is another than it was when it was listed.
func (f file) moved() bool {
	if f.stat == nil {
		return false
	}
	info, err := f.stat()
	return err != nil || info.Size() != f.size || !info.ModTime().Equal(f.changed)
}
