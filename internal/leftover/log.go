package leftover

import (
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

// logged gives the pages in the first frames of the write-ahead log of a file,
// each once, that were written after a position, and the position behind them.
// Opening and closing the log lets no lock go: there are none on it.
func logged(path string, after position, frames int64) (pages []uint32, to position, err error) {
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
	frame := frameHead + int64(binary.BigEndian.Uint32(head[8:]))
	to = after
	if salt := string(head[16:24]); salt != after.salt {
		to = position{salt: salt, at: logHead}
	}
	number := make([]byte, 4)
	for ; to.at < logHead+frames*frame; to.at += frame {
		if _, err := f.ReadAt(number, to.at); err != nil {
			return nil, after, err
		}
		pages = append(pages, binary.BigEndian.Uint32(number))
	}
	slices.Sort(pages)
	return slices.Compact(pages), to, nil
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// logState tells whether the log of a file grew, or is another one than before.
type logState struct {
	size int64
	salt string
}

func stateOfLog(path string) (logState, error) {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return logState{}, nil
	}
	if err != nil {
		return logState{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return logState{}, err
	}
	head := make([]byte, logHead)
	if _, err := io.ReadFull(f, head); err != nil && !ended(err) {
		return logState{}, err
	}
	return logState{size: info.Size(), salt: string(head[16:24])}, nil
}
