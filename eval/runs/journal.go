package runs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"groundwork/internal/disk"
)

// Journal is a file of lines beside a run, such as what a judge said of its answers. The first line is its head.
type Journal struct {
	file  *os.File
	Lines []json.RawMessage // known when it was opened, without the head
}

const journalExt = ".journal.jsonl"

// Open opens a run's journal of that name to add to it, or begins one with head.
func (s Store) Open(run, name string, head any) (*Journal, error) {
	path := filepath.Join(s.dir, run, name+journalExt)
	first, lines, whole, err := readJournal(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		err = file.Truncate(whole)
	}
	if err == nil {
		err = disk.Sync(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("open the journal %s of run %s: %w", name, run, err)
	}
	j := &Journal{file: file, Lines: lines}
	if first == nil {
		err = j.Add(head)
	}
	return j, err
}

// Add keeps a line; it is on the disk when Add returns.
func (j *Journal) Add(v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Close ends writing.
func (j *Journal) Close() error { return j.file.Close() }

// Journals gives each journal of a run whose name begins so: with read its head and lines.
func (s Store) Journals(run, prefix string, read func(head json.RawMessage, lines []json.RawMessage) error) error {
	files, err := filepath.Glob(filepath.Join(s.dir, run, "*"+journalExt))
	if err != nil {
		return fmt.Errorf("list the journals: %w", err)
	}
	for _, file := range files {
		if !strings.HasPrefix(filepath.Base(file), prefix) {
			continue
		}
		head, lines, _, err := readJournal(file)
		if err != nil {
			return err
		}
		if head == nil {
			continue
		}
		if err := read(head, lines); err != nil {
			return err
		}
	}
	return nil
}

func readJournal(path string) (head json.RawMessage, lines []json.RawMessage, whole int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, 0, nil
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("read the journal: %w", err)
	}
	defer file.Close()
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadBytes('\n')
		if err != nil { // what has no end of line was not written whole
			return head, lines, whole, nil
		}
		if !json.Valid(line) {
			return nil, nil, 0, fmt.Errorf("%s is damaged at byte %d", path, whole)
		}
		whole += int64(len(line))
		if head == nil {
			head = line
		} else {
			lines = append(lines, line)
		}
	}
}
