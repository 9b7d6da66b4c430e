package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// unfinished is added to the name of a file that is being written.
const unfinished = ".part"

// Writer writes a backup. Close it or Abort it.
type Writer struct {
	path     string
	file     *os.File
	zip      *gzip.Writer
	tar      *tar.Writer
	manifest Manifest
}

// Create begins a backup at path, where nothing may be yet. Until Close the file
// has another name; only its owner may read it.
func Create(path string, head Head) (*Writer, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s exists already; give another name or move it away", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.Remove(path + unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a backup that broke off
		return nil, err
	}
	f, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	head.Format = Format
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w := &Writer{path: path, file: f, zip: z, tar: tar.NewWriter(z), manifest: Manifest{Head: head, Counts: map[string]int{}, Entries: []Entry{}}}
	if err := w.addJSON(headName, head); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	w.manifest.Entries = w.manifest.Entries[:0] // the manifest has the head itself
	return w, nil
}

// Add writes an entry of size bytes and tells their SHA-256.
func (w *Writer) Add(name string, size int64, r io.Reader) (sum string, err error) {
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
		return "", err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w.tar, h), io.LimitReader(r, size))
	if err != nil {
		return "", err
	}
	if n != size {
		return "", fmt.Errorf("%s ended after %d of %d bytes", name, n, size)
	}
	sum = hex.EncodeToString(h.Sum(nil))
	w.manifest.Entries = append(w.manifest.Entries, Entry{name, size, sum})
	return sum, nil
}

// AddBytes is Add for what is in memory.
func (w *Writer) AddBytes(name string, raw []byte) error {
	_, err := w.Add(name, int64(len(raw)), bytes.NewReader(raw))
	return err
}

func (w *Writer) addJSON(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.AddBytes(name, raw)
}

// Count adds to what the manifest says was written.
func (w *Writer) Count(what string, n int) { w.manifest.Counts[what] += n }

// Close writes the manifest, makes the file durable and gives it its name.
func (w *Writer) Close() (m Manifest, bytes int64, err error) {
	m = w.manifest
	raw, err := json.Marshal(m)
	if err == nil {
		err = w.AddBytes(manifestName, raw)
	}
	if err == nil {
		seal := sha256.Sum256(raw)
		err = w.AddBytes(sealName, []byte(hex.EncodeToString(seal[:])))
	}
	if err == nil {
		err = errors.Join(w.tar.Close(), w.zip.Close())
	}
	if err == nil {
		err = w.file.Sync()
	}
	var info fs.FileInfo
	if err == nil {
		info, err = w.file.Stat()
	}
	if err != nil {
		return m, 0, errors.Join(err, w.Abort())
	}
	if err := w.file.Close(); err != nil {
		return m, 0, err
	}
	if err := os.Rename(w.path+unfinished, w.path); err != nil {
		return m, 0, err
	}
	return m, info.Size(), syncDir(filepath.Dir(w.path))
}

// Abort leaves nothing behind.
func (w *Writer) Abort() error {
	return errors.Join(w.file.Close(), os.Remove(w.path+unfinished))
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
