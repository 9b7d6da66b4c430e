package llm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds one line of a stream, in bytes. langchaingo's scanner takes
// 64 KB at most.
const maxLine = 60 << 10

// lines reads lines of at most maxLine bytes. Nearly all are short: a buffer
// for the longest would be most of what an answer costs in memory.
type lines struct {
	r    *bufio.Reader
	long []byte // a line that the buffer does not hold
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReader(r)} }

// next gives the next line with its end, which is valid until the call after
// it. With an error of reading it gives what came; bufio.ErrBufferFull means
// that the line is too long.
func (l *lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	l.long = l.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) && len(l.long)+len(line) <= maxLine {
		l.long = append(l.long, line...)
		line, err = l.r.ReadSlice('\n')
	}
	if l.long = append(l.long, line...); len(l.long) > maxLine {
		err = bufio.ErrBufferFull
	}
	return l.long, err
}

// here is the next line if all of it has come, else nil. It stays the next one
// until it is skipped, and valid until next is called.
func (l *lines) here() []byte {
	came, _ := l.r.Peek(l.r.Buffered()) // never more than there is
	if end := bytes.IndexByte(came, '\n') + 1; end > 0 {
		return came[:end:end]
	}
	return nil
}

// skip passes over a line that here gave.
func (l *lines) skip(line []byte) { _, _ = l.r.Discard(len(line)) }
