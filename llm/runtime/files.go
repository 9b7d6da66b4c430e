package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"groundwork/rag"
)

// record says that a file was found right, so that starting need not read gigabytes again.
type record struct {
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mod_time"`
}

const recordName = "verified.json"

// modelDir is where the files of e are, below the models directory.
func modelDir(dir string, e Entry) string { return filepath.Join(dir, "models", e.Name) }

// FilePath is where a file of e is (or will be), below the models directory dir.
func FilePath(dir string, e Entry, f File) string { return filepath.Join(modelDir(dir, e), f.Name) }

// Installed says whether every file of e is there as it was when it was last
// verified. It reads sizes and times only; Verify reads everything.
func Installed(dir string, e Entry) bool {
	records, err := readRecords(modelDir(dir, e))
	if err != nil {
		return false
	}
	for _, f := range e.Files {
		if !recorded(records, FilePath(dir, e, f), f) {
			return false
		}
	}
	return true
}

// Verify reads every file of e and compares checksums; an unpinned file is
// compared with what it was when it was fetched. The error names each file
// that is missing or different and the command that repairs it.
func Verify(ctx context.Context, dir string, e Entry) error {
	at := modelDir(dir, e)
	records, err := readRecords(at)
	if err != nil {
		return err
	}
	var wrong []error
	for _, f := range e.Files {
		want := f.SHA256
		if f.Unpinned {
			want = records[f.Name].SHA256
		}
		got, err := hashFile(ctx, filepath.Join(at, f.Name))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			err = errors.New("missing")
		case err == nil && got != want:
			err = fmt.Errorf("sha256 is %s, not %s", got, want)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", f.Name, err))
			delete(records, f.Name)
		} else if err := remember(records, at, f.Name, got); err != nil {
			return err
		}
	}
	if len(wrong) == 0 {
		return writeRecords(at, records)
	}
	if _, err := os.Stat(at); err == nil {
		if err := writeRecords(at, records); err != nil {
			wrong = append(wrong, err)
		}
	}
	return &rag.Error{
		Code: rag.CodeModel, Err: errors.Join(wrong...),
		Message: fmt.Sprintf("The files of %s are not as they should be; run `groundwork models pull %s`.", e.Name, e.Name),
	}
}

func recorded(records map[string]record, path string, f File) bool {
	r, ok := records[f.Name]
	if !ok || (!f.Unpinned && r.SHA256 != f.SHA256) {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Size() == r.Size && info.ModTime().Equal(r.ModTime)
}

func remember(records map[string]record, dir, name, sum string) error {
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("remember %s: %w", name, err)
	}
	records[name] = record{SHA256: sum, Size: info.Size(), ModTime: info.ModTime()}
	return nil
}

func readRecords(dir string) (map[string]record, error) {
	records := map[string]record{}
	raw, err := os.ReadFile(filepath.Join(dir, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return records, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was verified: %w", err)
	}
	if json.Unmarshal(raw, &records) != nil {
		return map[string]record{}, nil // it only saves work: the files are read again
	}
	return records, nil
}

func writeRecords(dir string, records map[string]record) error {
	raw, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		return fmt.Errorf("write what was verified: %w", err)
	}
	return writeFile(filepath.Join(dir, recordName), raw)
}

// writeFile replaces a file in one step.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone already when all went well
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// hashFile is the SHA-256 of a file in hexadecimal.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, stoppable{ctx, f}, make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("hash %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// locked runs do while this process alone holds the lock file; waiting is told first when another has it.
func locked(ctx context.Context, path string, waiting func(), do func() error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		waiting()
		ok, err = lock.TryLockContext(ctx, 250*time.Millisecond)
	}
	if err != nil || !ok {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return errors.Join(do(), lock.Unlock())
}
