package ingest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum tells whether bits of a text rotted; it is no defence against people.
func Checksum(text string) int64 { return int64(crc32.Checksum([]byte(text), castagnoli)) }

// Checksum is that of everything a chunk says. Never change it: it is stored.
func (c Chunk) Checksum() int64 {
	h := crc32.New(castagnoli)
	fmt.Fprintf(h, "%s\x00%d\x00%d\x00%d\x00%d\x00%q\x00%s\x00%s", c.ID, c.Seq, c.Start, c.End, c.Page, c.Heading, c.Header, c.Text)
	return int64(h.Sum32())
}

// Checksum is that of an entry without its terms, which can be made again from
// its chunk. Never change it: it is stored.
func (e Entry) Checksum() int64 {
	h := crc32.New(castagnoli)
	fmt.Fprintf(h, "%s\x00%s\x00%d\x00", e.ChunkID, e.DocumentID, e.Version)
	raw := make([]byte, 0, 4*len(e.Vector))
	for _, x := range e.Vector {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	_, _ = h.Write(raw) // never fails
	return int64(h.Sum32())
}

// Checksum is that of the entry that was upserted, as far as it is held.
func (h Held) Checksum() int64 {
	return Entry{ChunkID: h.ChunkID, DocumentID: h.DocumentID, Version: h.Version, Vector: h.Vector}.Checksum()
}
