package leftover

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Lengths in bytes. https://www.sqlite.org/fileformat.html#the_write_ahead_log
const (
	logHead   = 32
	frameHead = 24
)

// position is a place in the log behind a transaction. The log has another salt each time it begins anew.
type position struct {
	salt string
	at   int64
}

// logged gives the pages in the write-ahead log of a file, each once, that were
// written after a position, and the position behind them. Opening and closing
// the log lets no lock go: there are none on it.
func logged(path string, after position) (pages []uint32, to position, err error) {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, after, nil
	}
	if err != nil {
		return nil, after, err
	}
	defer f.Close()
	head := make([]byte, logHead)
	if _, err := io.ReadFull(f, head); ended(err) {
		return nil, after, nil
	} else if err != nil {
		return nil, after, err
	}
	size := int64(binary.BigEndian.Uint32(head[8:]))
	to = after
	if salt := string(head[16:24]); salt != after.salt {
		to = position{salt: salt, at: logHead}
	}
	frames := make([]byte, frameHead)
	whole := 0 // of pages: up to the end of a transaction
	for at := to.at; ; at += frameHead + size {
		if _, err := f.ReadAt(frames, at); ended(err) || err == nil && !bytes.Equal(frames[8:16], head[16:24]) { // what was before the log began anew
			break
		} else if err != nil {
			return nil, after, err
		}
		pages = append(pages, binary.BigEndian.Uint32(frames))
		if binary.BigEndian.Uint32(frames[4:]) != 0 {
			whole, to.at = len(pages), at+frameHead+size
		}
	}
	pages = pages[:whole]
	slices.Sort(pages)
	return slices.Compact(pages), to, nil
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// length tells whether the log of a file is longer than, or another one as, before.
type length struct {
	size int64
	salt string
}

func look(path string) (length, error) {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return length{}, nil
	}
	if err != nil {
		return length{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return length{}, err
	}
	head := make([]byte, logHead)
	if _, err := io.ReadFull(f, head); err != nil && !ended(err) {
		return length{}, err
	}
	return length{size: info.Size(), salt: string(head[16:24])}, nil
}
