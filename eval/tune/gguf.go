package tune

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxString bounds a string in a GGUF header, in bytes; chat templates are the longest.
const maxString = 16 << 20

// ggufStrings reads the keys of a GGUF file whose values are texts.
func ggufStrings(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the adapter: %w", err)
	}
	defer f.Close()
	r := &ggufReader{in: bufio.NewReader(f)}
	out := r.strings()
	if r.err != nil {
		return nil, fmt.Errorf("%s is no GGUF file: %w", file, r.err)
	}
	return out, nil
}

// ggufReader remembers the first error.
type ggufReader struct {
	in  *bufio.Reader
	err error
}

func (r *ggufReader) strings() map[string]string {
	if magic := r.number(4); r.err == nil && magic != 0x46554747 {
		r.err = errors.New("it does not start with GGUF")
	}
	if version := r.number(4); r.err == nil && (version < 2 || version > 3) {
		r.err = fmt.Errorf("version %d is not known", version)
	}
	r.number(8) // tensors
	out := map[string]string{}
	for n := r.number(8); n > 0 && r.err == nil; n-- {
		key := r.text()
		if kind := r.number(4); kind == 8 {
			out[key] = r.text()
		} else {
			r.skip(kind)
		}
	}
	return out
}

func (r *ggufReader) number(size int) uint64 {
	var b [8]byte
	if r.err == nil {
		_, r.err = io.ReadFull(r.in, b[:size])
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (r *ggufReader) text() string {
	n := r.number(8)
	if r.err == nil && n > maxString {
		r.err = errors.New("a text in it is too long")
	}
	if r.err != nil {
		return ""
	}
	b := make([]byte, n)
	_, r.err = io.ReadFull(r.in, b)
	return string(b)
}

// skip passes over a value of a kind; arrays of arrays are not used by any writer.
func (r *ggufReader) skip(kind uint64) {
	sizes := map[uint64]int{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
	if size, ok := sizes[kind]; ok {
		r.number(size)
		return
	}
	if kind != 9 {
		r.err = errors.Join(r.err, fmt.Errorf("a value of kind %d is not known", kind))
		return
	}
	of := r.number(4)
	for n := r.number(8); n > 0 && r.err == nil; n-- {
		if of == 8 {
			r.text()
		} else {
			r.skip(of)
		}
	}
}
