package parse

import "encoding/binary"

// rtfPrimer is what the packed RTF of messages may refer back to before it has begun.
const rtfPrimer = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// maxUnpackedRTF is more than a message's text takes.
const maxUnpackedRTF = 32 << 20

// unpackRTF unpacks a message's RTF ([MS-OXRTFCP]): a flag for each of the next
// eight items, a byte or a reference into a ring of 4 KB. What is broken ends it.
func unpackRTF(packed []byte) []byte {
	if len(packed) < 16 {
		return nil
	}
	size := min(int(binary.LittleEndian.Uint32(packed[4:])), maxUnpackedRTF)
	switch body := packed[16:]; binary.LittleEndian.Uint32(packed[8:]) {
	case 0x414C454D: // not packed
		return body[:min(len(body), size)]
	case 0x75465A4C:
		return inflateRTF(body, size)
	}
	return nil
}

func inflateRTF(in []byte, size int) []byte {
	var ring [4096]byte
	at := copy(ring[:], rtfPrimer)
	var out []byte
	put := func(c byte) {
		out = append(out, c)
		ring[at] = c
		at = (at + 1) % len(ring)
	}
	for len(in) > 1 {
		flags := in[0]
		in = in[1:]
		for bit := 0; bit < 8 && len(in) > 0 && len(out) < size; bit++ {
			if flags>>bit&1 == 0 {
				put(in[0])
				in = in[1:]
				continue
			}
			if len(in) < 2 {
				return out
			}
			ref := int(in[0])<<8 | int(in[1])
			in = in[2:]
			from := ref >> 4
			if from == at {
				return out
			}
			for n := ref&15 + 2; n > 0; n-- {
				put(ring[from])
				from = (from + 1) % len(ring)
			}
		}
		if len(out) >= size {
			break
		}
	}
	return out
}
