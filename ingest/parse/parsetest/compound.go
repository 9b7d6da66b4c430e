package parsetest

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
)

// Compound packs streams into a file system in a file (MS-CFB). Names are
// paths with slashes; every stream goes into the small sectors of the root's stream.
func Compound(streams map[string][]byte) []byte {
	c := cfb{entries: []cfbEntry{{name: "Root Entry", kind: 5, child: none, left: none, right: none}}}
	for _, name := range slices.Sorted(maps.Keys(streams)) {
		c.add(0, strings.Split(name, "/"), streams[name])
	}
	return c.bytes()
}

const (
	none     = 0xFFFFFFFF
	endChain = 0xFFFFFFFE
)

type cfbEntry struct {
	name               string
	kind               byte // 1: folder, 2: stream, 5: root
	left, right, child uint32
	start, size        uint32
}

type cfb struct {
	entries []cfbEntry
	mini    bytes.Buffer // the root's stream
	chain   []uint32     // of small sectors
}

// add makes what is missing of the path. Entries of a folder hang on each other to the right, which is a tree, if a poor one.
func (c *cfb) add(folder uint32, path []string, data []byte) {
	last := uint32(none)
	for i := c.entries[folder].child; i != none; i = c.entries[i].right {
		if c.entries[i].name == path[0] {
			c.add(i, path[1:], data)
			return
		}
		last = i
	}
	e := cfbEntry{name: path[0], kind: 1, left: none, right: none, child: none}
	if len(path) == 1 {
		e.kind, e.size, e.start = 2, uint32(len(data)), uint32(len(c.chain))
		c.mini.Write(data)
		for n := (len(data) + 63) / 64; n > 0; n-- {
			next := uint32(len(c.chain) + 1)
			if n == 1 {
				next = endChain
			}
			c.chain = append(c.chain, next)
		}
		c.mini.Write(make([]byte, len(c.chain)*64-c.mini.Len()))
	}
	at := uint32(len(c.entries))
	c.entries = append(c.entries, e)
	if last == none {
		c.entries[folder].child = at
	} else {
		c.entries[last].right = at
	}
	if len(path) > 1 {
		c.add(at, path[1:], data)
	}
}

func (c *cfb) bytes() []byte {
	c.entries[0].size = uint32(c.mini.Len())
	var dir, small bytes.Buffer
	sectors := func(n int) uint32 { return uint32((n + 511) / 512) }
	nDir, nSmall, nMini := sectors(128*len(c.entries)), sectors(4*len(c.chain)), sectors(c.mini.Len())
	nFAT := uint32(1)
	for nFAT*128 < nFAT+nDir+nSmall+nMini {
		nFAT++
	}
	c.entries[0].start = nFAT + nDir + nSmall
	for _, e := range c.entries {
		dir.Write(e.bytes())
	}
	write := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			_ = binary.Write(b, binary.LittleEndian, v) // into memory
		}
	}
	write(&small, c.chain)
	var head, fat bytes.Buffer
	head.WriteString("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	write(&head, make([]byte, 16), uint16(0x3E), uint16(3), uint16(0xFFFE), uint16(9), uint16(6), make([]byte, 6), uint32(0),
		nFAT, nFAT, uint32(0), uint32(4096), nFAT+nDir, nSmall, uint32(endChain), uint32(0))
	for i := range uint32(109) {
		if i < nFAT {
			write(&head, i)
		} else {
			write(&head, uint32(none))
		}
	}
	next := nFAT
	for range nFAT {
		write(&fat, uint32(0xFFFFFFFD))
	}
	for _, n := range []uint32{nDir, nSmall, nMini} {
		for i := range n {
			if next++; i == n-1 {
				write(&fat, uint32(endChain))
			} else {
				write(&fat, next)
			}
		}
	}
	for fat.Len() < int(nFAT)*512 {
		write(&fat, uint32(none))
	}
	out := append(head.Bytes(), fat.Bytes()...)
	for _, part := range []*bytes.Buffer{&dir, &small, &c.mini} {
		part.Write(make([]byte, int(sectors(part.Len()))*512-part.Len()))
		out = append(out, part.Bytes()...)
	}
	return out
}

func (e cfbEntry) bytes() []byte {
	var b bytes.Buffer
	name := utf16.Encode([]rune(e.name))
	field := make([]uint16, 32)
	copy(field, name)
	for _, v := range []any{field, uint16(2 * (len(name) + 1)), e.kind, byte(1), e.left, e.right, e.child, make([]byte, 36), e.start, e.size, uint32(0)} {
		_ = binary.Write(&b, binary.LittleEndian, v) // into memory
	}
	return b.Bytes()
}

// WideText is text as most properties of a message hold it.
func WideText(s string) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, utf16.Encode([]rune(s))) // into memory
	return b.Bytes()
}

// compound takes names and contents in turn.
func compound(streams ...string) []byte {
	all := map[string][]byte{}
	for i := 0; i+1 < len(streams); i += 2 {
		all[streams[i]] = []byte(streams[i+1])
	}
	return Compound(all)
}

// directory is where the entries of a file system begin.
func directory(raw []byte) int { return 512 + 512*int(binary.LittleEndian.Uint32(raw[48:])) }
