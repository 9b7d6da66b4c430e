package backup

import (
	"archive/tar"
	"bufio"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxManifest bounds what is read into memory before anything is known of a file.
const maxManifest = 1 << 30

// Verify reads the whole file and compares every checksum. progress hears how
// many bytes of the file were read; it may be nil.
func Verify(path string, progress func(read, total int64)) (Manifest, error) {
	var found []Entry
	var raw []byte
	var head *Head
	sealed := false
	err := walk(path, progress, func(name string, size int64, r io.Reader) error {
		switch {
		case head == nil:
			h, err := readHead(path, name, size, r)
			head = &h
			return err
		case sealed:
			return damaged(path, "something stands behind its end")
		case name == manifestName && raw == nil:
			return readManifest(path, size, r, &raw)
		case raw != nil:
			sealed = true
			return checkSeal(path, name, r, raw)
		}
		h := sha256.New()
		n, err := io.Copy(h, r)
		found = append(found, Entry{name, n, hex.EncodeToString(h.Sum(nil))})
		return err
	})
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if !sealed {
		return m, damaged(path, "its end is missing")
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, damaged(path, "its manifest cannot be read")
	}
	return m, compare(path, m, *head, found)
}

// Each calls each for the entries of the installation, in order. The file was
// verified before: what comes is not compared again.
func Each(path string, each func(name string, size int64, r io.Reader) error) error {
	first := true
	return walk(path, nil, func(name string, size int64, r io.Reader) error {
		if first || name == manifestName || name == sealName {
			first = false
			return nil
		}
		return each(name, size, r)
	})
}

func walk(path string, progress func(read, total int64), each func(name string, size int64, r io.Reader) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	counted := &counter{r: f, total: info.Size(), progress: progress}
	z, err := gzip.NewReader(bufio.NewReaderSize(counted, 1<<18))
	if err != nil {
		return fmt.Errorf("%s is no backup of Groundwork", path)
	}
	t := tar.NewReader(z)
	for first := true; ; first = false {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && first {
			return fmt.Errorf("%s is no backup of Groundwork", path)
		}
		if err != nil {
			return broken(path, err)
		}
		if err := each(h.Name, h.Size, t); err != nil {
			return broken(path, err)
		}
	}
	if _, err := io.Copy(io.Discard, z); err != nil { // the checksum behind the last entry
		return broken(path, err)
	}
	return nil
}

// broken says of errors of the formats below what they mean; others stay as they are.
func broken(path string, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return damaged(path, "it is cut off")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, tar.ErrHeader), isCorrupt(err):
		return damaged(path, "its bytes are not those that were written")
	}
	return err
}

func readHead(path, name string, size int64, r io.Reader) (h Head, err error) {
	if name != headName || size > maxManifest {
		return h, fmt.Errorf("%s is no backup of Groundwork", path)
	}
	if err := json.NewDecoder(r).Decode(&h); err != nil {
		return h, damaged(path, "its first entry cannot be read")
	}
	if h.Format > Format {
		return h, fmt.Errorf("%s has format %d and was written by Groundwork %s; this version reads formats up to %d: restore it with that version or a newer one",
			path, h.Format, h.Version, Format)
	}
	return h, nil
}

func readManifest(path string, size int64, r io.Reader, raw *[]byte) (err error) {
	if size > maxManifest {
		return damaged(path, "its manifest is too large")
	}
	*raw, err = io.ReadAll(r)
	return err
}

func checkSeal(path, name string, r io.Reader, manifest []byte) error {
	want, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(manifest); name != sealName || hex.EncodeToString(sum[:]) != string(want) {
		return damaged(path, "its manifest is not the one that was written")
	}
	return nil
}

func compare(path string, m Manifest, head Head, found []Entry) error {
	if m.Head != head {
		return damaged(path, "its first entry is not the one that was written")
	}
	if len(found) != len(m.Entries) {
		return damaged(path, fmt.Sprintf("it holds %d entries instead of %d", len(found), len(m.Entries)))
	}
	for i, e := range m.Entries {
		if found[i] != e {
			return damaged(path, "the entry "+e.Name+" is not the one that was written")
		}
	}
	return nil
}

// counter tells how far a file is read.
type counter struct {
	r           io.Reader
	read, total int64
	progress    func(read, total int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read += int64(n)
	if c.progress != nil {
		c.progress(c.read, c.total)
	}
	return n, err
}

func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.As(err, &corrupt)
}
