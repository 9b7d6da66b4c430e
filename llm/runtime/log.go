package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"unicode/utf8"
)

// boundedLog is a log file that starts anew when it is full; the one before is kept as .old.
type boundedLog struct {
	mu    sync.Mutex
	path  string
	limit int64
	file  *os.File
	size  int64
	last  tail
}

// openLog moves the log of the run before aside and begins a new one.
func openLog(path string, limit int64) (*boundedLog, error) {
	l := &boundedLog{path: path, limit: limit, last: tail{limit: 500}}
	if err := l.rotate(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *boundedLog) rotate() error {
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			return fmt.Errorf("close log: %w", err)
		}
	}
	if err := os.Rename(l.path, l.path+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move the old log: %w", err)
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	l.file, l.size = file, 0
	return nil
}

// Write never fails: a full disk must not end the model server.
func (l *boundedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last.Write(p) //nolint:errcheck // cannot fail
	for rest := p; len(rest) > 0; {
		if l.size >= l.limit && l.rotate() != nil {
			break
		}
		piece := rest[:min(int64(len(rest)), l.limit-l.size)]
		n, err := l.file.Write(piece)
		l.size += int64(n)
		if err != nil {
			break
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func (l *boundedLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// lastLine is the end of what was written, to say why a child ended.
func (l *boundedLog) lastLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := bytes.TrimSpace(l.last.kept)
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	if !utf8.Valid(text) {
		return strings.ToValidUTF8(string(text), "?")
	}
	return string(text)
}
