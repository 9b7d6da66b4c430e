package app_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// needles are byte sequences of one width, which are looked for at every byte of what is searched.
type needles struct {
	width int
	by    map[uint64][]byte
	some  []bool // by the lowest bits: most places need no look into by
}

const needleBits = 22

func newNeedles(width int) *needles {
	return &needles{width: width, by: map[uint64][]byte{}, some: make([]bool, 1<<needleBits)}
}

// add takes a window of s at every step; one that is mostly zeros could stand anywhere.
func (n *needles) add(s []byte, step int) {
	for at := 0; at+n.width <= len(s); at += step {
		w := s[at : at+n.width]
		if bytes.Count(w, []byte{0}) > n.width*7/8 {
			continue
		}
		h := roll(w)
		n.by[h] = w
		n.some[h>>(64-needleBits)] = true
	}
}

// base of the rolling hash: any large odd number.
const base = 0x9e3779b97f4a7c15

func roll(w []byte) (h uint64) {
	for _, b := range w {
		h = h*base + uint64(b) + 1
	}
	return h
}

// in gives the needles that s holds.
func (n *needles) in(s []byte, found map[string]bool) {
	if len(s) < n.width {
		return
	}
	top := uint64(1) // base to the power of the width
	for range n.width {
		top *= base
	}
	h := roll(s[:n.width])
	for end := n.width; ; end++ {
		if n.some[h>>(64-needleBits)] {
			if w, ok := n.by[h]; ok && bytes.Equal(w, s[end-n.width:end]) {
				found[string(w)] = true
			}
		}
		if end == len(s) {
			return
		}
		h = h*base + uint64(s[end]) + 1 - top*(uint64(s[end-n.width])+1)
	}
}

// files calls each with the bytes of every file below dir.
func files(t *testing.T, dir string, each func(path string, raw []byte)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil {
			each(path, raw)
		}
		return err
	}))
}
