package ingest

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"
)

// namespace of chunk ids; changing it orphans every index.
var namespace = uuid.MustParse("6b0e4bd4-6a4c-4f1f-9b53-6a8a4f1f6d0e")

// ChunkID is the same for the same chunk of the same version, whoever makes it.
func ChunkID(ref Ref, seq int) string {
	name := ref.StoreID + "\x00" + ref.DocumentID + "\x00" + strconv.Itoa(ref.Version) + "\x00" + strconv.Itoa(seq)
	return uuid.NewSHA1(namespace, []byte(name)).String()
}

// toChunks turns byte offsets into code points and gives ids.
func toChunks(ref Ref, body string, spans []Span) ([]Chunk, error) {
	chunks := make([]Chunk, len(spans))
	at, points := 0, 0 // the same place, in bytes and in code points
	to := func(offset int) int {
		points += utf8.RuneCountInString(body[at:offset])
		at = offset
		return points
	}
	for i, sp := range spans {
		if sp.Start < at || sp.End <= sp.Start || sp.End > len(body) {
			return nil, fmt.Errorf("chunk %d from byte %d to %d is out of order in a text of %d", i, sp.Start, sp.End, len(body))
		}
		chunks[i] = Chunk{ID: ChunkID(ref, i), Seq: i, Start: to(sp.Start), End: to(sp.End), Page: sp.Page,
			Heading: sp.Heading, Header: sp.Header, Text: body[sp.Start:sp.End]}
	}
	return chunks, nil
}

// Searchable is what is embedded and analysed: the chunk with its context.
func (c Chunk) Searchable() string {
	if c.Header == "" {
		return c.Text
	}
	return c.Header + "\n" + c.Text
}
