package leftover

import "encoding/binary"

// Left counts the pages of a file that have leftovers.
func Left(file []byte) (n int) {
	size := int(binary.BigEndian.Uint16(file[16:]))
	l := readLayout(file[:size])
	for at := 0; at+size <= len(file); at += size {
		if !empty(l.unused(file[at:at+size], uint32(at/size+1))) {
			n++
		}
	}
	return n
}
