package parse

import (
	"fmt"

	"github.com/samyfodil/wazy/api"
	"golang.org/x/sys/unix"
)

// linear is the memory of the PDF reader: address space for all it may ever
// use, so that growing copies nothing, and a refusal past its end. It is set
// aside before the reader is compiled, which may leave too little of it.
type linear struct {
	space   []byte
	refused bool
}

func newLinear(bytes int64) (*linear, error) {
	space, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("set memory aside: %w", err)
	}
	return &linear{space: space}, nil
}

// bound lowers the end to bytes, and says whether there is as much.
func (l *linear) bound(bytes int64) bool {
	if bytes > int64(len(l.space)) {
		return false
	}
	l.space = l.space[:bytes]
	return true
}

// Allocate implements api.MemoryAllocator.
func (l *linear) Allocate(_, _ uint64) api.LinearMemory { return l }

// Reallocate implements api.LinearMemory.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l.space)) {
		l.refused = true
		return nil
	}
	return l.space[:size:size]
}

// Free implements api.LinearMemory.
func (l *linear) Free() {
	_ = unix.Munmap(l.space[:cap(l.space)]) // the process ends soon, and gives everything back
	l.space = nil
}
