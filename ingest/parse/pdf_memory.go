package parse

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// linear is the memory of the PDF reader: address space for all it may ever
// use, so that growing copies nothing, and a refusal past its limit.
type linear struct {
	limit   int64 // bytes
	refused bool
	space   []byte
}

// Allocate implements experimental.MemoryAllocator.
func (l *linear) Allocate(_, most uint64) experimental.LinearMemory {
	space, err := unix.Mmap(-1, 0, int(min(uint64(l.limit), most)), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil {
		l.space = space
	}
	return l
}

// Reallocate implements experimental.LinearMemory.
func (l *linear) Reallocate(size uint64) []byte {
	if size > uint64(len(l.space)) {
		l.refused = true
		return nil
	}
	return l.space[:size:size]
}

// Free implements experimental.LinearMemory.
func (l *linear) Free() {
	_ = unix.Munmap(l.space) // the process ends soon, and gives everything back
	l.space = nil
}
